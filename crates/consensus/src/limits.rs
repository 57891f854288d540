//! Every bound of this crate, with its reason.

use std::time::Duration;

/// Bytes of jobs after which a chunk of a checkpoint is closed: with one more job of the largest
/// kind it is far below what storage takes (4 MiB).
pub(crate) const CHUNK_BYTES: usize = 1024 * 1024;

/// Bytes of the latest entries that are kept decoded: replication and apply read what was just
/// written, and do not ask the disk for it.
pub(crate) const CACHE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How often it is noted at most how far entries are committed: what is committed in this time is
/// carried out again in no time.
pub(crate) const COMMITTED_MARK_INTERVAL: Duration = Duration::from_millis(50);

/// Bytes of entries that are read for one message to a follower, which takes in up to 64 of them
/// before the first is on its disk.
pub(crate) const READ_BYTES_MAX: usize = 256 * 1024;

/// Entries in one message to a follower.
pub(crate) const ENTRIES_PER_MESSAGE_MAX: u64 = 1_024;

/// Bytes of one message between replicas: an entry may have up to 16 MiB, and comes with others.
pub(crate) const MESSAGE_BYTES_MAX: usize = 20 * 1024 * 1024;

/// Entries that are applied under one lock, and whose history is written in one transaction.
pub(crate) const APPLY_BATCH_MAX: usize = 256;

/// Bytes of them, beyond which no further entry is taken: each is in memory several times meanwhile.
pub(crate) const APPLY_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Records of history, and of the audit log, that wait to be written in one transaction: what it costs
/// is then no more than what they cost themselves.
pub(crate) const UNWRITTEN_MAX: usize = 256;

/// Bytes of them, beyond which they are written at once: they are in memory meanwhile.
pub(crate) const UNWRITTEN_BYTES_MAX: usize = 512 * 1024;

/// Happenings that a subscriber may be behind before it misses some.
pub(crate) const EVENTS_MAX: usize = 1_024;

/// Their bytes, about: an entry may bring a megabyte of lines.
pub(crate) const EVENTS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// As long as no subscriber is behind by as many, they are not counted: that costs something for each
/// event, and is what there is nearly always.
pub(crate) const EVENTS_COUNTED_FROM: usize = 16;

/// Bytes of jobs of one page that are read at a time, about, and beyond them one job.
pub(crate) const PAGE_STEP_BYTES: usize = 256 * 1024;

/// Places after lines that nobody has at which one read looks for the next ones.
pub(crate) const GAPS_PER_READ_MAX: usize = 16;

/// Occurrences that are kept for those who watch the log: each is a job or a worker as it was.
pub(crate) const WATCH_OCCURRENCES_MAX: usize = 16_384;

/// Bytes of them, about: some minutes of a busy cluster, so that a client whose replica has died
/// finds the rest at another one.
pub(crate) const WATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of occurrences that a watcher takes at a time, beyond which it takes no further entry: about
/// what a client takes before it says that it wants more. Whoever applies waits meanwhile.
pub(crate) const WATCH_BATCH_BYTES_MAX: usize = 64 * 1024;

/// Output lines in one stored batch; longer ones make it smaller.
pub(crate) const OUTPUT_BATCH_LINES_MAX: usize = 256;

/// Bytes of output lines that one read gives.
pub(crate) const LINES_BYTES_MAX: usize = 512 * 1024;

/// Records of history that one page looks into, where no index tells which match: some
/// milliseconds. The next page goes on behind them.
pub(crate) const LIST_RECORDS_MAX: usize = 500;

/// Bytes of records after which a page looks into no further one: they may be large.
pub(crate) const LIST_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Live jobs that one page looks at under the lock of the state: some milliseconds.
pub(crate) const LIST_LIVE_MAX: usize = 20_000;

/// Keys of history that are read at a time while a page is looked for.
pub(crate) const LIST_STEP: usize = 1_024;

/// Entries after which a checkpoint is written, so that a restart replays few.
pub(crate) const CHECKPOINT_ENTRIES: u64 = 50_000;

/// Entries that stay in the log after a checkpoint: a follower that is less behind than this
/// catches up without a snapshot.
pub(crate) const ENTRIES_KEPT: u64 = 10_000;

/// Entries that are cut off the log at least, and wait for it: one transaction for many.
pub(crate) const PURGE_ENTRIES_MAX: u64 = 1_024;

