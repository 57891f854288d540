//! Every bound of the state, with its reason.

use crate::time::{Span, Timestamp};

/// Jobs that are not over, in all. Each takes about a kilobyte of memory on every replica.
pub const LIVE_JOBS_MAX: usize = 500_000;

/// Bytes of the parameters of all jobs that are not over, names included: they are in memory on every
/// replica, and in every checkpoint. So many jobs as there may be have half a kilobyte each.
pub const LIVE_PARAMETER_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Different capacity maps among the live jobs of one action. A claim looks at the head of each
/// that waits, so this bounds the work of one claim; jobs that run or are scheduled for later
/// count, because they can all come to wait at once.
pub const SHAPES_PER_ACTION_MAX: usize = 1_024;

/// The head start in the queue of one level of priority over the next lower one. With 36 s, all
/// levels together are an hour: enough to pass a whole backlog, and not so much that what is passed
/// is forgotten.
pub const PRIORITY_STEP: Span = Span::from_ms(36 * 1_000);

/// The head start of the highest priority over the lowest: nothing is passed by what comes later
/// than this.
pub const PRIORITY_SPAN: Span = Span::from_ms(100 * PRIORITY_STEP.as_ms());

/// Bytes in a unique key. Each live job may have one, and the index has it once more.
pub const UNIQUE_KEY_BYTES_MAX: usize = 128;

/// Jobs that one entry ends because they have expired; the next entry goes on. A claim ends what it
/// meets of the others, and runs none of them.
pub const EXPIRIES_PER_ENTRY_MAX: usize = 1_024;

/// Queues that may be paused at a time, which are names.
pub const PAUSED_QUEUES_MAX: usize = 1_024;

/// Bytes of why a queue is paused: a sentence or two.
pub const PAUSE_REASON_BYTES_MAX: usize = 256;

/// Jobs that one entry cancels, deletes or retries at once, so that others get a turn.
pub const BULK_MAX: usize = 256;

/// Jobs that one claim may hand out, so that one entry stays small and others get a turn.
pub const CLAIM_MAX: u32 = 256;

/// Jobs that one entry moves from "scheduled for later" to "due"; the next entry goes on.
pub const PROMOTIONS_PER_ENTRY_MAX: usize = 4_096;

/// How often a job may lose its worker to death before it ends as `error`: a job that kills its
/// worker must not go round for ever.
pub const RECLAIMS_MAX: u32 = 10;

/// Attempts of one job, all of which its record keeps: one that loses its worker in the last ends as
/// `error`. Deaths are bounded by [`RECLAIMS_MAX`], so only a job that has seen a thousand stops of
/// its workers gets there. Each takes about a hundred bytes of memory, while the job is live.
pub const ATTEMPTS_MAX: u32 = 1_000;

/// Jobs or workers that the reason of a wait names: enough to see what holds a job up.
pub const WAIT_NAMES_MAX: usize = 8;

/// Jobs in a line of descent below the first: a job that submits itself must end some day.
pub const GENERATIONS_MAX: usize = 8;

/// Live jobs that descend from one job. To cancel that job cancels all of them, in one entry; no
/// more than [`PROMOTIONS_PER_ENTRY_MAX`].
pub const DESCENDANTS_MAX: usize = 4_096;

/// The longest time that a draining worker may be given before what it runs is stopped: a week.
pub const DRAIN_LIMIT_MAX: Span = Span::from_ms(7 * 24 * 60 * 60 * 1_000);

/// Ids of ended jobs that are remembered, so that a submission that is proposed twice is one job
/// even when the job has ended in between. At 10,000 jobs a second that is 10 s, longer than a
/// proposal lives; a submission that is under way for longer than the memory reaches is refused.
pub const RECENTLY_ENDED_MAX: usize = 100_000;

/// Bytes in the name of an action, a capacity, a parameter, a time zone or a user.
pub const NAME_BYTES_MAX: usize = 128;

/// Names in one capacity map.
pub const CAPACITY_NAMES_MAX: usize = 64;

/// The largest amount of one capacity.
pub const CAPACITY_AMOUNT_MAX: u64 = 1 << 32;

/// Bytes of all parameters of one job, names included.
pub const PARAMETER_BYTES_MAX: usize = 256 * 1024;

/// Parameters of one job.
pub const PARAMETERS_MAX: usize = 1_024;

/// Bytes in the text of a deadline, a stop timeout or a maximum age, which is kept as it came. Go
/// needs no more than half of it for any duration.
pub const TIMEOUT_BYTES_MAX: usize = 64;

/// Retries that one submission can ask for.
pub const RETRIES_MAX: u32 = 1_000;

/// Output lines that one job may have; its worker stops reading long before.
pub const LINES_PER_JOB_MAX: u64 = 100_000_000;

/// Output lines in one entry.
pub const LINES_PER_ENTRY_MAX: usize = 4_096;

/// Workers that the state remembers, dead ones included.
pub const WORKERS_MAX: usize = 1_024;

/// Parameters that one action may declare.
pub const DECLARATIONS_MAX: usize = 64;

/// Bytes of all texts that a worker says of its actions: one entry of the log holds them, and each
/// replica keeps them of each worker.
pub const OFFERS_BYTES_MAX: usize = 256 * 1024;

/// The longest wait before a retry, a week: what has failed for so long is seen to by people.
pub const BACKOFF_MAX: Span = Span::from_ms(7 * 24 * 60 * 60 * 1_000);

/// What one wait before a retry can be of the one before, in percent.
pub const BACKOFF_FACTOR_MAX: u32 = 10_000;

