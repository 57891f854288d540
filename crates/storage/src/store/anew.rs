//! A directory whose state file is damaged or gone, and whose log is whole: a new state beside it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Error, Identity, LevelMark, Lineage, Log, StateStore,
    directory::{DirLock, beside, remove_file, rename},
};

use super::{LOG, STATE, create_file};

/// The log of a replica, and an empty state that takes the place of its own with
/// [`StateAnew::finish`]. What is dropped before is removed by the next one.
pub struct StateAnew {
    /// Entries and votes, as they are.
    pub log: Log,
    /// Checkpoint and history, to be filled.
    pub state: StateStore,
    /// The highest level that something in the directory needs.
    pub level: LevelMark,
    dir: PathBuf,
    lock: Arc<DirLock>,
}

impl StateAnew {
    /// Opens the log of this replica. Neither its state nor its output is opened.
    ///
    /// # Errors
    /// As of [`Store::open`](crate::Store::open); [`Error::Missing`] if it was never created.
    pub fn open(dir: &Path, identity: Identity) -> Result<Self, Error> {
        let found = Identity::read(dir)?.ok_or(Error::Missing { path: Identity::path(dir) })?;
        found.check(dir, identity)?;
        let lock = DirLock::take(dir)?;
        let path = dir.join(LOG);
        if !path.is_file() {
            return Err(Error::Missing { path });
        }
        let log = Log::open(&path, Arc::clone(&lock), None)?;
        let anew = Self::path(dir);
        remove_file(&anew)?;
        create_file(&anew, StateStore::create)?;
        Ok(Self {
            log,
            state: StateStore::open(&anew, Arc::clone(&lock), None)?,
            level: LevelMark::read(dir)?,
            dir: dir.to_owned(),
            lock,
        })
    }

    /// From which founding on the replicas of its cluster belong together; `None` if it is the first.
    pub fn lineage(&self) -> Result<Option<Lineage>, Error> {
        Identity::lineage(&self.dir)
    }

    fn path(dir: &Path) -> PathBuf {
        beside(&dir.join(STATE), "anew")
    }

    /// Puts the new state in the place of the former, which is kept beside it; under which name, if
    /// there was one.
    pub fn finish(self) -> Result<Option<PathBuf>, Error> {
        let Self { log, state, level: _, dir, lock } = self;
        state.make_durable()?;
        drop((log, state));
        let path = dir.join(STATE);
        let kept = (1..).map(|number| beside(&path, &format!("damaged-{number}")));
        let mut kept = kept.filter(|kept| !kept.exists());
        let kept = kept.next().filter(|_| path.is_file());
        if let Some(kept) = &kept {
            rename(&path, kept)?;
        }
        rename(&Self::path(&dir), &path)?;
        drop(lock);
        Ok(kept)
    }
}
