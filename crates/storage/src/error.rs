//! What can go wrong with a disk, one variant per thing that a caller may do differently.

use std::{io, path::PathBuf, sync::Arc};

/// The world failing under this crate. Cloneable, since one failed commit answers many appends.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process, or another [`Store`](crate::Store) of this one, has the directory open.
    #[error("{}: the data directory is in use by another process; stop it first", dir.display())]
    Locked {
        /// The data directory.
        dir: PathBuf,
    },
    /// The directory was made for another replica.
    #[error(
        "{}: the data directory belongs to replica {found:012x}, not to {expected:012x}; \
         give each replica its own",
        dir.display()
    )]
    OtherReplica {
        /// The data directory.
        dir: PathBuf,
        /// The replica it belongs to.
        found: u64,
        /// The replica that was to open it.
        expected: u64,
    },
    /// The directory was made for this replica as a member of another cluster.
    #[error(
        "{}: the data directory belongs to cluster {}, not to {}",
        dir.display(), hex(found), hex(expected)
    )]
    OtherCluster {
        /// The data directory.
        dir: PathBuf,
        /// The cluster it belongs to.
        found: [u8; 16],
        /// The cluster that was to open it.
        expected: [u8; 16],
    },
    /// A later version of the program wrote the directory.
    #[error(
        "{}: format {found} is newer than {known}, the newest this version reads; \
         run the version that wrote it",
        path.display()
    )]
    NewerFormat {
        /// The identity file, or another one that has a format.
        path: PathBuf,
        /// The format of the directory, or of that file.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// The identity file cannot be understood.
    #[error("{}: not a valid identity file: {detail}", path.display())]
    BadIdentity {
        /// The identity file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A file that must be there is not: the directory is damaged. It is never made anew silently.
    #[error("{}: missing; the data directory is damaged", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A log entry does not match its checksum.
    #[error("log entry {index} is damaged: its checksum does not match")]
    Corrupt {
        /// The index of the entry.
        index: u64,
    },
    /// A log entry that must be there is not.
    #[error("log entry {index} is missing")]
    Hole {
        /// The index of the entry.
        index: u64,
    },
    /// Something other than a log entry does not match its checksum or its form.
    #[error("{}: damaged: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The log entries up to here were purged.
    #[error("log entries up to {upto} have been purged")]
    Purged {
        /// The last purged index.
        upto: u64,
    },
    /// An append that would leave a hole or write over an entry. Nothing was changed.
    #[error("log entry {found} does not follow: the next is {expected}")]
    NotContiguous {
        /// The index that has to come next.
        expected: u64,
        /// The index that was given.
        found: u64,
    },
    /// More bytes than the bound of this kind of value. Nothing was changed.
    #[error("{what} has {bytes} bytes, at most {bytes_max} are stored")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// A received snapshot is damaged, out of order or cut short. Nothing was changed.
    #[error("received snapshot refused: {detail}")]
    BadSnapshot {
        /// What is wrong with it.
        detail: String,
    },
    /// A backup is damaged, cut short, or none at all.
    #[error("the backup is refused: {detail}")]
    BadBackup {
        /// What is wrong with it, and where.
        detail: String,
    },
    /// A later version of the program made the backup.
    #[error(
        "the backup has format {found}, newer than {known}, the newest this version reads; \
         restore it with the version that made it"
    )]
    NewerBackup {
        /// The format of the backup.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// A directory that was to be filled is somebody's, or has something in it.
    #[error(
        "{}: it is not empty: {found} is in it; nothing was changed. Move what is there away, or \
         name another data directory",
        dir.display()
    )]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
        /// The first name in it.
        found: String,
    },
    /// The disk is full. Nothing was changed; the call may be repeated when there is room.
    #[error("{}: no space left on the disk", path.display())]
    DiskFull {
        /// The file or directory that could not grow.
        path: PathBuf,
    },
    /// The disk failed and cannot be trusted any more. Final: every later call answers the same.
    #[error("{}: failed: {detail}; restart the replica when the disk is sound", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What failed.
        detail: String,
    },
    /// The operating system refused something outside of the databases.
    #[error("{}: cannot {what}", path.display())]
    Io {
        /// What was to be done, as a verb phrase.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why it was refused.
        #[source]
        source: Arc<io::Error>,
    },
}

impl From<stint_failpoint::Injected> for Error {
    fn from(injected: stint_failpoint::Injected) -> Self {
        let source = Arc::new(io::Error::from(injected));
        Self::Io { what: "go on", path: injected.place.into(), source }
    }
}

impl Error {
    /// Whether the part that answered this is of no use until the process starts again.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    /// Whether it is about the file of checkpoint and history, which others have too.
    pub fn is_of_state(&self) -> bool {
        let (Self::Damaged { path, .. } | Self::Missing { path }) = self else { return false };
        path.file_name().is_some_and(|name| name == crate::store::STATE)
    }

    /// Whether something on the disk is not what was written there, or gone.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Corrupt { .. } | Self::Hole { .. } | Self::Damaged { .. } | Self::Missing { .. }
        )
    }
}

/// Whether the operating system says that there is no room (a quota counts as none).
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn hex(bytes: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*bytes))
}
