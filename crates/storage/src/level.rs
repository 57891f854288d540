//! The highest level that something in a data directory needs, written beside its identity.
//!
//! What a level is, is its owner's business. It is here, and not only in the state and the log, so that
//! a program that is too old can be told so before it opens either.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use stint_failpoint::failpoint;

use crate::{Error, Identity};

/// The level of one data directory. Clones share it.
#[derive(Debug, Clone)]
pub struct LevelMark {
    dir: PathBuf,
    known: Arc<Mutex<u32>>,
}

impl LevelMark {
    pub(crate) fn read(dir: &Path) -> Result<Self, Error> {
        let known = Arc::new(Mutex::new(Identity::level(dir)?));
        Ok(Self { dir: dir.to_owned(), known })
    }

    /// Writes that the directory needs this level; durable when it returns. Lower ones change nothing.
    /// Waits for the disk, but only when the level rises.
    pub fn raise(&self, level: u32) -> Result<(), Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if level <= *known {
            return Ok(());
        }
        failpoint!("storage::level::raise")?;
        // A directory that is being made gets it with its identity.
        if let Some(identity) = Identity::read(&self.dir)? {
            identity.write(&self.dir, Identity::lineage(&self.dir)?, level)?;
        }
        *known = level;
        Ok(())
    }

    /// The level that is written, which is 0 if none was.
    pub fn get(&self) -> u32 {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[test]
    fn a_level_that_was_written_stays_with_the_identity_and_never_falls() {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity { replica: 7, cluster: [3; 16] };
        {
            let store = Store::open(dir.path(), identity).unwrap();
            assert_eq!(store.level().get(), 0);
            store.level().raise(2).unwrap();
            store.level().clone().raise(1).unwrap();
            store.begin_lineage([9; 16]).unwrap();
        }
        let store = Store::open(dir.path(), identity).unwrap();
        assert_eq!(Store::level_of(dir.path()).unwrap(), 2);
        assert_eq!(store.lineage().unwrap(), Some([9; 16]));
        store.level().raise(3).unwrap();
        assert_eq!((store.level().get(), store.lineage().unwrap()), (3, Some([9; 16])));
        assert_eq!(Store::identity_of(dir.path()).unwrap(), Some(identity));
    }
}
