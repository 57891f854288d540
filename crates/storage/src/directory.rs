//! The few things we do to directories and small files: lock, write, rename, sync, ask for room.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use stint_failpoint::failpoint;

use crate::{
    Error,
    error::is_full,
    limits::{LOCK_TRIES, LOCK_WAIT_MS, RESERVE_BYTES},
};

/// The exclusive right to a data directory, given back when the last part that uses it is dropped.
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: File,
}

impl DirLock {
    pub(crate) fn take(dir: &Path) -> Result<Arc<Self>, Error> {
        let path = dir.join("LOCK");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| io_error("open the lock file", &path, error))?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Arc::new(Self { _file: file })),
                Err(TryLockError::WouldBlock) => {
                    thread::sleep(Duration::from_millis(LOCK_WAIT_MS));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(io_error("lock the directory", &path, error));
                }
            }
        }
        Err(Error::Locked { dir: dir.to_owned() })
    }
}

pub(crate) fn io_error(what: &'static str, path: &Path, error: io::Error) -> Error {
    if is_full(&error) {
        return Error::DiskFull { path: path.to_owned() };
    }
    Error::Io { what, path: path.to_owned(), source: Arc::new(error) }
}

/// Makes created, renamed and removed names of `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir)
        .and_then(|file| file.sync_all())
        .map_err(|error| io_error("sync the directory", dir, error))
}

/// Creates `dir` and what is missing above it, durably.
pub(crate) fn create_dir(dir: &Path) -> Result<(), Error> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_dir(parent)?;
    }
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(io_error("create the directory", dir, error));
        }
        Ok(()) | Err(_) => {}
    }
    sync_dir(parent.unwrap_or(Path::new(".")))
}

/// Replaces `path` by `content`: the old or the new content is there after a crash, never a mix.
pub(crate) fn write_file(path: &Path, content: &[u8]) -> Result<(), Error> {
    let beside = beside(path, "new");
    failpoint!("storage::file::write")?;
    File::create(&beside)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        })
        .map_err(|error| io_error("write", &beside, error))?;
    failpoint!("storage::file::rename")?;
    rename(&beside, path)
}

/// Moves a file or directory within its directory, durably.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(|error| io_error("rename", from, error))?;
    sync_dir(to.parent().unwrap_or(Path::new(".")))
}

/// Removes a file if it is there. Not durable before the directory is synced.
pub(crate) fn remove_file(path: &Path) -> Result<(), Error> {
    absent_is_fine(fs::remove_file(path)).map_err(|error| io_error("remove", path, error))
}

/// Removes a directory and all that is in it, if it is there.
pub(crate) fn remove_dir(path: &Path) -> Result<(), Error> {
    absent_is_fine(fs::remove_dir_all(path)).map_err(|error| io_error("remove", path, error))
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// `path` with an extension added: `log.redb` becomes `log.redb.new`.
pub(crate) fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

/// The names in a directory, in order; those that are not UTF-8 are none of ours.
pub(crate) fn names(dir: &Path) -> Result<Vec<String>, Error> {
    let read = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    };
    read().map_err(|error| io_error("list the directory", dir, error))
}

/// Refuses when only the reserve is left, which is for votes and for what frees space.
pub(crate) fn check_reserve(path: &Path) -> Result<(), Error> {
    if free_bytes(path)? < RESERVE_BYTES {
        return Err(Error::DiskFull { path: path.to_owned() });
    }
    Ok(())
}

pub(crate) fn free_bytes(path: &Path) -> Result<u64, Error> {
    Ok(room(path)?.0)
}

/// What is free on the disk for those who are not root, and what there is in all, in bytes.
pub(crate) fn room(path: &Path) -> Result<(u64, u64), Error> {
    let stat = rustix::fs::statvfs(path)
        .map_err(|error| io_error("ask for free space of", path, error.into()))?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Ok((bytes(stat.f_bavail), bytes(stat.f_blocks)))
}

/// A guard even if a thread panicked while it held the lock: what we keep behind locks is replaced
/// whole or not at all.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
