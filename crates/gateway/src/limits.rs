//! Every bound of the gateway, with its reason. What an operator may want to change is in
//! [`crate::Config`], and has its default here.

use std::num::NonZeroU32;
use std::time::Duration;

use stint_core::Span;

/// Jobs in one page of a list, whatever a client asks for: usually about a megabyte of JSON.
pub(crate) const PAGE_MAX: u64 = 1_000;

/// Jobs that a list may leave out first. They are walked over and held by their ids, about 32 MB
/// for as many as this; a filter by action or worker is the way to what lies further back.
pub(crate) const START_MAX: u64 = 1_000_000;

/// Bytes of JSON that are made before they are sent: a page of jobs with large parameters is made
/// piece by piece.
pub(crate) const PIECE_BYTES_MIN: usize = 64 * 1024;

/// Jobs in one page if the client does not say: the default of the v0 API.
pub(crate) const PAGE_DEFAULT: u64 = 10;

/// Bytes of a JSON body.
pub(crate) const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Bytes beyond [`BODY_BYTES_MAX`] that are read and thrown away before the refusal is sent:
/// a connection that is closed while the client still writes loses the answer (RFC 9112, 9.6).
pub(crate) const BODY_DRAINED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A body with more bytes than this is a large one; of those there are few at a time.
pub(crate) const SMALL_BODY_BYTES_MAX: usize = 64 * 1024;

/// Large bodies at one time: with gRPC's 4 MiB a message that is 256 MiB.
pub(crate) const LARGE_BODIES_MAX: usize = 64;

/// Of these one client's: reading a megabyte of JSON takes milliseconds, for which others wait.
pub(crate) const LARGE_BODIES_OF_CLIENT_MAX: usize = 16;

/// How deep a JSON body may be nested. The parser recurses, and forms are three deep.
pub(crate) const JSON_DEPTH_MAX: usize = 64;

/// Bytes of one gRPC message, compressed or not: the default of most gRPC implementations.
pub(crate) const GRPC_MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of what one answer lists over gRPC; the rest is left for the next one. What stands beside the
/// list takes less than what is missing to [`GRPC_MESSAGE_BYTES_MAX`].
pub(crate) const GRPC_LIST_BYTES_MAX: usize = GRPC_MESSAGE_BYTES_MAX - 1024;

/// Bytes of all names and texts of one submission. The state allows about half of it; what is
/// larger would be refused after it had been written to the log of every replica.
pub(crate) const SUBMISSION_BYTES_MAX: usize = 512 * 1024;

/// Jobs that history can be told to keep: clients of v0 hold the number in 64 bits with a sign.
pub(crate) const HISTORY_TO_KEEP_MAX: u64 = i64::MAX.unsigned_abs();

/// Bytes of what a client sent that an error message shows.
pub(crate) const SHOWN_BYTES_MAX: usize = 64;

/// Output lines that are fetched and sent at a time.
pub(crate) const LOG_PAGE_LINES_MAX: usize = 1_000;

/// Bytes of a request id that is taken from the client; longer ones are replaced.
pub(crate) const REQUEST_ID_BYTES_MAX: usize = 64;

/// Characters of an idempotency key: what other services allow, so that their clients' keys fit.
pub(crate) const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// Bytes of the head of a request: line and headers.
pub(crate) const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Requests at a time on one HTTP/2 connection.
pub(crate) const STREAMS_PER_CONNECTION_MAX: u32 = 128;

/// Bytes that an HTTP/2 client may send ahead on one stream, and on all of a connection.
pub(crate) const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// See [`STREAM_WINDOW_BYTES`].
pub(crate) const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// Bytes of answers that wait for one slow HTTP/2 stream.
pub(crate) const SEND_BUFFER_BYTES_MAX: usize = 256 * 1024;

/// A silent HTTP/2 client is asked for a sign of life this often, and a silent TCP peer too.
pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(30);

/// How long the answer to that may take.
pub(crate) const PING_ANSWER_MAX: Duration = Duration::from_secs(20);

/// Default: how long the handshake of TLS may take, from the moment that a connection is accepted.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Default: from the first byte of a request to the last of its head.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Default: from the head of a request to the end of its body.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Default: how long a connection may be without a request. Longer than the 90 s after which Go's
/// client closes one itself, so that it does not meet a connection that is just being closed.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_mins(2);

/// Default: how long a client may take none of the bytes that are there for it.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Default: how long requests that are under way have at shutdown. Longer than a proposal waits.
pub(crate) const SHUTDOWN_GRACE: Duration = Duration::from_secs(8);

/// Default: connections at a time; each takes a file descriptor and some kilobytes.
pub(crate) const CONNECTIONS_MAX: usize = 4_096;

