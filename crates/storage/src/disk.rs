//! The file under a database: plain positioned reads and writes that remember what went wrong.

use std::{
    fmt::Debug,
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use crate::{database::StorageBackend, error::is_full};

/// What has happened to a file, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// Nothing.
    None,
    /// A write found no room. Nothing that was promised is lost.
    Full,
    /// A read or write failed, or a sync did: what is on the disk is unknown.
    Broken,
}

/// The worst that has happened to a file so far, shared with the one who has to judge it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health(Arc<AtomicU8>);

impl Health {
    pub(crate) fn trouble(&self) -> Trouble {
        match self.0.load(Ordering::Acquire) {
            0 => Trouble::None,
            1 => Trouble::Full,
            _ => Trouble::Broken,
        }
    }

    fn note<T>(&self, result: io::Result<T>, is_sync: bool) -> io::Result<T> {
        if let Err(error) = &result {
            // A sync that finds no room has dropped pages that a write had accepted.
            let level = if is_full(error) && !is_sync { 1 } else { 2 };
            self.0.fetch_max(level, Ordering::AcqRel);
        }
        result
    }
}

/// Sees each change of a file before it is made, and may refuse it. Tests record and break files
/// with it; a replica has none.
pub trait Tap: Debug + Send + Sync {
    /// So many bytes are about to be written at `offset`.
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()>;
    /// The file is about to get this length.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// What was written is about to be made durable.
    fn sync(&self) -> io::Result<()>;
    /// Bytes are about to be read.
    fn read(&self) -> io::Result<()> {
        Ok(())
    }
    /// The one that is to see another file, which has just been opened or created; itself if `None`.
    fn of(&self, _path: &Path) -> Option<Arc<dyn Tap>> {
        None
    }
}

/// Says how much room a disk has. A replica asks the machine; where disks are simulated, the
/// simulation says.
pub trait Room: Debug + Send + Sync {
    /// The bytes that are free.
    fn free_bytes(&self) -> u64;
}

/// The file of a database.
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: File,
    health: Health,
    tap: Option<Arc<dyn Tap>>,
}

impl DiskFile {
    pub(crate) fn new(file: File, health: Health, tap: Option<Arc<dyn Tap>>) -> Self {
        Self { file, health, tap }
    }

    fn tapped(&self, see: impl FnOnce(&dyn Tap) -> io::Result<()>) -> io::Result<()> {
        self.tap.as_deref().map_or(Ok(()), see)
    }
}

/// No locks: the data directory's own lock keeps every other process out.
impl StorageBackend for DiskFile {
    fn len(&self) -> io::Result<u64> {
        self.health.note(self.file.metadata().map(|metadata| metadata.len()), false)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let result =
            self.tapped(|tap| tap.read()).and_then(|()| self.file.read_exact_at(out, offset));
        self.health.note(result, false)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let result = self.tapped(|tap| tap.set_len(len)).and_then(|()| self.file.set_len(len));
        self.health.note(result, false)
    }

    fn sync_data(&self) -> io::Result<()> {
        let result = self.tapped(|tap| tap.sync()).and_then(|()| self.file.sync_data());
        self.health.note(result, true)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let result = self
            .tapped(|tap| tap.write(offset, data))
            .and_then(|()| self.file.write_all_at(data, offset));
        self.health.note(result, false)
    }
}
