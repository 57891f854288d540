//! The data directory: opened by one process at a time, new or whole, never half.

mod anew;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::SystemTime,
};

use stint_failpoint::failpoint;

use crate::{
    Error, Identity, LevelMark, Lineage, Log, Output, Pace, Room, StateStore, Tap,
    directory::{
        DirLock, beside, create_dir, free_bytes, held, io_error, names, remove_file, rename, room,
    },
    limits::{CARRY_ON_BYTES, PLENTY_BYTES, PLENTY_LASTS, ROOM_BYTES},
};

pub use anew::StateAnew;

/// A replica's data directory. The directory stays locked until the store and all clones of its
/// parts are dropped.
pub struct Store {
    /// Entries and votes.
    pub log: Log,
    /// Checkpoint and history.
    pub state: StateStore,
    /// Job output.
    pub output: Output,
    level: LevelMark,
    dir: PathBuf,
    room: Option<Arc<dyn Room>>,
    /// When the disk was found to have plenty of room, by the clock on the wall: a jump of it has the disk
    /// asked once more.
    plenty: Mutex<Option<SystemTime>>,
    is_new: bool,
}

impl Store {
    /// Opens the directory of this replica, or creates it if nobody has finished creating it.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::OtherReplica`], [`Error::OtherCluster`],
    /// [`Error::NewerFormat`]; [`Error::Missing`] and [`Error::Damaged`] if it was created and is
    /// not whole any more: it is never made anew silently.
    pub fn open(dir: &Path, identity: Identity) -> Result<Self, Error> {
        Self::open_on(dir, identity, &Disk::default())
    }

    /// The same on a disk that is not the machine's own, as far as `disk` says so.
    pub fn open_on(dir: &Path, identity: Identity, disk: &Disk) -> Result<Self, Error> {
        create_dir(dir)?;
        let lock = DirLock::take(dir)?;
        let found = Identity::read(dir)?;
        if let Some(found) = found {
            found.check(dir, identity)?;
        } else {
            create(dir)?;
            identity.write(dir, None, 0)?;
        }
        Self::open_parts(dir, lock, found.is_none(), disk)
    }

    /// Creates a directory that is this replica's once `fill` has put into it what it begins with,
    /// which gives the lineage of it. If it fails, or the process ends before, what is there is
    /// nobody's, and refused by all who find it.
    ///
    /// # Errors
    /// [`Error::NotEmpty`] if there is anything in it.
    pub fn create_filled<E: From<Error>>(
        dir: &Path,
        identity: Identity,
        fill: impl FnOnce(&Self) -> Result<Lineage, E>,
    ) -> Result<(), E> {
        create_dir(dir)?;
        // A disk of its own has a directory of the file system.
        if let Some(found) = names(dir)?.into_iter().find(|name| name != "lost+found") {
            return Err(Error::NotEmpty { dir: dir.to_owned(), found }.into());
        }
        let lock = DirLock::take(dir)?;
        create(dir)?;
        let store = Self::open_parts(dir, lock, true, &Disk::default())?;
        let lineage = fill(&store)?;
        store.output.sync()?;
        store.state.make_durable()?;
        failpoint!("storage::store::filled").map_err(Error::from)?;
        Ok(identity.write(dir, Some(lineage), store.level.get())?)
    }

    fn open_parts(
        dir: &Path,
        lock: Arc<DirLock>,
        is_new: bool,
        disk: &Disk,
    ) -> Result<Self, Error> {
        for name in [LOG, STATE] {
            let path = dir.join(name);
            if !path.is_file() {
                return Err(Error::Missing { path });
            }
        }
        let tap = || disk.tap.as_ref().map(Arc::clone);
        let log = match &disk.pace {
            Some(pace) => {
                Log::open_paced(&dir.join(LOG), Arc::clone(&lock), tap(), Arc::clone(pace))?
            }
            None => Log::open(&dir.join(LOG), Arc::clone(&lock), tap())?,
        };
        Ok(Self {
            log,
            state: StateStore::open(&dir.join(STATE), Arc::clone(&lock), tap())?,
            output: Output::open(dir, lock)?,
            level: LevelMark::read(dir)?,
            dir: dir.to_owned(),
            room: disk.room.as_ref().map(Arc::clone),
            plenty: Mutex::default(),
            is_new,
        })
    }

    /// From which founding on the replicas of this cluster belong together; `None` if it is the first.
    pub fn lineage(&self) -> Result<Option<Lineage>, Error> {
        Identity::lineage(&self.dir)
    }