/// Default: of these one address's, or one IPv6 network's of 64 bits: half, so that none takes all, and
/// as many as a load balancer before the replica needs for what [`REQUESTS_AT_ONCE`] allows.
pub(crate) const CONNECTIONS_PER_ADDRESS: NonZeroU32 = nonzero(2_048);

/// Of connections that are refused one in this time is told.
pub(crate) const REFUSAL_LOG_INTERVAL: Duration = Duration::from_mins(1);

/// Default: requests at a time, of all connections.
pub(crate) const REQUESTS_MAX: usize = 4_096;

/// Default: requests at a time that follow the output of a job, or watch the log: some 60 MB, if
/// nothing happens.
pub(crate) const FOLLOWERS_MAX: usize = 2_048;

/// Of so many followers one may be the same client's.
pub(crate) const FOLLOWERS_PER_ONE_OF_A_CLIENT: usize = 2;

/// Default: changes, and reads of one record, that are carried out at a time: enough that the log
/// is written in large groups, also where a sync or a network takes 10 ms, and few enough that
/// whoever comes when all are taken does not wait long for the next turn.
pub(crate) const CALLS_AT_ONCE: usize = 128;

/// Pages that are made at a time for each processor, and large bodies that are read: they are work
/// for the processor, and more of them at once only slow each other and all else down. One more
/// is for whoever comes while one client makes all that it may.
pub(crate) const PAGES_PER_PROCESSOR: usize = 1;

/// How long a request waits for its turn. With no leader each turn takes as long as a proposal
/// waits, and then it is better said than waited for.
pub(crate) const TURN_WAIT_MAX: Duration = Duration::from_secs(10);

/// Default: requests a second of one client. A replica serves some ten thousand a second at best, so
/// that honest load tools are not held up, and a loop gone wild does not keep others waiting long.
pub(crate) const REQUESTS_PER_SECOND: NonZeroU32 = nonzero(20_000);

/// To begin to follow a job or to watch the log is as much as so many requests: what comes first is
/// many messages. As [`BURST_SECONDS`] has it, a client can still begin all that it may have at once,
/// as after a failover.
pub(crate) const FOLLOW_COST: u32 = 16;

/// How long a client waits for the answer that it asks for too much, on average. Whoever does not heed
/// [`RETRY_AFTER`], but repeats it at once, asks so only a few times a second by each of his requests.
pub(crate) const REFUSAL_DELAY: Duration = Duration::from_millis(250);

/// The same for a body that is large: to send it, to wherever it was broken off, was as much work as
/// many requests. It is [`RETRY_AFTER`] on average.
pub(crate) const LARGE_REFUSAL_DELAY: Duration = Duration::from_secs(1);

/// A client that was quiet may send at once what it may send in so many seconds: those who come
/// back after an election have saved up as much.
pub(crate) const BURST_SECONDS: u32 = 2;

/// Default: requests at a time of one client: half of [`REQUESTS_MAX`], so that none takes all, and
/// twice its part of [`FOLLOWERS_MAX`], so that one that follows all it can still gets other
/// answers.
pub(crate) const REQUESTS_AT_ONCE: NonZeroU32 = nonzero(2_048);

/// Clients whose requests are counted, about 4 MB: four times [`REQUESTS_MAX`], so that there is
/// always one without a request under way, which can be forgotten for a new one.
pub(crate) const CLIENTS_REMEMBERED_MAX: usize = 16_384;

/// How often it is looked whether the token of a caller whose answer goes on is still valid, beside
/// each time that there is something to send.
pub(crate) const TOKEN_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How often those who watch the log are told how far they have come, though nothing happens: so
/// little is then missing when they go on elsewhere, and so late is a dead connection noticed.
pub(crate) const BOOKMARK_INTERVAL: Duration = Duration::from_secs(10);

/// How often a stream of events says that it lives: less than what proxies take for a dead one,
/// which is a minute in most of them.
pub(crate) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

/// How long a request whose token is not known waits for this replica to catch up: the token may
/// have been created on another one just now.
pub(crate) const UNKNOWN_TOKEN_WAIT: Duration = Duration::from_secs(1);

/// How long the session of a browser lasts, if its token does: a working day. The next one begins with
/// signing in.
pub(crate) const SESSION_AGE: Duration = Duration::from_hours(12);

/// Bytes of the form by which somebody signs in: a token, and the page that was asked for.
pub(crate) const FORM_BYTES_MAX: usize = 16 * 1024;

/// How long a browser may remember that a page of a listed origin may ask: a list that has changed
/// holds everywhere after that.
pub(crate) const PREFLIGHT_AGE: Duration = Duration::from_mins(10);

