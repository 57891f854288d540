//! What is known of a period outside of its database: that it was created, and what the last sync
//! has put there. It tells whether a database came back from a crash with all of it.

use std::{fs::File, os::unix::fs::FileExt as _, path::Path};

use crate::{
    Error,
    checked::{Fields, seal, unseal},
    directory::{io_error, write_file},
};

use super::period::Harm;

/// Keeps a mark apart from other sealed bytes.
const CONTEXT: &[u8] = b"period";

/// The format of a mark: the second one has a generation.
const FORMAT: u32 = 2;

/// Which pieces there are: how many, and a sum over them that does not depend on their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    count: u64,
    sum: u64,
}

impl Tally {
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.count = self.count.wrapping_add(1);
        self.sum ^= digest(key, value);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.count = self.count.wrapping_sub(1);
        self.sum ^= digest(key, value);
    }
}

fn digest(key: &[u8], value: &[u8]) -> u64 {
    let crc = |first: &[u8], second: &[u8]| {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(first);
        hasher.update(second);
        u64::from(hasher.finalize())
    };
    crc(key, value) << 32 | crc(value, key)
}

/// What the last sync has put into the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Synced {
    /// Its number; pieces carry the number of the sync that covers them.
    pub(super) number: u64,
    /// All pieces that it has covered.
    pub(super) tally: Tally,
    /// Whether the database was closed behind it, and needs no check.
    pub(super) is_closed: bool,
    /// How often the period was written anew: in which directory the database is.
    pub(super) generation: u32,
}

impl Synced {
    fn encode(&self) -> Vec<u8> {
        let mut body = self.number.to_le_bytes().to_vec();
        body.extend_from_slice(&self.tally.count.to_le_bytes());
        body.extend_from_slice(&self.tally.sum.to_le_bytes());
        body.push(u8::from(self.is_closed));
        body.extend_from_slice(&self.generation.to_le_bytes());
        seal(CONTEXT, &body)
    }

    /// What is said, and whether there is more of it than this version knows.
    fn decode(sealed: &[u8]) -> Option<(Self, bool)> {
        let mut fields = Fields(unseal(CONTEXT, sealed)?);
        let number = fields.u64()?;
        let tally = Tally { count: fields.u64()?, sum: fields.u64()? };
        let is_closed = fields.u8()? == 1;
        // The first format had no generations.
        let generation = fields.u32().unwrap_or(0);
        let is_newer = !fields.rest().is_empty();
        Some((Self { number, tally, is_closed, generation }, is_newer))
    }
}

/// The file of a mark.
pub(super) struct Mark {
    file: File,
}

impl Mark {
    /// Creates the mark, durably. From here on the absence of the database is a loss.
    pub(super) fn create(path: &Path, synced: Synced) -> Result<Self, Error> {
        write_file(path, &synced.encode())?;
        Self::open_file(path)
    }

    /// The generation that a mark names, or `None` if it is damaged.
    pub(super) fn generation(path: &Path) -> Result<Option<u32>, Error> {
        Ok(Self::read(path)?.map(|synced| synced.generation))
    }

    /// A later version may say more in it, which must not be taken for damage, nor written over.
    fn read(path: &Path) -> Result<Option<Synced>, Error> {
        let sealed = std::fs::read(path).map_err(|error| io_error("read", path, error))?;
        match Synced::decode(&sealed) {
            Some((_, true)) => {
                let (found, known) = (FORMAT + 1, FORMAT);
                Err(Error::NewerFormat { path: path.to_owned(), found, known })
            }
            other => Ok(other.map(|(synced, _)| synced)),
        }
    }

    /// What the mark says, or `None` if it is damaged.
    pub(super) fn open(path: &Path) -> Result<(Self, Option<Synced>), Error> {
        let synced = Self::read(path)?;
        Ok((Self::open_file(path)?, synced))
    }

    fn open_file(path: &Path) -> Result<Self, Error> {
        let file = File::options().write(true).open(path);
        Ok(Self { file: file.map_err(|error| io_error("open", path, error))? })
    }

    /// Replaces what the mark says, durably.
    pub(super) fn write(&self, synced: Synced) -> Result<(), Harm> {
        // Few bytes within one sector, so a cut leaves the former or the new ones.
        self.file
            .write_all_at(&synced.encode(), 0)
            .map_err(|error| Harm::of_io("write the mark", &error))?;
        self.file.sync_data().map_err(|error| Harm::Broken(format!("sync the mark: {error}")))
    }
}