/// Actions that one worker may offer.
pub const ACTIONS_PER_WORKER_MAX: usize = 4_096;

/// The shortest and the longest time to live that a worker may register with.
pub const TTL_MIN: Span = Span::from_ms(500);
/// See [`TTL_MIN`].
pub const TTL_MAX: Span = Span::from_ms(10 * 60 * 1_000);

/// Crons, of which each action has one at most. Each takes about three kilobytes beside what its
/// client wrote, most of it history: at most 48 MiB, on every replica and in every checkpoint.
pub const CRONS_MAX: usize = 16_384;

/// Bytes that clients have written in all crons: their parameters above all.
pub const CRONS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What became of its latest ticks that a cron's record keeps; ticks that were skipped in a row for
/// one reason are one.
pub const TICK_RECORDS_KEPT: usize = 50;

/// How late a tick may be before it is missed, unless its cron says otherwise: longer than the
/// death of a leader and the restart of a replica take.
pub const WINDOW_DEFAULT: Span = Span::from_ms(10_000);

/// The longest such window: within it each tick of a cron becomes a job.
pub const WINDOW_MAX: Span = Span::from_ms(24 * 60 * 60 * 1_000);

/// The longest time by which ticks are put off.
pub const JITTER_MAX: Span = Span::from_ms(24 * 60 * 60 * 1_000);

/// Ticks that are counted one by one when a cron goes before they were decided: a day of seconds, and
/// some tenths of a second of work. Of more the record says from when until when, and this many.
pub const UNDECIDED_COUNTED_MAX: u64 = 100_000;

/// Ticks that come after those, and are named with them: with a tick each second they last for a
/// minute, longer than a proposal is under way.
pub const UNDECIDED_AHEAD: usize = 64;

/// Ticks of a cron that are caught up with after a time without any, the latest ones; the others
/// are skipped. With [`WINDOW_MAX`] or an outage of days a cron of each second would fill the queue.
pub const TICKS_CAUGHT_UP_MAX: usize = 1_000;

/// Crons whose ticks one entry may carry out.
pub const FIRINGS_PER_ENTRY_MAX: usize = 256;

/// Ticks that one entry may carry out, of all its crons: each may create a job.
pub const TICKS_PER_ENTRY_MAX: usize = 512;

/// Live jobs that a tick cancels whose cron replaces what is not over. A cron that let more of them
/// gather cancels some with each tick, and skips it, until the rest is fewer.
pub const REPLACED_PER_TICK_MAX: usize = 256;

/// Action configs, of which each action has one at most. Each may have parameters of
/// [`PARAMETER_BYTES_MAX`], so all of them are at most 256 MiB, on every replica and in every
/// checkpoint.
pub const ACTION_CONFIGS_MAX: usize = 1_024;

/// Jobs that one entry removes from history: each replica removes their records in one transaction,
/// and whoever proposes something meanwhile waits for it.
pub const COMPACTED_PER_ENTRY_MAX: usize = 256;

/// Tokens, expired ones included. Each has less than a kilobyte, so all of them are at most a
/// megabyte, on every replica and in every checkpoint.
pub const TOKENS_MAX: usize = 1_024;

/// Tokens beyond them that can only be drawn on the machines of replicas: a cluster whose tokens are
/// all lost must not be too full for a new one.
pub const TOKENS_RESERVED: usize = 16;

/// The longest time for which an invitation is good, a week: it is a key to the cluster.
pub const INVITATION_MAX: Span = Span::from_ms(7 * 24 * 60 * 60 * 1_000);

/// How long a replica that has taken an invitation may be on its way into the membership: longer than
/// whoever takes it in tries. Until then it may be one that no leader has asked what it knows.
pub const JOIN_LASTS: Span = Span::from_ms(60_000);

/// Invitations that are remembered: far more than a cluster has replicas.
pub const INVITATIONS_MAX: usize = 64;

/// Removed replicas that are remembered, so that none of them comes back under its old id.
pub const REPLICAS_REMOVED_MAX: usize = 1_024;

/// Bytes of what an administrator writes about a token.
pub const DESCRIPTION_BYTES_MAX: usize = 256;

/// Numbers of leases, and of generations of crons, that are left out when a cluster begins anew: more
/// than it can have given out since the backup was taken (ten thousand a second for three years), and
/// few enough that the numbers are exact in JSON after thousands of restores.
pub const NUMBERS_PASSED_OVER: u64 = 1 << 40;

/// Bytes of the reason why a run could not be started.
pub const REASON_BYTES_MAX: usize = 1_024;

/// Bytes of the text of a schedule. The longest field that makes sense, all 60 minutes one by one,
/// has 169.
pub const SCHEDULE_BYTES_MAX: usize = 256;

/// The shortest `@every`: one second, as in a crontab.
pub const EVERY_MIN: Span = Span::from_ms(1_000);

/// The longest `@every`, ten years: more than a crontab line without a weekday ever waits (four
/// years, for 29 February), and far less than Go's 292 years, which is a slip of the pen.
pub const EVERY_MAX: Span = Span::from_ms(10 * 365 * 24 * 60 * 60 * 1_000);

/// The end of the calendar, 2100-01-01T00:00:00Z: no schedule but `@every` has a tick from here
/// on. The time-zone rules of the build end with 2099, and the `cron` crate with 2100. It also
/// bounds the search for a tick: the rarest, 29 February on one weekday, comes every 28 years.
pub const SCHEDULE_END: Timestamp = Timestamp::from_ms(4_102_444_800_000);