/// How soon a client should try again when there is no leader or no room: elections take a second.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long a readiness probe waits for the proof that this replica is current.
pub(crate) const READY_TIMEOUT: Duration = Duration::from_secs(1);

/// Bytes of what the pattern of a parameter becomes; a worker declares none that takes more.
pub(crate) const PATTERN_PROGRAM_BYTES_MAX: usize = 256 * 1024;

/// How often the gRPC health service looks whether the replica is ready, while somebody watches.
pub(crate) const HEALTH_INTERVAL: Duration = Duration::from_millis(500);

/// How long no connection is accepted after accepting failed: file descriptors may have run out.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Default: pages that are made at a time.
pub(crate) fn pages_at_once() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    processors * PAGES_PER_PROCESSOR + 1
}

/// A number that is not zero, as the compiler sees.
const fn nonzero(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("the number is not zero")
}

/// Ticks of a schedule that are foretold, unless a client says how many.
pub(crate) const PREVIEW_DEFAULT: u64 = 10;

/// The most that one can be told: some milliseconds of work.
pub(crate) const PREVIEW_MAX: u64 = 1_000;

/// How often a cron is taken away with the ticks that nothing has decided, if they are others each time:
/// once they are known, another minute of them is.
pub(crate) const UNDECIDED_TRIES_MAX: u32 = 4;
/// Actions whose metrics are told apart; the others are `other`. A scrape has about fifty lines for
/// each, and whoever stores it pays for each line.
pub(crate) const METRICS_ACTIONS_MAX: usize = 100;

/// How long the statistics wait to learn how many jobs there are. They are given without that where there
/// is no leader.
pub(crate) const COUNT_PATIENCE: Duration = Duration::from_secs(1);

/// How long a step of the statistics is, and how many a replica keeps: the last eight hours, in some
/// 200 kB.
pub(crate) const SAMPLE_INTERVAL: Duration = Duration::from_secs(30);
/// See [`SAMPLE_INTERVAL`].
pub(crate) const SAMPLES_MAX: usize = 960;

/// Attempts that a job shows beside the rest of its record. `/jobs/{id}/attempts` has more.
pub(crate) const ATTEMPTS_SHOWN: usize = 16;

/// Backups that a replica gives at a time: each reads all of its disk, and keeps the room of what is
/// removed meanwhile.
pub(crate) const BACKUPS_MAX: usize = 1;

/// How long an invitation is good for if nobody says: long enough to set a machine up.
pub(crate) const INVITATION_DEFAULT: Span = Span::from_ms(60 * 60 * 1_000);

/// Bytes of a text that is looked for in parameters.
pub(crate) const TEXT_BYTES_MAX: usize = 256;

/// How long one request goes on with a bulk; the next one goes on from there.
pub(crate) const BULK_TIME: Duration = Duration::from_secs(5);

/// Bytes of jobs in one entry of a bulk that retries: a few of these are under way at a time.
pub(crate) const BULK_BYTES_MAX: usize = 1024 * 1024;

/// What a job takes in an entry beside its parameters, at most about.
pub(crate) const BULK_JOB_BYTES: usize = 512;

/// Ids of jobs that the answer to a bulk shows.
pub(crate) const BULK_IDS_SHOWN: usize = 20;

/// Entries that a follower may lack before that is told: what a leader has sent and not heard of yet
/// is far less under any load, and more than this is kept in no log for long.
pub(crate) const LAG_WARNED: u64 = 10_000;

/// How long a member may follow without a vote before that is told: a small cluster's takes seconds.
pub(crate) const LEARNER_PATIENCE: Duration = Duration::from_mins(1);

/// Warnings of one kind; how many others there are is told.
pub(crate) const WARNINGS_EACH_MAX: usize = 8;

/// Kinds of waiting jobs that are looked at for those that fit nowhere: milliseconds with many workers.
pub(crate) const SHAPES_LOOKED_AT: usize = 1_000;

/// Lines of its log that a replica remembers, and their bytes: what happened lately, and less than a
/// message can have.
pub(crate) const LOG_LINES_KEPT: usize = 2_000;
/// See [`LOG_LINES_KEPT`].
pub(crate) const LOG_BYTES_KEPT: usize = 512 * 1024;

/// Bytes of one such line.
pub(crate) const LOG_LINE_BYTES_MAX: usize = 4 * 1024;

/// Bytes of a text in what a replica says of itself: the page of metrics has half of this if all
/// actions that are told apart have something to tell.
pub(crate) const PAGE_TEXT_BYTES_MAX: usize = 1024 * 1024;

/// Bytes that are read of one file about the machine.
pub(crate) const MACHINE_BYTES_MAX: u64 = 16 * 1024;

/// Threads that are described.
pub(crate) const THREADS_SHOWN: usize = 256;