/// Proposals that a replica makes, or sends to the leader, in one message.
pub(crate) const FORWARD_BATCH_MAX: usize = 256;

/// Bytes of proposals in one such message, unless a single one is larger.
pub(crate) const FORWARD_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of one encoded command: a line of output then always fits a batch of output storage
/// (1 MiB), and everything else that the core takes is smaller.
pub(crate) const PROPOSAL_BYTES_MAX: usize = 1000 * 1024;

/// Such messages under way at a time, unless one takes longer than [`FORWARD_PATIENCE`]: one whose entries
/// are on their way to the disks, and one that is on its way there.
pub(crate) const FORWARD_AT_ONCE: usize = 2;
/// How long others wait for one that is under way: far longer than disks and a network nearby take.
pub(crate) const FORWARD_PATIENCE: Duration = Duration::from_millis(10);
/// Such messages under way at a time, however long they take: enough to fill a way of half a second.
pub(crate) const FORWARD_IN_FLIGHT_MAX: usize = 32;

/// Proposals that wait to be made, or sent to the leader; beyond it whoever proposes waits.
pub(crate) const FORWARD_QUEUE_MAX: usize = 4_096;

/// How long a connection to a peer may take to be made: three times over the network and back with
/// the handshake of TLS, also between places far apart.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the handshake of a connection that came in may take. Whoever dials gives up earlier.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections of peers in their handshake at a time; more wait to be accepted. Each member has a
/// handful of connections.
pub(crate) const HANDSHAKES_MAX: usize = 256;

/// How long no connection is accepted after accepting failed: file descriptors may have run out.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Of connections that are refused for one reason one in this time is told.
pub(crate) const REFUSAL_LOG_INTERVAL: Duration = Duration::from_mins(1);

/// Reasons that are told for each peer that cannot be reached, until it answers; and of connections
/// that are refused, in the time of [`REFUSAL_LOG_INTERVAL`].
pub(crate) const REASONS_MAX: usize = 8;

/// A silent peer is asked for a sign of life this often, and given up after as long again: about
/// an election, so that a cut that loses packets silently is noticed.
pub(crate) const PING_INTERVAL: Duration = Duration::from_millis(500);

/// How often a peer that has connected is asked for a sign of life, and how long it has for that: it
/// asks by itself much earlier, so that this only lets go of what a dead one has left, well before the
/// turn of the next snapshot ([`SNAPSHOT_TURN_TIMEOUT`]).
pub(crate) const CALLER_PING_INTERVAL: Duration = Duration::from_secs(4);

/// How long a whole snapshot may take: a terabyte. That a peer is gone is noticed much earlier.
pub(crate) const SNAPSHOT_TIMEOUT: Duration = Duration::from_hours(6);

/// How long one frame of it may take to be accepted.
pub(crate) const SNAPSHOT_FRAME_TIMEOUT: Duration = Duration::from_mins(1);

/// Bytes of snapshots that are sent to one peer in a second, at most, unless the operator says
/// otherwise: half of what a network of 1 Gbit/s carries, so that entries and heartbeats have the
/// other half.
pub(crate) const SNAPSHOT_BYTES_PER_SECOND: u64 = 64 * 1024 * 1024;

/// Bytes of frames that are kept because they may be on their way: more than connection and channel
/// hold.
pub(crate) const SNAPSHOT_WINDOW_BYTES: usize = 16 * 1024 * 1024;

/// How long both ends keep a snapshot that was cut off, each with room on its disk.
pub(crate) const SNAPSHOT_KEPT: Duration = Duration::from_mins(5);

/// How long a snapshot waits for the one before it to let go.
pub(crate) const SNAPSHOT_TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause between two looks for a leader.
pub(crate) const LEADER_PAUSE: Duration = Duration::from_millis(20);

/// Elections, of the longest kind, in which no leader is heard of before a replica says that there is
/// none, and answers so at once: a leader that dies is replaced within two of them, and requests that
/// come meanwhile wait for the next one rather than fail.
pub(crate) const SILENCE_ELECTIONS: u32 = 5;

/// How long a planned stop waits for the next leader.
pub(crate) const HANDOVER_TIMEOUT: Duration = Duration::from_secs(3);

