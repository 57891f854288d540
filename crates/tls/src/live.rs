//! What was made of some files, and is made anew when they change.

use std::hash::RandomState;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use crate::error::Error;
use crate::files::{Pem, fingerprint};
use crate::lasting::{Lasting, Notice};

type Make<T> = Box<dyn Fn(&[Pem]) -> Result<T, Error> + Send + Sync>;

/// The value, and where it comes from.
pub(crate) struct Live<T> {
    what: &'static str,
    files: Vec<PathBuf>,
    make: Make<T>,
    hasher: RandomState,
    /// The fingerprint of what was read last, whether it was of use or not.
    seen: Mutex<u64>,
    current: RwLock<Arc<T>>,
    /// How long what was read lasts.
    lasting: Mutex<Vec<Lasting>>,
}

impl<T> Live<T> {
    /// Reads the files, which have to be in order.
    pub(crate) fn load(
        what: &'static str,
        files: Vec<PathBuf>,
        make: impl Fn(&[Pem]) -> Result<T, Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let hasher = RandomState::new();
        let read = read(&files);
        let seen = fingerprint(&hasher, &read);
        let read = read?;
        let current = make(&read)?;
        Ok(Self {
            what,
            files,
            make: Box::new(make),
            hasher,
            seen: Mutex::new(seen),
            current: RwLock::new(Arc::new(current)),
            lasting: Mutex::new(read.iter().filter_map(Lasting::of).collect()),
        })
    }

    /// What holds now.
    pub(crate) fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Which of the certificates end soon, or have ended.
    pub(crate) fn notices(&self, now: SystemTime) -> Vec<Notice> {
        let lasting = self.lasting.lock().unwrap_or_else(PoisonError::into_inner);
        lasting.iter().filter_map(|file| file.notice(now)).collect()
    }

    /// Reads the files again. Contents that are of no use leave what holds as it is, and are told
    /// once, or each time that somebody has asked for it. Must be allowed to block.
    pub(crate) fn reload(&self, is_asked: bool) {
        let read = read(&self.files);
        let found = fingerprint(&self.hasher, &read);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *seen, found) == found && !is_asked {
            return;
        }
        let lasting = read
            .as_ref()
            .map_or_else(|_| Vec::new(), |files| files.iter().filter_map(Lasting::of).collect());
        match read.and_then(|files| (self.make)(&files)) {
            Ok(made) => {
                *self.lasting.lock().unwrap_or_else(PoisonError::into_inner) = lasting;
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(made);
                tracing::info!("{} was read again; new connections use it", self.what);
            }
            Err(error) => {
                tracing::error!(%error, "{} is of no use; the old one stays in use", self.what);
            }
        }
    }
}

fn read(files: &[PathBuf]) -> Result<Vec<Pem>, Error> {
    files.iter().map(|file| Pem::read(file)).collect()
}
