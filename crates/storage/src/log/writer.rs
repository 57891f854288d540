//! The one thread that writes the log: takes what is queued, commits it as one group, answers.

use std::{
    collections::{BTreeMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ThreadId},
    time::Instant,
};

use stint_failpoint::failpoint;
use stint_measure::{Distribution, Times};

use crate::{
    Error,
    database::{Commit, Database, Fault, WriteTransaction, panic_text},
    directory::{DirLock, check_reserve, held},
    limits::{GROUP_BYTES_MAX, QUEUE_BYTES_MAX},
};

use super::{
    table,
    turn::{Pace, Turn},
    window::{Bounds, Entry, Window},
};

/// Called once with the outcome of a task.
pub(super) type Done = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// One change of the log.
pub(super) enum Task {
    Append(Vec<Entry>),
    Truncate(u64),
    Purge(u64, Vec<u8>),
    Put(&'static str, Vec<u8>),
}

impl Task {
    fn bytes(&self) -> usize {
        match self {
            Self::Append(entries) => entries.iter().map(|(_, entry)| entry.len()).sum(),
            Self::Truncate(_) | Self::Purge(..) => 0,
            Self::Put(_, value) => value.len(),
        }
    }
}

/// A change and the one who waits for it.
pub(super) struct Work {
    pub(super) task: Task,
    pub(super) done: Done,
}

/// What callers and the writer share.
pub(super) struct Shared {
    database: Database,
    queue: Mutex<Queue>,
    /// The queue has grown, or is to be closed.
    grown: Condvar,
    /// The queue has shrunk.
    shrunk: Condvar,
    writer: OnceLock<ThreadId>,
    /// Who says when to write, if it is not the thread.
    pace: Option<Arc<dyn Pace>>,
    /// Who sets the pace has been told, and has not had it written yet.
    has_turn: AtomicBool,
    /// How long commits took that something was queued for, until they were on the disk.
    commits: Times,
    _lock: Arc<DirLock>,
}

struct Queue {
    window: Window,
    works: VecDeque<Work>,
    bytes: usize,
    /// Values that ride with the next commit.
    later: BTreeMap<&'static str, Vec<u8>>,
    /// Purged entries may be left in the file.
    needs_sweep: bool,
    /// The last commit failed for want of room: what it left in the file is to be found out.
    is_unsure: bool,
    is_closing: bool,
}

/// What one commit takes.
struct Group {
    works: Vec<Work>,
    later: BTreeMap<&'static str, Vec<u8>>,
    stored: Bounds,
    is_unsure: bool,
    needs_sweep: bool,
}

impl Shared {
    pub(super) fn new(
        database: Database,
        window: Window,
        lock: Arc<DirLock>,
        pace: Option<Arc<dyn Pace>>,
    ) -> Self {
        let queue = Queue {
            needs_sweep: window.purged().is_some(),
            window,
            works: VecDeque::new(),
            bytes: 0,
            later: BTreeMap::new(),
            is_unsure: false,
            is_closing: false,
        };
        Self {
            database,
            queue: Mutex::new(queue),
            grown: Condvar::new(),
            shrunk: Condvar::new(),
            writer: OnceLock::new(),
            pace,
            has_turn: AtomicBool::new(false),
            commits: Times::default(),
            _lock: lock,
        }
    }

    /// Shows the change to readers and queues it.
    pub(super) fn queue(self: &Arc<Self>, work: Work) {
        let bytes = work.task.bytes();
        if held(&self.queue).bytes > QUEUE_BYTES_MAX {
            self.write_if_paced();
        }
        let mut queue = held(&self.queue);
        // A `done` that appends must not wait for its own thread.
        while queue.bytes > QUEUE_BYTES_MAX && self.writer.get() != Some(&thread::current().id()) {
            queue = self.shrunk.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let shown = match &work.task {
            Task::Append(entries) => queue.window.push(entries),
            Task::Truncate(index) => queue.window.truncate_from(*index),
            Task::Purge(index, marker) => {
                queue.window.purge_to(*index, marker);
                Ok(())
            }
            Task::Put(key, _) => {
                queue.later.remove(key);
                Ok(())
            }
        };
        if let Err(error) = shown {
            drop(queue);
            return (work.done)(Err(error));
        }
        queue.bytes += bytes;
        queue.works.push_back(work);
        drop(queue);
        self.wake();
    }

    pub(super) fn put_later(&self, key: &'static str, value: &[u8]) -> Result<(), Error> {
        // A log that has failed says so here too.
        self.database.read(|_| Ok(()))?;
        held(&self.queue).later.insert(key, value.to_vec());
        Ok(())
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        if let Some(value) = held(&self.queue).later.get(key) {
            return Ok(Some(value.clone()));
        }
        self.database.read(|txn| table::value(txn, key))
    }

    pub(super) fn window(&self) -> impl std::ops::Deref<Target = Window> + '_ {
        WindowGuard(held(&self.queue))
    }