    /// Makes the cluster begin anew here. The replicas of the former lineage are strangers from the
    /// next open on.
    pub fn begin_lineage(&self, lineage: Lineage) -> Result<(), Error> {
        let path = Identity::path(&self.dir);
        let identity = Identity::read(&self.dir)?.ok_or(Error::Missing { path })?;
        identity.write(&self.dir, Some(lineage), self.level.get())
    }

    /// The highest level that something here needs.
    pub fn level(&self) -> &LevelMark {
        &self.level
    }

    /// The highest level that something in the directory needs; 0 if that was never written. Takes no
    /// lock, and opens nothing else.
    pub fn level_of(dir: &Path) -> Result<u32, Error> {
        Identity::level(dir)
    }

    /// Whose directory this is; `None` if nobody has finished creating it. Takes no lock.
    pub fn identity_of(dir: &Path) -> Result<Option<Identity>, Error> {
        Identity::read(dir)
    }

    /// Whether [`Store::open`] has created the directory.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether there is room for new work. When not, refuse it: what is taken already can still
    /// be written, for a while.
    pub fn has_room(&self) -> Result<bool, Error> {
        self.has(ROOM_BYTES)
    }

    /// Whether there is room to carry on with what was taken, and to free space. When not, nothing is
    /// to be written but votes, and what cuts the log.
    pub fn has_reserve(&self) -> Result<bool, Error> {
        self.has(CARRY_ON_BYTES)
    }

    /// Whether so much is free. A disk that had plenty a moment ago is not asked again: this is asked
    /// for each proposal.
    fn has(&self, bytes: u64) -> Result<bool, Error> {
        let is_fresh = |found: SystemTime| found.elapsed().is_ok_and(|age| age < PLENTY_LASTS);
        if held(&self.plenty).is_some_and(is_fresh) {
            return Ok(true);
        }
        let free = self.free_bytes()?;
        *held(&self.plenty) = (free >= PLENTY_BYTES).then(SystemTime::now);
        Ok(free >= bytes)
    }

    fn free_bytes(&self) -> Result<u64, Error> {
        self.room.as_ref().map_or_else(|| free_bytes(&self.dir), |room| Ok(room.free_bytes()))
    }

    /// How much room there is, and what takes it.
    pub fn usage(&self) -> Result<Usage, Error> {
        let size = |name: &str| {
            let path = self.dir.join(name);
            let metadata = fs::metadata(&path);
            metadata.map(|found| found.len()).map_err(|error| io_error("look at", &path, error))
        };
        let (_, total_bytes) = room(&self.dir)?;
        Ok(Usage {
            free_bytes: self.free_bytes()?,
            total_bytes,
            log_bytes: size(LOG)?,
            state_bytes: size(STATE)?,
            output_bytes: self.output.bytes(),
        })
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// What stands between a store and the machine's disk: nothing, but where a disk is simulated.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    /// Sees all that becomes of the files of the log and of the state.
    pub tap: Option<Arc<dyn Tap>>,
    /// Says when the log is written.
    pub pace: Option<Arc<dyn Pace>>,
    /// Says whether there is room for new work, and to carry on.
    pub room: Option<Arc<dyn Room>>,
}

/// The room on the disk of a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// What is left for those who are not root.
    pub free_bytes: u64,
    /// What there is in all.
    pub total_bytes: u64,
    /// The file of the log.
    pub log_bytes: u64,
    /// The file of the state and the history.
    pub state_bytes: u64,
    /// The files of the output, as they were when they were last measured.
    pub output_bytes: u64,
}

const LOG: &str = "log.redb";
pub(crate) const STATE: &str = "state.redb";

/// Creates what a directory holds, but for the identity, which comes last and says that all is there. Files that
/// are there already are what a former creation left, or belong to a directory that has lost its
/// identity: only if they are blank is it the former.
fn create(dir: &Path) -> Result<(), Error> {
    let (log, state) = (dir.join(LOG), dir.join(STATE));
    let is_blank = (!log.is_file() || Log::is_blank(&log)?)
        && (!state.is_file() || StateStore::is_blank(&state)?)
        && Output::is_blank(dir)?;
    if !is_blank {
        return Err(Error::Missing { path: Identity::path(dir) });
    }
    create_file(&log, Log::create)?;
    create_file(&state, StateStore::create)?;
    Output::create(dir)
}

/// Creates a file under another name, so that under its own it is always whole.
fn create_file(path: &Path, create: impl Fn(&Path) -> Result<(), Error>) -> Result<(), Error> {
    if path.is_file() {
        return Ok(());
    }
    let beside = beside(path, "new");
    remove_file(&beside)?;
    create(&beside)?;
    rename(&beside, path)
}
