//! The replica's log: numbered entries, and small named values that live beside them.

mod table;
mod turn;
mod window;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver},
    },
    thread::{self, JoinHandle},
};

use stint_measure::Distribution;

use crate::{
    Error,
    database::Database,
    directory::{DirLock, held},
    disk::Tap,
    limits::{CHECK_BYTES, ENTRY_BYTES_MAX, LOG_CACHE_BYTES, VALUE_BYTES_MAX},
};

pub use self::turn::{Pace, Turn};
use self::{
    window::Window,
    writer::{Done, Shared, Task, Work},
};

/// When a named value is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durable {
    /// Before the call returns.
    Now,
    /// With the next commit that takes all that is queued, whatever causes it; so never before an entry
    /// that was queued ahead of it. Readers see it at once. It costs no sync, and is lost if the process
    /// is killed before, or a commit fails. Refused while the disk that took the last commit is full.
    Later,
}

/// The log. Clones share it; the last one closes it, after writing what was queued.
///
/// Entries are contiguous. What was queued by [`Log::append`] is visible to [`Log::read`] and
/// [`Log::last_index`] at once, and durable when its `done` is called.
#[derive(Clone)]
pub struct Log {
    handle: Arc<Handle>,
}

/// Ends the writer thread when the last clone of the log is gone.
struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Log {
    /// Creates an empty log file at a path where none is, closed again and synced.
    pub(crate) fn create(path: &Path) -> Result<(), Error> {
        let database = Database::create(path, LOG_CACHE_BYTES, None)?;
        table::create(&database)
    }

    /// Whether a log file was created and never used.
    pub(crate) fn is_blank(path: &Path) -> Result<bool, Error> {
        table::is_blank(&Database::open(path, LOG_CACHE_BYTES, None)?)
    }

    pub(crate) fn open(
        path: &Path,
        lock: Arc<DirLock>,
        tap: Option<Arc<dyn Tap>>,
    ) -> Result<Self, Error> {
        let shared = Self::open_shared(path, lock, tap, None)?;
        let thread = thread::Builder::new()
            .name("log-writer".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || shared.run()
            })
            .map_err(|error| crate::directory::io_error("start the writer of", path, error))?;
        let thread = Mutex::new(Some(thread));
        Ok(Self { handle: Arc::new(Handle { shared, thread }) })
    }

    /// The same without a thread: `pace` says when what is queued is written.
    pub(crate) fn open_paced(
        path: &Path,
        lock: Arc<DirLock>,
        tap: Option<Arc<dyn Tap>>,
        pace: Arc<dyn Pace>,
    ) -> Result<Self, Error> {
        let shared = Self::open_shared(path, lock, tap, Some(pace))?;
        Ok(Self { handle: Arc::new(Handle { shared, thread: Mutex::new(None) }) })
    }

    fn open_shared(
        path: &Path,
        lock: Arc<DirLock>,
        tap: Option<Arc<dyn Tap>>,
        pace: Option<Arc<dyn Pace>>,
    ) -> Result<Arc<Shared>, Error> {
        let database = Database::open(path, LOG_CACHE_BYTES, tap)?;
        let stored = table::bounds(&database)?;
        Ok(Arc::new(Shared::new(database, Window::new(stored), lock, pace)))
    }

    /// The last entry, queued ones included; `None` if there is none (also when all are purged).
    pub fn last_index(&self) -> Option<u64> {
        self.shared().window().last()
    }

    /// The first entry that was not purged; `None` if there is none.
    pub fn first_index(&self) -> Option<u64> {
        self.shared().window().first()
    }

    /// Reads all of it, and finds what is damaged or missing. Entries that nobody has read for long are
    /// those that the next follower who is behind needs.
    pub fn check(&self) -> Result<(), Error> {
        let (Some(mut next), Some(last)) = (self.first_index(), self.last_index()) else {
            return Ok(());
        };
        while next <= last {
            let found = self.read(next, last + 1, CHECK_BYTES)?;
            // At least one, or an error.
            next = found.last().map_or(last, |(index, _)| *index) + 1;
        }
        Ok(())
    }

    /// The last purged index and the marker that was given with it.
    pub fn purged(&self) -> Option<(u64, Vec<u8>)> {
        self.shared().window().purged().cloned()
    }

    /// Queues entries, which must follow the last one (after a purge: the purged index; in an
    /// empty log: anything). `done` is called once, by the writer thread and in the order of the
    /// appends, when the entries are durable, or with the reason why none of them is in the log.
    /// An append that is refused at once (not contiguous, too large) calls it from here. `done`
    /// must be short, since it holds up the next group, and must not wait for this log.
    ///
    /// After a failure the log ends where it ended before, and everything queued behind the
    /// failed append is answered with the same error. Waits while a large amount is queued.
    pub fn append(
        &self,
        entries: Vec<(u64, Vec<u8>)>,
        done: impl FnOnce(Result<(), Error>) + Send + 'static,
    ) {
        for (_, entry) in &entries {
            if let Err(error) = fits("a log entry", entry, ENTRY_BYTES_MAX) {
                return done(Err(error));
            }
        }
        let entries =
            entries.into_iter().map(|(index, entry)| (index, Arc::new(entry))).collect::<Vec<_>>();
        self.shared().queue(Work { task: Task::Append(entries), done: Box::new(done) });
    }

    /// The entries of `from..to_exclusive` in order, without gap, as many as fit `bytes_max` but
    /// at least one. Fewer than asked for if the log ends before; empty if it ends before `from`.
    ///
    /// # Errors
    /// [`Error::Purged`] if `from` was purged, [`Error::Corrupt`] and [`Error::Hole`] at the first
    /// entry that is damaged or missing, if no sound one comes before it.
    pub fn read(
        &self,
        from: u64,
        to_exclusive: u64,
        bytes_max: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        self.shared().read(from, to_exclusive, bytes_max)
    }

    /// Removes the entries from `index` on, durably, after all appends queued before. Nothing to
    /// remove is fine.
    ///
    /// # Errors
    /// [`Error::Purged`] if `index` was purged.
    pub fn truncate_from(&self, index: u64) -> Result<(), Error> {
        self.queue_and_wait(Task::Truncate(index))
    }

    /// Removes the entries up to and including `index`, which may lie beyond the last one, and
    /// remembers `marker`. When it returns, the mark is durable and the entries are invisible;
    /// their space is freed bit by bit behind it, also after a crash. An index that is purged
    /// already changes nothing.
    pub fn purge_to(&self, index: u64, marker: &[u8]) -> Result<(), Error> {
        fits("a purge marker", marker, VALUE_BYTES_MAX)?;
        self.queue_and_wait(Task::Purge(index, marker.to_vec()))
    }

    /// Stores a small named value over its former one. Works on the reserve of a full disk.
    pub fn put(&self, key: &'static str, value: &[u8], durable: Durable) -> Result<(), Error> {
        fits("a named value", value, VALUE_BYTES_MAX)?;
        match durable {
            Durable::Now => self.queue_and_wait(Task::Put(key, value.to_vec())),
            Durable::Later => self.shared().put_later(key, value),
        }
    }

    /// The value last put, durable or not.
    ///
    /// # Errors
    /// [`Error::Damaged`] if its checksum does not match.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.shared().get(key)
    }

    /// How long its commits took, each until fdatasync had returned.
    pub fn commits(&self) -> Distribution {
        self.shared().commits()
    }

    fn queue_and_wait(&self, task: Task) -> Result<(), Error> {
        let (done, answer) = waiter();
        self.shared().queue(Work { task, done });
        self.shared().write_if_paced();
        answer.recv().unwrap_or_else(|_| Err(self.shared().writer_is_gone()))
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
        self.shared.write_if_paced();
        let thread = held(&self.thread).take();
        // The last clone may be dropped by a `done`, on the writer thread itself.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id())
            && thread.join().is_err()
        {
            tracing::error!("the log writer panicked");
        }
    }
}

fn waiter() -> (Done, Receiver<Result<(), Error>>) {
    let (sender, receiver) = mpsc::sync_channel(1);
    let done = move |result| {
        // The one who waits is gone only if its thread died.
        drop(sender.send(result));
    };
    (Box::new(done), receiver)
}

fn fits(what: &'static str, value: &[u8], bytes_max: usize) -> Result<(), Error> {
    if value.len() > bytes_max {
        return Err(Error::TooLarge { what, bytes: value.len(), bytes_max });
    }
    Ok(())
}
