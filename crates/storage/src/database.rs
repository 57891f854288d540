//! A redb file with our rules around it: who may see which failure, and what comes after it.

use std::{
    any::Any,
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

pub(crate) use redb::{
    AccessGuard, ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata,
    StorageBackend, Table, TableDefinition, TableError, WriteTransaction,
};
use redb::{Durability, ReadableDatabase as _};

use crate::{
    Error,
    directory::{check_reserve, io_error},
    disk::{DiskFile, Health, Tap, Trouble},
    limits::FORMATS_AHEAD_MAX,
};

/// Why a transaction ended: the engine's word, or ours.
#[derive(Debug)]
pub(crate) enum Fault {
    Engine(Box<redb::Error>),
    Damaged(String),
    Ours(Error),
}

impl Fault {
    /// Damage that a checksum of ours has found. The rest of the file stays in use.
    pub(crate) fn damaged(detail: impl Into<String>) -> Self {
        Self::Damaged(detail.into())
    }
}

impl From<stint_failpoint::Injected> for Fault {
    fn from(injected: stint_failpoint::Injected) -> Self {
        Self::Ours(injected.into())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl From<redb::StorageError> for Fault {
    fn from(error: redb::StorageError) -> Self {
        Self::Engine(Box::new(error.into()))
    }
}

impl From<TableError> for Fault {
    fn from(error: TableError) -> Self {
        Self::Engine(Box::new(error.into()))
    }
}

impl From<redb::TransactionError> for Fault {
    fn from(error: redb::TransactionError) -> Self {
        Self::Engine(Box::new(error.into()))
    }
}

impl From<redb::CommitError> for Fault {
    fn from(error: redb::CommitError) -> Self {
        Self::Engine(Box::new(error.into()))
    }
}

impl From<redb::DatabaseError> for Fault {
    fn from(error: redb::DatabaseError) -> Self {
        Self::Engine(Box::new(error.into()))
    }
}

/// How much a commit promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commit {
    /// On disk when it returns, with all that was committed before.
    Durable,
    /// As [`Commit::Durable`], and the next open after a crash need not walk the whole file.
    Checkpoint,
    /// Seen by readers at once, on disk with the next durable commit; must not be lost before.
    Visible,
    /// Seen by readers at once; harmless to lose.
    Lazy,
}

/// One open redb file and what has happened to it.
struct Engine {
    db: redb::Database,
    health: Health,
}

enum Slot {
    Open(Arc<Engine>),
    /// Closed by a full disk, opened again when there is room.
    Full,
    /// What every later call is answered.
    Failed(Error),
}

/// A redb file. Opened again by itself after a full disk, never after any other failure.
pub(crate) struct Database {
    path: PathBuf,
    cache_bytes: usize,
    tap: Option<Arc<dyn Tap>>,
    slot: RwLock<Slot>,
    /// Whether readers see something that a reopened file would not hold.
    has_unsynced: AtomicBool,
}

/// A read transaction that keeps its file open, whatever becomes of the name.
pub(crate) struct Pinned {
    // Dropped in this order: the transaction needs its engine.
    txn: ReadTransaction,
    engine: Arc<Engine>,
    database: Arc<Database>,
}

impl Pinned {
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        caught(|| work(&self.txn)).map_err(|fault| self.database.judge(&self.engine, fault))
    }
}

impl Database {
    /// Creates a file that must not be there yet. The caller syncs the directory.
    pub(crate) fn create(
        path: &Path,
        cache_bytes: usize,
        tap: Option<Arc<dyn Tap>>,
    ) -> Result<Self, Error> {
        let file = File::options()
            .create_new(true)
            .read(true)
            .write(true)
            .open(path)
            .map_err(|error| io_error("create", path, error))?;
        let engine = connect(path, file, cache_bytes, tap.clone())?;
        Ok(Self::around(path, cache_bytes, tap, engine))
    }

    /// Opens a file that must be there.
    pub(crate) fn open(
        path: &Path,
        cache_bytes: usize,
        tap: Option<Arc<dyn Tap>>,
    ) -> Result<Self, Error> {
        let engine = reconnect(path, cache_bytes, tap.clone())?;
        Ok(Self::around(path, cache_bytes, tap, engine))
    }

    fn around(
        path: &Path,
        cache_bytes: usize,
        tap: Option<Arc<dyn Tap>>,
        engine: Arc<Engine>,
    ) -> Self {
        let slot = RwLock::new(Slot::Open(engine));
        Self { path: path.to_owned(), cache_bytes, tap, slot, has_unsynced: AtomicBool::new(false) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The same open file under the name that it was given meanwhile.
    pub(crate) fn renamed(mut self, path: &Path) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Runs `work` on a consistent view.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        let engine = self.engine()?;
        let result = caught(|| {
            let txn = engine.db.begin_read()?;
            work(&txn)
        });
        result.map_err(|fault| self.judge(&engine, fault))
    }

    /// Pins a consistent view for as long as the caller needs it.
    pub(crate) fn pin(self: &Arc<Self>) -> Result<Pinned, Error> {
        let engine = self.engine()?;
        match caught(|| Ok(engine.db.begin_read()?)) {
            Ok(txn) => Ok(Pinned { txn, engine, database: Arc::clone(self) }),
            Err(fault) => Err(self.judge(&engine, fault)),
        }
    }

    /// Runs `work` and commits it, all or nothing.
    pub(crate) fn write<T>(
        &self,
        commit: Commit,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        let engine = self.engine()?;
        let result = caught(|| {
            let mut txn = engine.db.begin_write()?;
            let durability = match commit {
                Commit::Durable | Commit::Checkpoint => Durability::Immediate,
                Commit::Visible | Commit::Lazy => Durability::None,
            };
            txn.set_durability(durability).map_err(|error| Error::Failed {
                path: self.path.clone(),
                detail: error.to_string(),
            })?;
            txn.set_quick_repair(commit == Commit::Checkpoint);
            let value = work(&txn)?;
            txn.commit()?;
            Ok(value)
        });
        match (&result, commit) {
            (Ok(_), Commit::Visible) => self.has_unsynced.store(true, Ordering::Release),
            (Ok(_), Commit::Durable | Commit::Checkpoint) => {
                self.has_unsynced.store(false, Ordering::Release);
            }
            (Ok(_), Commit::Lazy) | (Err(_), _) => {}
        }
        result.map_err(|fault| self.judge(&engine, fault))
    }

    /// Makes every later call answer [`Error::Failed`], and answers it.
    pub(crate) fn fail(&self, detail: &str) -> Error {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        *slot = Slot::Failed(self.failed(detail));
        self.failed(detail)
    }

    fn engine(&self) -> Result<Arc<Engine>, Error> {
        match &*self.slot.read().unwrap_or_else(PoisonError::into_inner) {
            Slot::Open(engine) => return Ok(Arc::clone(engine)),
            Slot::Failed(error) => return Err(error.clone()),
            Slot::Full => {}
        }
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Slot::Open(engine) => return Ok(Arc::clone(engine)),
            Slot::Failed(error) => return Err(error.clone()),
            Slot::Full => {}
        }
        check_reserve(&self.path)?;
        let engine = reconnect(&self.path, self.cache_bytes, self.tap.clone())?;
        *slot = Slot::Open(Arc::clone(&engine));
        Ok(engine)
    }

    /// Decides what a failed transaction means for the file, and says it to the caller.
    fn judge(&self, engine: &Arc<Engine>, fault: Fault) -> Error {
        let error = match fault {
            Fault::Ours(error) => return error,
            Fault::Damaged(detail) => return Error::Damaged { path: self.path.clone(), detail },
            Fault::Engine(error) => *error,
        };
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Slot::Failed(error) => return error.clone(),
            Slot::Full => return Error::DiskFull { path: self.path.clone() },
            // Somebody else has judged the engine already, and the file is open again.
            Slot::Open(current) if !Arc::ptr_eq(current, engine) => {
                return Error::DiskFull { path: self.path.clone() };
            }
            Slot::Open(_) => {}
        }
        let is_full = engine.health.trouble() == Trouble::Full;
        if is_full && !self.has_unsynced.load(Ordering::Acquire) {
            // The engine refuses all further I/O by itself; its last reader closes it.
            *slot = Slot::Full;
            return Error::DiskFull { path: self.path.clone() };
        }
        let detail = if is_full {
            format!("{error} (the disk is full, and what was not durable yet is lost with it)")
        } else {
            error.to_string()
        };
        tracing::error!(path = %self.path.display(), detail, "database failed");
        // Where the disk has done all that it was asked for, it has not kept what was written.
        let answer = if engine.health.trouble() == Trouble::None {
            Error::Damaged { path: self.path.clone(), detail }
        } else {
            self.failed(&detail)
        };
        *slot = Slot::Failed(answer.clone());
        answer
    }

    fn failed(&self, detail: &str) -> Error {
        Error::Failed { path: self.path.clone(), detail: detail.into() }
    }
}

