//! Opening sled, and what its errors and panics mean. No other file names it.

use std::{
    io,
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    thread,
    time::Duration,
};

pub(super) use sled::Db;
use sled::IVec;

use crate::{
    database::panic_text,
    error::is_full,
    limits::{LOCK_TRIES, LOCK_WAIT_MS, PERIOD_CACHE_BYTES},
};

/// What a database may suffer.
#[derive(Debug)]
pub(in crate::output) enum Harm {
    /// It is damaged or came back with less than it had. It can be set aside and replaced.
    Damaged(String),
    /// There is no room.
    Full,
    /// The disk refused to write or sync. Nothing can be trusted.
    Broken(String),
    /// It was written anew meanwhile, and the new database has taken its place.
    Replaced,
}

impl Harm {
    pub(in crate::output) fn of_io(what: &str, error: &io::Error) -> Self {
        if is_full(error) { Self::Full } else { Self::Broken(format!("{what}: {error}")) }
    }
}

impl From<sled::Error> for Harm {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) if is_full(&error) => Self::Full,
            // sled reports bytes that it does not understand as I/O errors of its own making;
            // those of the operating system have a number.
            sled::Error::Io(error)
                if error.raw_os_error().is_some() && error.kind() != io::ErrorKind::NotFound =>
            {
                Self::Broken(error.to_string())
            }
            damaged @ (sled::Error::Io(_)
            | sled::Error::CollectionNotFound(_)
            | sled::Error::Unsupported(_)
            | sled::Error::ReportableBug(_)
            | sled::Error::Corruption { .. }) => Self::Damaged(damaged.to_string()),
        }
    }
}

/// Opens a database. The threads of a former handle may hold its lock for a while after it was
/// dropped.
pub(super) fn open(dir: &Path) -> Result<Db, Harm> {
    let mut tries = 0;
    loop {
        let opened = caught(|| {
            let config = sled::Config::new()
                .path(dir)
                .cache_capacity(PERIOD_CACHE_BYTES)
                .flush_every_ms(None);
            Ok(config.open()?)
        });
        match opened {
            Err(Harm::Damaged(detail)) if detail.contains("could not acquire lock") => {
                tries += 1;
                if tries >= LOCK_TRIES {
                    return Err(Harm::Broken(detail));
                }
                thread::sleep(Duration::from_millis(LOCK_WAIT_MS));
            }
            opened => return opened,
        }
    }
}

/// Takes away one piece of a database, as a disk might.
#[cfg(test)]
pub(in crate::output) fn lose_piece(dir: &Path) {
    let db = open(dir).expect("a database");
    let (key, _) = db.iter().nth(9).expect("ten pieces").expect("a piece");
    db.remove(key).expect("a database that takes changes");
}

/// The entries of these keys, looked up one after the other. sled looks for what its cache may forget
/// at each 64th access to one of 256 parts of it only, and an iterator accesses a page once: what it
/// reads of many pages stays in memory.
pub(super) fn one_by_one<K: AsRef<[u8]>>(
    db: &Db,
    first: K,
    last: K,
) -> impl Iterator<Item = sled::Result<(IVec, IVec)>> {
    let mut from = Bound::Included(IVec::from(first.as_ref()));
    std::iter::from_fn(move || {
        let entry = db.range((from.clone(), Bound::Included(IVec::from(last.as_ref())))).next()?;
        if let Ok((key, _)) = &entry {
            from = Bound::Excluded(key.clone());
        }
        Some(entry)
    })
}

/// Killed while it writes one, sled never opens again with it.
pub(super) fn is_unfinished_snapshot(name: &str) -> bool {
    name.starts_with("snap.") && name.ends_with(".generating")
}

/// Runs `work`; sled panics on damage that it takes for impossible.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, Harm>) -> Result<T, Harm> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(Harm::Damaged(format!("sled panicked: {}", panic_text(panic.as_ref()))))
    })
}
