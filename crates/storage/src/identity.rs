//! Whose data directory this is: the file that tells a new directory from a damaged one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Error,
    directory::{io_error, write_file},
};

/// The format of the directory that this version writes, and the newest that it reads.
const FORMAT: u32 = 1;

const NAME: &str = "format.toml";

/// A cluster that begins anew, from a backup or with the replicas that are left, is another one than
/// before, though it keeps its name: replicas of different lineages must not talk to each other.
pub type Lineage = [u8; 16];

/// Whose data a directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The replica's id, 48 bits, printed as 12 hex digits.
    pub replica: u64,
    /// The cluster's id.
    pub cluster: [u8; 16],
}

impl Identity {
    pub(crate) fn path(dir: &Path) -> PathBuf {
        dir.join(NAME)
    }

    /// The identity written in `dir`, or `None` if nobody has finished creating it.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, Error> {
        let path = Self::path(dir);
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("read", &path, error)),
        };
        let bad = |detail: &str| Error::BadIdentity { path: path.clone(), detail: detail.into() };
        let format = field(&text, "format").ok_or_else(|| bad("no format"))?;
        let format: u32 = format.parse().map_err(|_| bad("format is not a number"))?;
        if format > FORMAT {
            return Err(Error::NewerFormat { path: path.clone(), found: format, known: FORMAT });
        }
        let replica = hex_field::<6>(&text, "replica").ok_or_else(|| bad("no replica id"))?;
        let cluster = hex_field::<16>(&text, "cluster").ok_or_else(|| bad("no cluster id"))?;
        let replica = replica.iter().fold(0, |id, byte| id << 8 | u64::from(*byte));
        Ok(Some(Self { replica, cluster }))
    }

    pub(crate) fn write(
        self,
        dir: &Path,
        lineage: Option<Lineage>,
        level: u32,
    ) -> Result<(), Error> {
        let level = if level == 0 { String::new() } else { format!("level = {level}\n") };
        let lineage = lineage.map(|id| format!("lineage = \"{}\"\n", digits(id)));
        let text = format!(
            "# Whose data this directory holds. Do not edit.\n\
             format = {FORMAT}\nreplica = \"{:012x}\"\ncluster = \"{}\"\n{}{level}",
            self.replica,
            digits(self.cluster),
            lineage.unwrap_or_default(),
        );
        write_file(&dir.join(NAME), text.as_bytes())
    }

    /// From which founding on the replicas of this cluster belong together, if it has begun anew.
    pub(crate) fn lineage(dir: &Path) -> Result<Option<Lineage>, Error> {
        let path = Self::path(dir);
        let text = fs::read_to_string(&path).map_err(|error| io_error("read", &path, error))?;
        if field(&text, "lineage").is_none() {
            return Ok(None);
        }
        let detail = "the lineage is not 32 hexadecimal digits".into();
        hex_field::<16>(&text, "lineage").map(Some).ok_or(Error::BadIdentity { path, detail })
    }

    /// The level that is written in `dir`; 0 if there is none.
    pub(crate) fn level(dir: &Path) -> Result<u32, Error> {
        let path = Self::path(dir);
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(io_error("read", &path, error)),
        };
        let detail = || "the level is not a number".into();
        field(&text, "level").map_or(Ok(0), |level| {
            level.parse().map_err(|_| Error::BadIdentity { path, detail: detail() })
        })
    }

    /// Refuses a directory of somebody else.
    pub(crate) fn check(self, dir: &Path, expected: Self) -> Result<(), Error> {
        let dir = dir.to_owned();
        if self.replica != expected.replica {
            let (found, expected) = (self.replica, expected.replica);
            return Err(Error::OtherReplica { dir, found, expected });
        }
        if self.cluster != expected.cluster {
            let (found, expected) = (self.cluster, expected.cluster);
            return Err(Error::OtherCluster { dir, found, expected });
        }
        Ok(())
    }
}

fn digits(id: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(id))
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .find_map(|(key, value)| (key.trim() == name).then(|| value.trim().trim_matches('"')))
}

fn hex_field<const N: usize>(text: &str, name: &str) -> Option<[u8; N]> {
    let digits = field(text, name)?.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