    pub(super) fn read(
        &self,
        from: u64,
        to: u64,
        bytes_max: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        loop {
            let queue = held(&self.queue);
            let window = &queue.window;
            if let Some((upto, _)) = window.purged().filter(|(upto, _)| *upto >= from) {
                return Err(Error::Purged { upto: *upto });
            }
            let Some((first, last)) = window.first().zip(window.last()) else {
                return Ok(Vec::new());
            };
            let to = to.min(last.saturating_add(1));
            if from >= to {
                return Ok(Vec::new());
            }
            if from < first {
                return Err(Error::Hole { index: from });
            }
            let (in_memory_from, recent) = window.recent(from, to, bytes_max);
            let version = window.version();
            drop(queue);
            let stored_to = to.min(in_memory_from);
            let mut entries = if from < stored_to {
                match table::read(&self.database, from, stored_to, bytes_max) {
                    Ok(entries) => entries,
                    // What was there when we looked has been truncated or purged since.
                    Err(Error::Hole { .. }) if self.window().version() != version => continue,
                    Err(error) => return Err(error),
                }
            } else {
                Vec::new()
            };
            extend(&mut entries, recent, from, bytes_max);
            return Ok(entries);
        }
    }

    pub(super) fn commits(&self) -> Distribution {
        self.commits.read()
    }

    pub(super) fn close(&self) {
        held(&self.queue).is_closing = true;
        self.grown.notify_one();
    }

    pub(super) fn writer_is_gone(&self) -> Error {
        Error::Failed {
            path: self.database.path().to_owned(),
            detail: "the log writer has ended".into(),
        }
    }

    /// Something is to be written: whoever does that hears of it.
    fn wake(self: &Arc<Self>) {
        let Some(pace) = &self.pace else { return self.grown.notify_one() };
        let is_told = self.has_turn.swap(true, Ordering::AcqRel);
        if !is_told {
            pace.queued(Turn::new(self));
        }
    }

    /// Whoever sets the pace has one group written.
    pub(super) fn take_turn(self: &Arc<Self>) {
        self.has_turn.store(false, Ordering::Release);
        if let Some(group) = self.take_group(held(&self.queue)) {
            self.write_group(group);
        }
        let has_more = {
            let queue = held(&self.queue);
            !queue.works.is_empty() || queue.needs_sweep
        };
        if has_more {
            self.wake();
        }
    }

    /// Writes all that is queued at once, where there is no thread to wait for.
    pub(super) fn write_if_paced(&self) {
        if self.pace.is_none() {
            return;
        }
        loop {
            let queue = held(&self.queue);
            if queue.works.is_empty() && !queue.is_closing {
                return;
            }
            let Some(group) = self.take_group(queue) else { return };
            self.write_group(group);
        }
    }

    /// The writer thread: until the log is closed and all that was queued is written.
    pub(super) fn run(&self) {
        self.writer.get_or_init(|| thread::current().id());
        while let Some(group) = self.next_group() {
            self.write_group(group);
        }
    }

    fn write_group(&self, group: Group) {
        let began = Instant::now();
        let result = self.commit(&group);
        if result.is_ok() && !group.works.is_empty() {
            self.commits.note(began.elapsed());
        }
        let Group { mut works, later, .. } = group;
        let result = self.settle(&mut works, later, result);
        for work in works {
            answer(work.done, result.clone());
        }
    }