/// How soon after an entry the leader looks at the leases of workers, which it may have renewed; and how
/// soon it tries again what could not be done.
pub(crate) const LEASE_LOOK: Duration = Duration::from_millis(100);

/// How long the leader looks away from what is due if it knows of nothing sooner: its clock may be set.
pub(crate) const DUE_LOOK: Duration = Duration::from_millis(500);

/// How long a writer waits for room on a full disk before it tries again.
pub(crate) const DISK_FULL_PAUSE: Duration = Duration::from_millis(500);

/// Bytes of entries after which a checkpoint is written, if there are not as many entries before.
pub(crate) const CHECKPOINT_BYTES: u64 = 256 << 20;

/// Bytes of entries, about, that stay in the log after a checkpoint, however few entries they are.
pub(crate) const BYTES_KEPT: u64 = 256 << 20;

/// Into how many steps the bytes that stay are counted: the log is cut at one of them.
pub(crate) const BYTES_KEPT_STEPS: u64 = 64;

/// How often a replica looks after its disk: its room, its log.
pub(crate) const UPKEEP_INTERVAL: Duration = Duration::from_millis(500);

/// How rarely a leader whose disk is full hands over, so that two of them do not play ball.
pub(crate) const FULL_HANDOVER_INTERVAL: Duration = Duration::from_secs(10);

/// How soon output that is missing here is looked for at peers again, after a peer did not answer.
pub(crate) const REFILL_INTERVAL: Duration = Duration::from_secs(2);

/// And how late at most: the pause doubles each time, since each look goes through the history.
pub(crate) const REFILL_INTERVAL_MAX: Duration = Duration::from_mins(10);

/// Records of the audit log that are read at a time while a page is looked for.
pub(crate) const AUDIT_PAGE: usize = 1_024;

/// Bytes of the records of one page, as they are stored. A change to 256 jobs at once names them all,
/// and a page with a thousand of these would be more than one message of gRPC.
pub(crate) const AUDIT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How long nothing is compacted before what that has left behind is removed.
pub(crate) const SWEEP_QUIET: Duration = Duration::from_secs(2);

/// And how long that waits at most, where compaction hardly ever pauses.
pub(crate) const SWEEP_DELAY_MAX: Duration = Duration::from_mins(10);

/// How often a replica looks for lines to remove without being told: those of deleted jobs, and
/// what a look before could not finish.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_hours(1);

/// Room of removed records below which the state file is not written anew: some megabytes.
pub(crate) const SHRINK_RECORDS_MIN: u64 = 10_000;

/// Jobs that are looked through for missing output at a time.
pub(crate) const REFILL_STEP: usize = 256;

/// Bytes of their records, beyond which no further one is read: each may have 4 MiB.
pub(crate) const REFILL_STEP_BYTES: usize = 1024 * 1024;

/// How long the connections of peers get to end by themselves when a replica stops.
pub(crate) const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// How often a replica that stops looks whether all others have let go of its disk.
pub(crate) const LET_GO_LOOK: Duration = Duration::from_millis(2);

/// How soon a new replica asks the founders again whether they know it with another disk.
pub(crate) const ADMISSION_PAUSE: Duration = Duration::from_millis(100);

/// Every so many of these times it says that it waits.
pub(crate) const ADMISSION_TOLD: u32 = 100;

/// How often a leader looks whether the membership is as it shall be: who is to vote, who is to go.
pub(crate) const MEMBERS_LOOK: Duration = Duration::from_millis(200);

/// Entries that a new member may lack when it gets a vote: it has them before anybody misses them.
pub(crate) const PROMOTION_LAG_MAX: u64 = 1_000;

/// How long a change of the membership may take: two entries, of which the second waits for the
/// first, and perhaps another leader.
pub(crate) const CHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a new replica tries to be taken in, and how soon it tries again.
pub(crate) const JOIN_TIMEOUT: Duration = Duration::from_secs(30);
/// See [`JOIN_TIMEOUT`].
pub(crate) const JOIN_PAUSE: Duration = Duration::from_millis(500);

/// How long a removed replica goes on to answer, so that whoever asked it for that hears of it.
pub(crate) const REMOVED_GRACE: Duration = Duration::from_secs(1);

/// How often a replica looks at the clocks of the others: what a clock that jumps can do wrong, it
/// does for this long at most.
pub(crate) const CLOCK_LOOK: Duration = Duration::from_secs(2);

