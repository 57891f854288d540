//! The replica's state on disk: the checkpoint of the hot state and the history of finished jobs.

mod audit;
mod census;
mod checkpoint;
mod history;
mod record;
mod room;
mod shrink;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use stint_failpoint::failpoint;

use crate::{
    Error,
    database::{Commit, Database, Fault, WriteTransaction},
    directory::{DirLock, check_reserve, held, names, remove_file, sync_dir},
    disk::Tap,
    limits::{
        AUDIT_BYTES_MAX, CHUNK_BYTES_MAX, HEADER_BYTES_MAX, REMOVAL_BYTES, STATE_CACHE_BYTES,
        UNSYNCED_BYTES_MAX,
    },
    snapshot::{Incoming, Received, SnapshotReader, SnapshotWriter},
};

pub use self::{
    audit::Audited,
    census::{Counted, Counts, Kind},
    checkpoint::CheckpointHeader,
    history::Oldest,
    record::{Ended, Filter, Key, Record},
    room::Gone,
};
pub(crate) use self::{
    audit::{audit_page, put as put_audit},
    checkpoint::{Slot, Stored, chunk, stored},
    history::{Tables, page},
    record::check,
};

/// Names of snapshots that are being received start with this.
const INCOMING: &str = "incoming-";

/// Checkpoint and history. Clones share it.
///
/// What is put is visible to readers at once, and durable with the next [`write_checkpoint`],
/// [`make_durable`] or clean close. All writes may be repeated: the result is the same.
///
/// [`write_checkpoint`]: StateStore::write_checkpoint
/// [`make_durable`]: StateStore::make_durable
#[derive(Clone)]
pub struct StateStore {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    tap: Option<Arc<dyn Tap>>,
    database: RwLock<Arc<Database>>,
    writer: Mutex<Writer>,
    /// Held while a checkpoint is replaced; taken before `writer`.
    checkpoint: Mutex<()>,
    incoming: AtomicU64,
    /// What records are counted by; empty while nobody counts.
    kind: OnceLock<Kind>,
    _lock: Arc<DirLock>,
}

/// What the one who writes has to know.
#[derive(Default)]
struct Writer {
    /// Bytes put since the last durable commit.
    unsynced_bytes: usize,
    /// The records that have changed while the file is written anew, since somebody has looked.
    touched: Option<BTreeSet<[u8; 16]>>,
}

impl StateStore {
    /// Creates an empty state file at a path where none is, closed again and synced.
    pub(crate) fn create(path: &Path) -> Result<(), Error> {
        create(path, None).map(drop)
    }

    /// Whether a state file was created and never used.
    pub(crate) fn is_blank(path: &Path) -> Result<bool, Error> {
        let database = Database::open(path, STATE_CACHE_BYTES, None)?;
        Ok(checkpoint::header(&database)?.is_none() && history::is_blank(&database)?)
    }

