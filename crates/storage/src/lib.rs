//! What one replica keeps on its disk. Bytes and keys; it knows neither Raft nor what a job means.
//! Durable means fdatasync returned.
//!
//! Start at [`Store`]: it holds the directory's lock and gives out three parts, each a cheap handle
//! that is `Clone`, `Send` and `Sync`, and each synchronous (call them from your own threads).
//!
//! - [`Log`] (`log.redb`): numbered entries, and small named values such as the vote. One writer
//!   thread groups what is queued into one commit and one sync.
//! - [`StateStore`] (`state.redb`): the checkpoint of the hot state, the history of finished jobs
//!   with its indexes, and the snapshot stream made of both.
//! - [`Output`] (`output/`): the lines that jobs printed, in sled, one database per period. What is
//!   lost there is reported by [`Output::losses`] and can be fetched again from a peer.
//!
//! # What an error means
//!
//! [`Error::Failed`] is final: the disk did not keep a promise (a sync failed, a file broke), every
//! later call on that part answers the same, and the replica should stop. [`Error::DiskFull`] is
//! not: nothing was changed, and the same call succeeds once there is room again. Ask
//! [`Store::has_room`] before taking new work; it says no while the log still has a reserve.

mod backup;
mod checked;
mod database;
mod directory;
mod disk;
mod error;
mod identity;
mod level;
mod limits;
mod log;
mod output;
mod snapshot;
mod state;
mod store;
#[cfg(test)]
mod testing;

pub use backup::{BackupEncoder, BackupReader};
pub use disk::{Room, Tap};
pub use error::Error;
pub use identity::{Identity, Lineage};
pub use level::LevelMark;
pub use limits::{
    ACTION_BYTES_MAX, AUDIT_BYTES_MAX, BATCH_BYTES_MAX, BLOCK_BYTES_MAX, CHUNK_BYTES_MAX,
    ENTRY_BYTES_MAX, FRAME_BYTES_MAX, HEADER_BYTES_MAX, RECORD_BYTES_MAX, ROOM_BYTES,
    VALUE_BYTES_MAX,
};
pub use log::{Durable, Log, Pace, Turn};
pub use output::{Batch, Loss, Output, Swept};
pub use snapshot::{Received, SnapshotReader, SnapshotWriter};
pub use state::{
    Audited, CheckpointHeader, Counted, Counts, Ended, Filter, Gone, Key, Kind, Oldest, Record,
    StateStore,
};
pub use store::{Disk, StateAnew, Store, Usage};
