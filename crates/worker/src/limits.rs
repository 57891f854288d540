//! Every bound of the worker, with its reason.

use std::time::Duration;

/// Processes that run at once, unless the operator says otherwise: enough for jobs that wait for
/// the network, few enough for the process table and the file descriptors of a small machine.
pub(crate) const RUNS_MAX_DEFAULT: usize = 256;

/// The most runs that an operator can ask for: each takes three file descriptors and a task.
pub(crate) const RUNS_MAX_LIMIT: usize = 16_384;

/// How long a lease lasts after a renewal, unless the operator says otherwise: a worker that is
/// lost is noticed after this, and an election of a new leader takes a tenth of it.
pub(crate) const TTL_DEFAULT: Duration = Duration::from_secs(10);

/// A worker ends its processes this part of its lease before the lease ends, 1 s of 10 s: time to
/// kill them, and for clocks that do not tick at the same pace.
pub(crate) const LEASE_MARGIN_PART: u32 = 10;

/// A worker renews this often in the time of one lease, so that one lost renewal costs nothing.
pub(crate) const RENEWALS_PER_LEASE: u32 = 3;

/// After a renewal that failed at once, the next is tried this part of a lease later, 0.5 s of
/// 10 s: often enough to use every chance, too seldom to burden a cluster in trouble.
pub(crate) const RENEWAL_TRIES_PER_LEASE: u32 = 20;

/// How long running jobs have to end when the worker is stopped.
pub(crate) const DRAIN_LIMIT_DEFAULT: Duration = Duration::from_secs(30);

/// From SIGTERM to SIGKILL, where neither the job nor its action says: what `docker stop` gives.
pub(crate) const STOP_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// Bytes of one output line; a longer one goes on in the next.
pub(crate) const LINE_BYTES_MAX_DEFAULT: usize = 16 * 1024;

/// The longest line that an operator can ask for: a batch has room for more than one.
pub(crate) const LINE_BYTES_LIMIT: usize = 32 * 1024;

/// The shortest: a line has to hold the longest escape, the mark that it goes on, and some text.
pub(crate) const LINE_BYTES_MIN: usize = 64;

/// Output lines of one job.
pub(crate) const LINES_MAX_DEFAULT: u64 = 1_000_000;

/// Bytes of output of one run: every replica keeps them.
pub(crate) const OUTPUT_BYTES_MAX_DEFAULT: u64 = 256 * 1024 * 1024;

/// Bytes of the pattern of one parameter.
pub(crate) const PATTERN_BYTES_MAX: usize = 512;

/// Bytes of what a pattern becomes, which repetitions inside of repetitions make large.
pub(crate) const PATTERN_PROGRAM_BYTES_MAX: usize = 256 * 1024;

/// Elements of one action's command line, far below what the kernel takes.
pub(crate) const ARGUMENTS_MAX: usize = 4_096;

/// Where a process's programs are, unless its action says otherwise.
pub(crate) const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";

/// Output lines that are proposed at once. One batch of a job is under way at a time: with so many
/// lines in it 20,000 a second of ordinary length take no more than 20 to 30 entries, whatever the
/// disk; short ones are bounded by this and long ones by their bytes.
pub(crate) const BATCH_LINES_MAX: usize = 1_024;

/// Bytes of output that are proposed at once, beyond the first line: a chatty job must not fill
/// the log of its cluster.
pub(crate) const BATCH_BYTES_MAX: usize = 64 * 1024;

/// Bytes of one read from a pipe.
pub(crate) const READ_BYTES: usize = 8 * 1024;

/// Bytes that are read from a pipe after all that may write to it are dead: the most that a pipe
/// holds, so that a process that has escaped cannot keep its worker reading.
pub(crate) const PIPE_BYTES_MAX: usize = 1024 * 1024;

/// The least that a compaction rests after each of its steps.
pub(crate) const COMPACTION_REST_MIN: Duration = Duration::from_millis(5);

/// Between two attempts to append lines that could not be.
pub(crate) const APPEND_RETRY_PAUSE: Duration = Duration::from_millis(200);

/// How long the request of a webhook may take, unless its job says otherwise.
pub(crate) const WEBHOOK_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// The longest that a job may say: whoever needs longer answers at once and works afterwards.
pub(crate) const WEBHOOK_TIMEOUT_MAX: Duration = Duration::from_mins(10);