fn reconnect(
    path: &Path,
    cache_bytes: usize,
    tap: Option<Arc<dyn Tap>>,
) -> Result<Arc<Engine>, Error> {
    let file = File::options().read(true).write(true).open(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            return Error::Missing { path: path.to_owned() };
        }
        io_error("open", path, error)
    })?;
    let len = file.metadata().map_err(|error| io_error("open", path, error))?.len();
    if len == 0 {
        // The engine would make a new database of it.
        return Err(Error::Damaged { path: path.to_owned(), detail: "the file is empty".into() });
    }
    connect(path, file, cache_bytes, tap)
}

fn connect(
    path: &Path,
    file: File,
    cache_bytes: usize,
    tap: Option<Arc<dyn Tap>>,
) -> Result<Arc<Engine>, Error> {
    let health = Health::default();
    let tap = tap.map(|tap| tap.of(path).unwrap_or(tap));
    let backend = DiskFile::new(file, health.clone(), tap);
    let opened = caught(|| {
        let mut builder = redb::Builder::new();
        builder.set_cache_size(cache_bytes);
        Ok(builder.create_with_backend(backend)?)
    });
    match opened {
        Ok(db) => Ok(Arc::new(Engine { db, health })),
        Err(Fault::Ours(error)) => Err(error),
        Err(Fault::Damaged(detail)) => Err(Error::Damaged { path: path.to_owned(), detail }),
        Err(Fault::Engine(_)) if health.trouble() == Trouble::Full => {
            Err(Error::DiskFull { path: path.to_owned() })
        }
        Err(Fault::Engine(error)) => {
            let (path, detail) = (path.to_owned(), error.to_string());
            Err(match newer_format(&detail) {
                Some((found, known)) => Error::NewerFormat { path, found, known },
                None => Error::Damaged { path, detail },
            })
        }
    }
}

/// The format of a file and the newest that the engine reads, if it says that the file has a later one.
/// It has no error of its own for that. What is far from any format is damage.
fn newer_format(detail: &str) -> Option<(u32, u32)> {
    let (_, versions) = detail.split_once("Expected file format version <= ")?;
    let (known, found) = versions.split_once(", found ")?;
    let (known, found) = (known.parse().ok()?, found.parse().ok()?);
    (known < found && found <= known + FORMATS_AHEAD_MAX).then_some((found, known))
}

/// The engine panics on some damage that it takes for impossible: that is damage, not a bug.
fn caught<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let detail = format!("the engine panicked: {}", panic_text(panic.as_ref()));
        Err(Fault::Engine(Box::new(redb::Error::Corrupted(detail))))
    })
}

pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
