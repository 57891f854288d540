//! Every bound of the client, with its reason.

use std::time::Duration;

/// How long a call goes on looking for a replica that answers, unless the builder says otherwise:
/// long enough for an election and a restart.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// How long one replica may take to answer. A replica itself waits 5 s for a leader before it says
/// that there is none, and that answer is worth having.
pub(crate) const ATTEMPT_MAX: Duration = Duration::from_secs(8);

/// How long a connection may take to come about: replicas of one cluster are not far away.
pub(crate) const CONNECT_MAX: Duration = Duration::from_secs(1);

/// A replica that is frozen or cut off, while something waits for it, is given up after these two:
/// a ping is sent, and is to be answered.
pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(4);
/// See [`PING_INTERVAL`].
pub(crate) const PING_ANSWER_MAX: Duration = Duration::from_secs(4);

/// The pause after all replicas have been asked in vain: the first, from which it doubles.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest such pause. An election takes about a second.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The pause between two looks at a job that is waited for: the first, from which it grows by
/// half, so that a short job is seen to end at once.
pub(crate) const LOOK_MIN: Duration = Duration::from_millis(20);
/// The longest such pause: a long job is seen to end a second late at most.
pub(crate) const LOOK_MAX: Duration = Duration::from_secs(1);

/// After so long without a line, a client that follows a job asks another way whether there is
/// more: a replica that is cut off from the others keeps its streams open and has nothing to say.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(10);

/// After so long without a message, a client that watches goes on elsewhere: replicas send a
/// bookmark every 10 s, once they have made sure that they are current, which takes 5 s at most.
pub(crate) const WATCH_SILENCE_MAX: Duration = Duration::from_secs(20);

/// Bytes of one answer. A page of 1,000 jobs with 256 KiB of parameters each would be more than
/// that; such pages are to be asked for in parts.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Endpoints that one client can have: a cluster has a handful of replicas.
pub(crate) const ENDPOINTS_MAX: usize = 64;

/// How long nothing may come of a backup: each missing piece of output is looked for at all peers
/// first, which takes them some seconds if they are down.
pub(crate) const BACKUP_SILENCE_MAX: Duration = Duration::from_mins(2);

/// How many jobs a list has if nobody says how many.
pub(crate) const PAGE_DEFAULT: u32 = 10;

/// How many jobs a page has at most: what a limit of 0 means.
pub(crate) const PAGE_MAX: u32 = 1_000;
