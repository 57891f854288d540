//! Every bound of this crate, with its reason.

use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Bytes of one log entry. Far above the largest command (a 1 MiB body), far below what would
/// stall the writer thread.
pub const ENTRY_BYTES_MAX: usize = 16 * MIB;

/// Bytes of one small named value of the log (a vote, a committed index).
pub const VALUE_BYTES_MAX: usize = 64 * KIB;

/// Bytes of one history record's body. The largest job is its parameters (256 KiB) and its runs.
pub const RECORD_BYTES_MAX: usize = 4 * MIB;

/// Bytes of a record's action name: two of them and a worker must fit an index key.
pub const ACTION_BYTES_MAX: usize = 1024;

/// Bytes of one checkpoint chunk, so that reading and sending a checkpoint has a flat cost.
pub const CHUNK_BYTES_MAX: usize = 4 * MIB;

/// Bytes of a checkpoint's header.
pub const HEADER_BYTES_MAX: usize = MIB;

/// Bytes of one frame of a snapshot stream, small enough for any message size limit.
pub const FRAME_BYTES_MAX: usize = 256 * KIB;

/// Bytes of one block of a backup: a batch of output with its labels, twice, and small enough for a
/// message of gRPC (4 MiB).
pub const BLOCK_BYTES_MAX: usize = 3 * MIB;

/// Bytes of one batch of job output.
pub const BATCH_BYTES_MAX: usize = MIB;

/// Bytes of entries that one commit of the log takes: enough to make the sync cheap per entry,
/// little enough that the last of a group does not wait for long.
pub(crate) const GROUP_BYTES_MAX: usize = 4 * MIB;

/// Bytes of entries that may wait for the log's writer; beyond it `append` waits.
pub(crate) const QUEUE_BYTES_MAX: usize = 64 * MIB;

/// Bytes of the latest entries kept in memory, for whoever reads them before they are on disk; what
/// consensus reads it keeps decoded.
pub(crate) const RECENT_BYTES_MAX: usize = MIB;

/// Entries removed per transaction while the log is purged, so that appends do not wait for it.
pub(crate) const PURGE_STEP_ENTRIES: usize = 2048;

/// Page cache of `log.redb`. Recent entries are in memory already; this holds the tree's branches.
pub(crate) const LOG_CACHE_BYTES: usize = 4 * MIB;

/// Page cache of `state.redb`: the branches of five trees over a million records, and the leaves
/// that a batch touches.
pub(crate) const STATE_CACHE_BYTES: usize = 16 * MIB;

/// Bytes of records that may be visible without being durable. It bounds what the next durable
/// commit has to write.
pub(crate) const UNSYNCED_BYTES_MAX: usize = 8 * MIB;

/// Bytes that removing a record counts for among those that are not durable: the pages of seven
/// trees are shared by neighbours, and a transaction of 256 removals copies about a megabyte.
pub(crate) const REMOVAL_BYTES: usize = 4 * KIB;

/// Bytes of records that are copied at a time while the state file is written anew: a transaction
/// of some milliseconds, after which it rests for as long.
pub(crate) const SHRINK_STEP_BYTES: usize = 512 * KIB;

/// Changes of which the audit log knows who made them; the oldest are forgotten. With about 200
/// bytes each it takes some 30 MB.
pub(crate) const AUDIT_RECORDS_MAX: u64 = 100_000;

/// Changes by which the audit log may be above its bound before the oldest are removed.
pub(crate) const AUDIT_STEP: u64 = 1_000;

/// Bytes of what is kept of one change: a few names and ids.
pub const AUDIT_BYTES_MAX: usize = 16 * KIB;

/// Chunks removed per transaction when a former checkpoint is cleared away.
pub(crate) const CLEAR_STEP_CHUNKS: usize = 16;

/// Bytes of received records per transaction while a snapshot comes in.
pub(crate) const RECEIVE_STEP_BYTES: usize = 2 * MIB;

/// Free bytes below which nothing is written but what frees space, or is a vote: a group and its
/// copied pages fit, and a purge still works on a disk that is full for everybody else.
pub(crate) const RESERVE_BYTES: u64 = 16 << 20;

/// Free bytes below which the replica should take no new work. Above `RESERVE_BYTES`, so that
/// what was taken can still be written.
pub const ROOM_BYTES: u64 = 64 << 20;

/// Free bytes below which nothing more should come at all. Well above [`RESERVE_BYTES`]: what others
/// write meanwhile must not make an append fail that was let in.
pub(crate) const CARRY_ON_BYTES: u64 = 32 << 20;

/// Free bytes of a disk that is not asked again for [`PLENTY_LASTS`]: no disk takes so much more than
/// [`ROOM_BYTES`] in that time.
pub(crate) const PLENTY_BYTES: u64 = 1 << 30;
/// See [`PLENTY_BYTES`].
pub(crate) const PLENTY_LASTS: Duration = Duration::from_millis(100);

/// Bytes of one stored piece of output. sled has up to 16 of them in one page, of which its cache holds
/// thousands that it was not told to (see `one_by_one`): after 768 MiB of output a replica had 240 MiB of
/// memory with pieces of 32 KiB, and 115 MiB with these. Values larger than 32 KiB it moves to files of
/// their own, which it syncs even less than its log.
pub(crate) const PIECE_BYTES_MAX: usize = 2 * KIB;

/// Bytes written to sled between two syncs. Images cut with more than about twice of it unsynced
/// came back damaged.
pub(crate) const OUTPUT_UNSYNCED_BYTES_MAX: usize = 128 * KIB;

/// Keys deleted from sled between two syncs, for the same reason.
pub(crate) const OUTPUT_UNSYNCED_DELETES_MAX: usize = 500;

/// Pieces, and bytes of them, that are copied at a time while a period is written anew: whoever
/// appends to it waits for no longer than for a sync.
pub(crate) const OUTPUT_COPY_PIECES: usize = 64;
/// See [`OUTPUT_COPY_PIECES`].
pub(crate) const OUTPUT_COPY_BYTES: usize = 64 * KIB;

/// Jobs of a period that are looked at a time for whether they are gone.
pub(crate) const SWEEP_JOBS: usize = 256;

/// A period is written anew once as many of its jobs are gone as this part of those that stay.
/// Before that, what is gone is deleted, whose bytes stay in the file for a while.
pub(crate) const SWEEP_ANEW_PART: u64 = 4;

/// Periods open at the same time: the one that is written, and one more. Each takes about 20 MiB of
/// memory besides its cache.
pub(crate) const PERIODS_OPEN_MAX: usize = 2;

/// sled's cache per period. It keeps more than it is told: with 16 MiB, 50 MB of lines took 60 MiB,
/// and reading was no faster.
pub(crate) const PERIOD_CACHE_BYTES: u64 = 4 << 20;

/// How often a lock is tried. A process that is forking holds the locks of its parent until it has
/// become another program, and sled's threads hold sled's for a while after it was closed.
pub(crate) const LOCK_TRIES: u32 = 80;

/// Milliseconds between two of those tries.
pub(crate) const LOCK_WAIT_MS: u64 = 25;

/// Bytes of the log that are read at a time when all of it is looked at.
pub(crate) const CHECK_BYTES: usize = 4 * MIB;

/// How much later than ours a format may be that is taken for one: a byte that says more is damaged.
pub(crate) const FORMATS_AHEAD_MAX: u32 = 4;