/// The same, as long as most clocks are not known: nothing can be proposed yet.
pub(crate) const CLOCK_LOOK_FIRST: Duration = Duration::from_millis(100);

/// How long a look at a clock may take: half of it, which is how wrong it can be, is tolerated.
pub(crate) const CLOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Clocks that are no farther apart show the same time. Far more than what NTP leaves, and less
/// than anybody waits for a cron.
pub(crate) const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);

/// How often a leader looks whether all members know a higher feature level.
pub(crate) const LEVEL_LOOK: Duration = Duration::from_secs(1);

/// Bytes of the version of a program that are kept of what a peer says: it is shown to people.
pub(crate) const VERSION_BYTES_MAX: usize = 64;

/// Ticks of one cron in one entry, so that others get a turn.
pub(crate) const FIRING_TICKS_MAX: usize = 128;

/// Bytes, about, of the jobs that one entry makes of ticks.
pub(crate) const FIRE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Ticks of a cron that are worked out at a time, some tens of milliseconds of work: after a longer
/// outage the oldest are passed over in steps.
pub(crate) const TICKS_LOOKED_AT_MAX: usize = 20_000;

/// How long a cron is left alone whose schedule means nothing to this replica.
pub(crate) const SCHEDULE_PAUSE: Duration = Duration::from_mins(1);

/// Bytes of output, about, in one block of a backup.
pub(crate) const BACKUP_STEP_BYTES: usize = 256 * 1024;

/// Blocks of a backup that are ready before whoever takes them has room.
pub(crate) const BACKUP_AHEAD: usize = 2;

/// How long the taker of a backup may take for one block: it pins the disk space of what is removed
/// meanwhile.
pub(crate) const BACKUP_PATIENCE: Duration = Duration::from_mins(2);

/// How often peers are asked in vain for missing output before a backup goes on without it: with
/// peers that are down each try takes the time of a request.
pub(crate) const BACKUP_FETCHES_FAILED_MAX: usize = 16;

/// Indexes of the log that are left out when a cluster begins anew from a backup, as
/// [`stint_core::limits::NUMBERS_PASSED_OVER`]: whoever watched the former one from an index on, and
/// goes on here, is told that it is not kept any more, and sees no other events in its place.
pub(crate) const INDEXES_PASSED_OVER: u64 = stint_core::limits::NUMBERS_PASSED_OVER;

/// Bytes of output that a restore writes before it waits for the disk: until then they are in memory.
pub(crate) const RESTORED_BYTES_UNSYNCED: usize = 16 * 1024 * 1024;

/// Bytes of entries that are read at a time from a log that is looked through.
pub(crate) const EXAMINE_BYTES: usize = 4 * 1024 * 1024;

/// How long an append may wait for the disk before a leader gives way to another replica: far longer
/// than a busy disk takes, and short enough that clients find the next leader with the same call.
pub(crate) const DISK_SLOW: Duration = Duration::from_secs(2);

/// Less than so many bytes and so many parts in a hundred of a disk are told of before it is full.
/// On large disks a tenth is still a lot, and on small ones so many bytes are all.
pub(crate) const DISK_SHORT_BYTES: u64 = 10 << 30;
/// See [`DISK_SHORT_BYTES`].
pub(crate) const DISK_SHORT_PERCENT: u64 = 10;

/// How often a replica looks how large its output is: some files for each day that is kept.
pub(crate) const OUTPUT_MEASURED: Duration = Duration::from_secs(10);

/// How long a replica that is asked for a snapshot may take to make a checkpoint that is new enough: as
/// long as writing the largest state to a slow disk.
pub(crate) const RECOVER_CHECKPOINT_TIMEOUT: Duration = Duration::from_mins(1);
/// How soon it looks again. See [`RECOVER_CHECKPOINT_TIMEOUT`].
pub(crate) const RECOVER_CHECKPOINT_LOOK: Duration = Duration::from_millis(100);
/// How often a replica looks how it is itself, to tell others: what is wrong lasts longer than that.
pub(crate) const CONDITION_LOOK: Duration = Duration::from_secs(2);
/// What a replica tells others, or is told by one, of what is wrong: more is in its log.
pub(crate) const WARNINGS_MAX: usize = 8;
/// Bytes of one of these texts.
pub(crate) const WARNING_BYTES_MAX: usize = 2_048;