/// Bytes of a URL, as many as servers take.
pub(crate) const WEBHOOK_URL_BYTES_MAX: usize = 4_096;

/// Headers that a job adds to its webhook.
pub(crate) const WEBHOOK_HEADERS_MAX: usize = 32;

/// Bytes of an answer that become output, and of its head: what a person reads of an error.
pub(crate) const WEBHOOK_ANSWER_BYTES_MAX: usize = 16 * 1024;

/// The longest wait before a retry that the answer to a webhook can ask for: whoever is asked again
/// then can say so again, and a wrong clock on the other side costs no more.
pub(crate) const WEBHOOK_RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// How long the built-in action `sleep` sleeps, unless its job says otherwise.
pub(crate) const SLEEP_DEFAULT: Duration = Duration::from_mins(1);

/// Runs that are reported at once: with the longest reasons, half a megabyte.
pub(crate) const FINISH_MAX: usize = 512;

/// Runs that have ended and that the cluster has not heard of: beyond this, none are claimed.
pub(crate) const ENDED_MAX: usize = 4_096;

/// Renewals that are under way at once: one that hangs must not keep the next from being sent.
pub(crate) const RENEWALS_IN_FLIGHT_MAX: usize = 3;

/// The pause after a proposal that failed, doubled with each that fails after it.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest such pause: a cluster that is back should not wait for its workers.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The pause after a registration that was refused: an operator has to do something first.
pub(crate) const REFUSED_PAUSE: Duration = Duration::from_secs(10);

/// Between two looks for processes that were killed and are not gone yet, doubled with each look.
pub(crate) const LEFTOVER_PAUSE: Duration = Duration::from_millis(20);
/// The longest such pause: what is left then waits for the kernel.
pub(crate) const LEFTOVER_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Of processes that stay though they are killed one line in this time is logged.
pub(crate) const LEFTOVER_LOG_INTERVAL: Duration = Duration::from_mins(1);

/// Between two searches for what runs that have ended left behind. A search looks at every
/// process of the machine, so that many short jobs share one.
pub(crate) const SWEEP_PAUSE: Duration = Duration::from_millis(250);
/// On a machine with many processes the pause is at least so many times the search, so that
/// searching takes no more than a tenth of one core.
pub(crate) const SWEEP_REST: u32 = 9;

/// After the last process has been killed at the drain limit: time to see it gone and to hand in
/// its last lines.
pub(crate) const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// How long a worker that is being stopped tries to report its last runs and to say goodbye: the
/// time in which a cluster that has just lost its leader has another one.
pub(crate) const FAREWELL_MAX: Duration = Duration::from_secs(5);

/// Bytes of one packet between a worker and a guardian: a few make up the longest command line,
/// and a guardian that holds one stays small.
pub(crate) const PACKET_BYTES_MAX: usize = 32 * 1024;

/// How long a guardian may take to hear what it is to start: it has nothing else to do.
pub(crate) const LAUNCH_MAX: Duration = Duration::from_secs(10);

/// How long a guardian may take to obey an order to kill, before its worker does it.
pub(crate) const OBEY_MAX: Duration = Duration::from_millis(500);

/// After the first process of a run has ended, its worker waits so long for the rest to be gone
/// before it reports the end. What is not gone then waits for the kernel, in a dead disk, say.
pub(crate) const GONE_MAX: Duration = Duration::from_secs(2);

/// What does not end with its process group and cgroup is looked for after this, and again after
/// pauses that double, for as long as there is any.
pub(crate) const HUNT_PAUSE_MIN: Duration = Duration::from_millis(5);
/// The longest such pause: what is left then waits for the kernel.
pub(crate) const HUNT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Looks for processes that are still to be stopped, before all are killed: more than the doublings
/// that fill any process table.
pub(crate) const HUNT_PASSES_MAX: usize = 64;

/// A cgroup whose last process has been reaped can be removed at once, or nearly.
pub(crate) const CGROUP_TRIES: usize = 3;
/// Between these tries.
pub(crate) const CGROUP_PAUSE: Duration = Duration::from_millis(2);
