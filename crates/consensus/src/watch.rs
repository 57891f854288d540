//! Watching the log: what has happened from an index on, and then what happens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stint_core::{Event, Timestamp};
use tokio::sync::watch;

use crate::error::Error;
use crate::recent::{Mark, Occurrence, Recent};

/// The latest occurrences, shared by the one who applies and all who watch.
#[derive(Debug)]
pub(crate) struct Watched {
    recent: Mutex<Recent>,
    /// Counts up when there is something new for those who watch. Most entries of an idle cluster
    /// are heartbeats, which wake nobody.
    news: watch::Sender<u64>,
}

impl Watched {
    /// Nothing yet, of the entries after this one.
    pub(crate) fn after(mark: Option<Mark>) -> Self {
        Self { recent: Mutex::new(Recent::after(mark)), news: watch::Sender::new(0) }
    }

    /// Keeps what applied entries made happen, in their order.
    pub(crate) fn add<'a>(&self, entries: impl Iterator<Item = (Mark, &'a [Event])>) {
        let has_news = {
            let mut recent = self.recent();
            entries.fold(false, |has_news, (mark, events)| recent.add(mark, events) | has_news)
        };
        if has_news {
            self.tell();
        }
    }

    /// Forgets all: history has jumped to this entry, and nobody here knows what was in between.
    pub(crate) fn jump(&self, mark: Option<Mark>) {
        *self.recent() = Recent::after(mark);
        self.tell();
    }

    fn tell(&self) {
        self.news.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the log, from which on its occurrences are read as this replica applies them. It
/// holds none itself: a reader that is so slow that they are forgotten is told where to go on.
#[derive(Debug)]
pub struct Watcher {
    watched: Arc<Watched>,
    news: watch::Receiver<u64>,
    next: u64,
}

impl Watcher {
    /// From this index on, which may be in the future; without one from the next entry on.
    pub(crate) fn new(watched: Arc<Watched>, from: Option<u64>) -> Self {
        let news = watched.news.subscribe();
        let next = from.unwrap_or_else(|| watched.recent().next());
        Self { watched, news, next }
    }

    /// The index of the entry that is read next: all before it has been given.
    pub fn next_index(&self) -> u64 {
        self.next
    }

    /// The time of the last entry that this replica has applied.
    pub fn time(&self) -> Timestamp {
        self.watched.recent().at()
    }

    /// What there is now: the occurrences of whole entries in the order of the log, a bounded
    /// number of bytes of them; none when all have been given.
    ///
    /// # Errors
    /// [`Error::Compacted`] if some that come next are not kept any more.
    pub fn take(&mut self) -> Result<Vec<Occurrence>, Error> {
        let found = self.watched.recent().from(self.next);
        let (batch, next) =
            found.map_err(|old| Error::Compacted { wanted: self.next, oldest: old.oldest })?;
        self.next = next;
        Ok(batch)
    }

    /// The same, once there is something. Can be dropped while it waits.
    ///
    /// # Errors
    /// Those of [`Self::take`].
    pub async fn next(&mut self) -> Result<Vec<Occurrence>, Error> {
        loop {
            self.news.mark_unchanged();
            let batch = self.take()?;
            if !batch.is_empty() {
                return Ok(batch);
            }
            if self.news.changed().await.is_err() {
                return Err(Error::ShuttingDown);
            }
        }
    }
}
