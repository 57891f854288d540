//! Every bound of the program, with its reason.

use std::time::Duration;

/// Members that found a cluster. Raft asks a majority for each entry, so more are slower, not safer.
pub(crate) const MEMBERS_MAX: usize = 9;

/// A follower waits at least so many heartbeats before it stands for election: one lost message
/// must not depose a leader.
pub(crate) const HEARTBEATS_PER_ELECTION_MIN: u32 = 2;

/// The shortest heartbeat: below that the leader does little else.
pub(crate) const HEARTBEAT_MIN: Duration = Duration::from_millis(10);

/// The longest election timeout and request timeout: beyond it an outage looks like a hang.
pub(crate) const RAFT_TIME_MAX: Duration = Duration::from_mins(1);

/// Bytes of a snapshot that are sent in a second, at least: slower than that, the log grows faster on
/// a busy cluster than a replica that was away comes nearer to its end.
pub(crate) const SNAPSHOT_PACE_MIN: u64 = 1 << 20;

/// How often a replica looks whether its certificates have changed: they are renewed days before
/// they end, and whoever waits for it sends SIGHUP.
pub(crate) const CERTIFICATES_LOOK: Duration = Duration::from_secs(10);

/// How often it is said again that a certificate ends soon, or has ended.
pub(crate) const CERTIFICATES_TOLD: Duration = Duration::from_hours(24);

/// Origins whose pages may read answers: each request looks through them.
pub(crate) const ORIGINS_MAX: usize = 64;

/// How often the command line looks whether what it waits for has come about.
pub(crate) const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// Bytes of a secret that signs webhooks: fewer can be guessed, more are another file.
pub(crate) const SECRET_BYTES_MIN: u64 = 16;
/// See [`SECRET_BYTES_MIN`].
pub(crate) const SECRET_BYTES_MAX: u64 = 4_096;