    /// Waits for work. `None` when the log is closed and nothing is left to do.
    fn next_group(&self) -> Option<Group> {
        let mut queue = held(&self.queue);
        while queue.works.is_empty() && !queue.is_closing && !queue.needs_sweep {
            queue = self.grown.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        self.take_group(queue)
    }

    /// What one commit is to take of the queue.
    fn take_group(&self, mut queue: MutexGuard<'_, Queue>) -> Option<Group> {
        if queue.works.is_empty() && queue.is_closing && queue.later.is_empty() {
            return None;
        }
        let mut works = Vec::new();
        let mut bytes = 0;
        while let Some(work) = queue.works.front() {
            bytes += work.task.bytes();
            if bytes > GROUP_BYTES_MAX && !works.is_empty() {
                break;
            }
            works.extend(queue.works.pop_front());
        }
        let taken = works.iter().map(|work| work.task.bytes()).sum::<usize>();
        queue.bytes = queue.bytes.saturating_sub(taken);
        self.shrunk.notify_all();
        // An idle sweep must not cost a sync, so it takes no value along. Nor does a group that leaves
        // some of the queue for the next one: a value may say something of what was queued before it.
        let is_idle = works.is_empty() && !queue.is_closing;
        let is_all = queue.works.is_empty();
        let later = if is_idle || !is_all { BTreeMap::new() } else { queue.later.clone() };
        Some(Group {
            works,
            later,
            stored: queue.window.stored().clone(),
            is_unsure: queue.is_unsure,
            needs_sweep: queue.needs_sweep,
        })
    }

    /// Writes a group, all or nothing; the bounds it leads to, and whether more is to be swept.
    fn commit(&self, group: &Group) -> Result<(Bounds, bool), Error> {
        failpoint!("storage::log::group").map_err(|why| self.database.fail(&why.to_string()))?;
        let mut stored = group.stored.clone();
        if group.is_unsure {
            stored = self.find_out(&stored)?;
        }
        if group.works.iter().any(|work| matches!(work.task, Task::Append(_))) {
            check_reserve(self.database.path())?;
        }
        let is_idle = group.works.is_empty() && group.later.is_empty();
        let commit = if is_idle { Commit::Lazy } else { Commit::Durable };
        let written = self.database.write(commit, |txn| {
            let mut needs_sweep = group.needs_sweep;
            for (key, value) in &group.later {
                table::put(txn, key, value)?;
            }
            for work in &group.works {
                needs_sweep |= write(txn, &work.task, &mut stored)?;
            }
            if let Some((index, _)) = stored.purged.as_ref().filter(|_| needs_sweep) {
                failpoint!("storage::log::sweep")?;
                needs_sweep = !table::sweep_to(txn, *index)?;
            }
            Ok((stored, needs_sweep))
        })?;
        failpoint!("storage::log::synced").map_err(|why| self.database.fail(&why.to_string()))?;
        Ok(written)
    }

    /// After a full disk: opens the file again, takes away what nobody was told of, and answers
    /// where the log really ends.
    fn find_out(&self, told: &Bounds) -> Result<Bounds, Error> {
        let end = told.next();
        self.database.write(Commit::Durable, |txn| table::truncate_from(txn, end.unwrap_or(0)))?;
        table::bounds(&self.database)
    }

    /// Takes over the outcome of a group. After a failure, all that is queued has failed with it:
    /// it was queued on the assumption that this would succeed.
    fn settle(
        &self,
        works: &mut Vec<Work>,
        later: BTreeMap<&'static str, Vec<u8>>,
        result: Result<(Bounds, bool), Error>,
    ) -> Result<(), Error> {
        let mut queue = held(&self.queue);
        match result {
            Ok((stored, needs_sweep)) => {
                queue.window.store(stored);
                queue.needs_sweep = needs_sweep;
                queue.is_unsure = false;
                for (key, value) in later {
                    // Unless a newer one has been put meanwhile.
                    if queue.later.get(key) == Some(&value) {
                        queue.later.remove(key);
                    }
                }
                Ok(())
            }
            Err(error) => {
                works.extend(queue.works.drain(..));
                queue.bytes = 0;
                queue.needs_sweep = false;
                queue.is_unsure = true;
                // They may say something of what has just failed.
                queue.later.clear();
                let stored = queue.window.stored().clone();
                queue.window.reset(stored);
                self.shrunk.notify_all();
                Err(error)
            }
        }
    }
}

/// Writes one change; whether it leaves something to sweep.
fn write(txn: &WriteTransaction, task: &Task, stored: &mut Bounds) -> Result<bool, Fault> {
    match task {
        Task::Append(entries) => {
            let entries: Vec<(u64, &[u8])> =
                entries.iter().map(|(index, entry)| (*index, entry.as_slice())).collect();
            table::insert(txn, &entries)?;
            for (index, _) in entries {
                stored.push(index);
            }
            Ok(false)
        }
        Task::Truncate(index) => {
            table::truncate_from(txn, *index)?;
            stored.truncate_from(*index);
            Ok(false)
        }
        Task::Purge(index, marker) => {
            failpoint!("storage::log::purge")?;
            let changes = stored.purge_to(*index, marker);
            if changes {
                table::mark_purged(txn, *index, marker)?;
            }
            Ok(changes)
        }
        Task::Put(key, value) => {
            table::put(txn, key, value)?;
            Ok(false)
        }
    }
}

/// Adds entries from memory behind those from the disk, if they follow and fit.
fn extend(entries: &mut Vec<(u64, Vec<u8>)>, recent: Vec<Entry>, from: u64, bytes_max: usize) {
    let mut bytes = entries.iter().map(|(_, entry)| entry.len()).sum::<usize>();
    for (index, entry) in recent {
        let expected = entries.last().map_or(from, |(last, _)| last + 1);
        bytes += entry.len();
        if index != expected || (bytes > bytes_max && !entries.is_empty()) {
            return;
        }
        entries.push((index, entry.as_ref().clone()));
    }
}

fn answer(done: Done, result: Result<(), Error>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| done(result))) {
        tracing::error!(panic = panic_text(panic.as_ref()), "a completion of the log panicked");
    }
}

struct WindowGuard<'a>(MutexGuard<'a, Queue>);

impl std::ops::Deref for WindowGuard<'_> {
    type Target = Window;

    fn deref(&self) -> &Window {
        &self.0.window
    }
}