    pub(crate) fn open(
        path: &Path,
        lock: Arc<DirLock>,
        tap: Option<Arc<dyn Tap>>,
    ) -> Result<Self, Error> {
        remove_incoming(path)?;
        let database = Database::open(path, STATE_CACHE_BYTES, tap.clone())?;
        checkpoint::clear_others(&database)?;
        if database.read(history::lacks_ends)? {
            database.write(Commit::Durable, |txn| Tables::open(txn, None)?.index_ends())?;
        }
        let inner = Inner {
            path: path.to_owned(),
            tap,
            database: RwLock::new(Arc::new(database)),
            writer: Mutex::new(Writer::default()),
            checkpoint: Mutex::new(()),
            incoming: AtomicU64::new(0),
            kind: OnceLock::new(),
            _lock: lock,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Stores records over their former versions, in one transaction. A record that has become a
    /// tombstone, or whose keys have changed, leaves its former indexes.
    pub fn put_records(&self, records: &[Record]) -> Result<(), Error> {
        self.put_batch(records, &[])
    }

    /// The same, and what is known of who has changed what, in one transaction.
    pub fn put_batch(&self, records: &[Record], audited: &[Audited]) -> Result<(), Error> {
        for record in records {
            check(record)?;
        }
        for audited in audited {
            fits("a record of the audit log", &audited.body, AUDIT_BYTES_MAX)?;
        }
        let bytes: usize =
            records.iter().map(|record| record.body.len() + record.action.len()).sum();
        let bytes = bytes + audited.iter().map(|audited| audited.body.len()).sum::<usize>();
        check_reserve(&self.inner.path)?;
        failpoint!("storage::state::batch")?;
        self.change(bytes, records.iter().map(|record| record.id), |txn| {
            if !records.is_empty() {
                let mut tables = Tables::open(txn, self.kind())?;
                records.iter().try_for_each(|record| tables.put(record))?;
                tables.finish()?;
            }
            put_audit(txn, audited)
        })?;
        Ok(failpoint!("storage::state::put")?)
    }

    /// What is known of the latest changes before the entry `before`, or of all, the newest first.
    pub fn audit(&self, before: Option<u64>, limit: usize) -> Result<Vec<Audited>, Error> {
        self.database().read(|txn| audit::latest(txn, before, limit))
    }

    /// Removes records, whether they are there or not, in one transaction. Works on the reserve
    /// of a full disk.
    pub fn remove_records(&self, ids: &[[u8; 16]]) -> Result<(), Error> {
        // What it takes is the copied pages and not the records.
        let bytes = ids.len() * REMOVAL_BYTES;
        self.change(bytes, ids.iter().copied(), |txn| {
            let mut tables = Tables::open(txn, self.kind())?;
            ids.iter().try_for_each(|id| tables.remove(id))?;
            tables.finish()
        })
    }

    /// The body of a record, listed or not.
    ///
    /// # Errors
    /// [`Error::Damaged`] if its checksum does not match.
    pub fn get(&self, id: &[u8; 16]) -> Result<Option<Vec<u8>>, Error> {
        self.database().read(|txn| history::body(txn, id))
    }

    /// The keys of listed records that match, the newest first, from just behind `after` on.
    /// Costs what it answers, however long the history is.
    pub fn list(
        &self,
        filter: &Filter,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<Key>, Error> {
        self.database().read(|txn| history::list(txn, filter, after, limit, false))
    }

    /// The same from the other end, the oldest first.
    pub fn list_oldest_first(
        &self,
        filter: &Filter,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<Key>, Error> {
        self.database().read(|txn| history::list(txn, filter, after, limit, true))
    }

    /// The listed records that ended first, at most `limit`.
    pub fn oldest(&self, limit: usize) -> Result<Oldest, Error> {
        self.database().read(|txn| history::oldest(txn, false, limit))
    }

    /// The tombstones whose jobs ended first, at most `limit`.
    pub fn oldest_tombstones(&self, limit: usize) -> Result<Oldest, Error> {
        self.database().read(|txn| history::oldest(txn, true, limit))
    }

    /// Which of these jobs have a record that is no tombstone.
    pub fn are_listed(&self, ids: &[[u8; 16]]) -> Result<Vec<bool>, Error> {
        self.database().read(|txn| history::are_listed(txn, ids))
    }

    /// The periods of output of which jobs are gone.
    pub fn gone(&self) -> Result<Vec<Gone>, Error> {
        self.database().read(room::gone)
    }

    /// Counts these periods as ones of which jobs may be gone that nobody has counted.
    pub fn suspect(&self, periods: &[u32]) -> Result<(), Error> {
        self.change(0, [], |txn| room::suspect(txn, periods))
    }

    /// Takes note that the lines of what was `seen` to be gone are deleted, one by one or by writing
    /// the period anew.
    pub fn swept(&self, seen: Gone, is_anew: bool) -> Result<(), Error> {
        self.change(0, [], |txn| room::swept(txn, seen, is_anew))
    }

    /// The number of listed records.
    pub fn count(&self) -> Result<u64, Error> {
        self.database().read(history::count)
    }

    /// Counts the listed records by kind from now on, always by the same one: what is put and removed
    /// changes the counts in its own transaction. Walks over all records if nobody has counted those
    /// that are there.
    pub fn count_by(&self, kind: Kind) -> Result<(), Error> {
        let _writer = self.writer();
        let database = self.database();
        if database.read(history::counted)?.is_none() {
            database.write(Commit::Durable, |txn| Tables::open(txn, Some(kind))?.count(kind))?;
        }
        // It is the same one where it is there already.
        self.inner.kind.get_or_init(|| kind);
        Ok(())
    }

    /// What was counted up to now, however long that takes to look at; `None` if nobody counts.
    pub fn counted(&self) -> Result<Option<Counted>, Error> {
        let Some(kind) = self.kind() else { return Ok(None) };
        Ok(Some(Counted { view: self.database().pin()?, kind }))
    }

    fn kind(&self) -> Option<Kind> {
        self.inner.kind.get().copied()
    }

    /// Replaces the checkpoint: durable when this returns, with all records put before. After a
    /// crash the former or the new checkpoint is there, whole. Records may be put meanwhile.
    pub fn write_checkpoint(
        &self,
        index: u64,
        header: &[u8],
        chunks: impl Iterator<Item = Vec<u8>>,
    ) -> Result<(), Error> {
        fits("a checkpoint header", header, HEADER_BYTES_MAX)?;
        let _alone = held(&self.inner.checkpoint);
        check_reserve(&self.inner.path)?;
        failpoint!("storage::checkpoint::begin")?;
        let database = self.database();
        let slot = Slot::next(&database)?;
        let mut count = 0;
        for chunk in chunks {
            fits("a checkpoint chunk", &chunk, CHUNK_BYTES_MAX)?;
            check_reserve(&self.inner.path)?;
            failpoint!("storage::checkpoint::chunk")?;
            let _writer = self.writer();
            database.write(Commit::Visible, |txn| slot.put_chunk(txn, count, &chunk))?;
            count += 1;
        }
        failpoint!("storage::checkpoint::commit")?;
        {
            let mut writer = self.writer();
            database.write(Commit::Checkpoint, |txn| slot.finish(txn, count, index, header))?;
            writer.unsynced_bytes = 0;
        }
        failpoint!("storage::checkpoint::committed")?;
        // The new checkpoint stands, whatever becomes of the room that the former one takes.
        if let Err(error) = checkpoint::clear_others(&database) {
            tracing::warn!(%error, "the former checkpoint is still in the way");
        }
        Ok(())
    }

    /// What the checkpoint says about itself, or `None` if there is none yet.
    pub fn checkpoint(&self) -> Result<Option<CheckpointHeader>, Error> {
        checkpoint::header(&self.database())
    }

    /// Hands each chunk of the checkpoint to `each`, in order, and answers the header of the same
    /// checkpoint. An error of `each` ends it.
    pub fn read_checkpoint<E: From<Error>>(
        &self,
        mut each: impl FnMut(Vec<u8>) -> Result<(), E>,
    ) -> Result<Option<CheckpointHeader>, E> {
        let pinned = self.database().pin()?;
        let Some(current) = pinned.read(stored)? else { return Ok(None) };
        for number in 0..current.chunks {
            each(pinned.read(|txn| chunk(txn, &current, number))?)?;
        }
        Ok(Some(current.header))
    }

    /// Makes all that was put before durable.
    pub fn make_durable(&self) -> Result<(), Error> {
        let mut writer = self.writer();
        self.database().write(Commit::Durable, |_| Ok(()))?;
        writer.unsynced_bytes = 0;
        Ok(())
    }

    /// A consistent view of the checkpoint and all records, to be sent to another replica; `None`
    /// if there is no checkpoint yet. It keeps its view, and its disk space, until it is dropped.
    pub fn snapshot(&self) -> Result<Option<SnapshotReader>, Error> {
        SnapshotReader::new(&self.database())
    }

    /// The same view of all records as they are now, with a checkpoint that the caller has made of
    /// the same moment.
    pub fn snapshot_with(
        &self,
        header: CheckpointHeader,
        chunks: impl Iterator<Item = Vec<u8>> + Send + 'static,
    ) -> Result<SnapshotReader, Error> {
        SnapshotReader::given(&self.database(), header, Box::new(chunks))
    }

    /// Starts to receive a snapshot, beside the state and without touching it. What is dropped
    /// before [`StateStore::install`] is removed, at the latest by the next open.
    pub fn receive(&self) -> Result<SnapshotWriter, Error> {
        check_reserve(&self.inner.path)?;
        let number = self.inner.incoming.fetch_add(1, Ordering::Relaxed);
        let path = self.inner.path.with_file_name(format!("{INCOMING}{number}.redb"));
        Ok(SnapshotWriter::new(create(&path, self.inner.tap.clone())?, self.kind()))
    }

    /// Replaces checkpoint and history by what was received, atomically and durably. Readers that
    /// have started finish on the former state.
    pub fn install(&self, received: Received) -> Result<(), Error> {
        let _alone = held(&self.inner.checkpoint);
        self.replace(&mut self.writer(), received.into_incoming())
    }

    /// Puts a file that is whole and synced in the place of the state's.
    fn replace(&self, writer: &mut Writer, incoming: Incoming) -> Result<(), Error> {
        let path = &self.inner.path;
        failpoint!("storage::state::rename")?;
        let database = incoming.take(|from| {
            std::fs::rename(from, path)
                .map_err(|error| crate::directory::io_error("rename", from, error))
        })?;
        let database = Arc::new(database.renamed(path));
        *self.inner.database.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::clone(&database);
        writer.unsynced_bytes = 0;
        // Whether the name survives a crash is unknown if this fails, so nothing may build on it.
        failpoint!("storage::state::renamed")
            .map_err(Error::from)
            .and_then(|()| sync_dir(path.parent().unwrap_or(Path::new("."))))
            .map_err(|error| database.fail(&error.to_string()))
    }

    fn change(
        &self,
        bytes: usize,
        touched: impl IntoIterator<Item = [u8; 16]>,
        work: impl FnOnce(&WriteTransaction) -> Result<(), Fault>,
    ) -> Result<(), Error> {
        let mut writer = self.writer();
        let unsynced_bytes = writer.unsynced_bytes + bytes;
        if unsynced_bytes > UNSYNCED_BYTES_MAX {
            self.database().write(Commit::Durable, work)?;
            writer.unsynced_bytes = 0;
        } else {
            self.database().write(Commit::Visible, work)?;
            writer.unsynced_bytes = unsynced_bytes;
        }
        if let Some(all) = &mut writer.touched {
            all.extend(touched);
        }
        Ok(())
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        held(&self.inner.writer)
    }

    fn database(&self) -> Arc<Database> {
        Arc::clone(&self.inner.database.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn create(path: &Path, tap: Option<Arc<dyn Tap>>) -> Result<Database, Error> {
    let database = Database::create(path, STATE_CACHE_BYTES, tap)?;
    database.write(Commit::Durable, |txn| {
        Tables::open(txn, None)?.begin()?;
        checkpoint::create(txn)
    })?;
    Ok(database)
}

fn remove_incoming(path: &Path) -> Result<(), Error> {
    let dir = path.parent().unwrap_or(Path::new("."));
    for name in names(dir)?.iter().filter(|name| name.starts_with(INCOMING)) {
        remove_file(&dir.join(name))?;
    }
    Ok(())
}

fn fits(what: &'static str, value: &[u8], bytes_max: usize) -> Result<(), Error> {
    if value.len() > bytes_max {
        return Err(Error::TooLarge { what, bytes: value.len(), bytes_max });
    }
    Ok(())
}
