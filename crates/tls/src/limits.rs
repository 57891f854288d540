//! Every bound of this crate, with its reason.

use std::time::Duration;

/// Bytes of one file of certificates or keys: a chain has a few kilobytes, a whole list of
/// authorities a quarter of a megabyte.
pub(crate) const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A certificate that lasts for less than this is told of: a month is enough to have one signed by hand.
pub(crate) const EXPIRES_SOON: Duration = Duration::from_hours(30 * 24);

/// And for less than this more urgently: the last week with all its working days.
pub(crate) const EXPIRES_VERY_SOON: Duration = Duration::from_hours(7 * 24);

/// Bytes that are read and thrown away after plain text was refused: a connection that is closed
/// over unread bytes is reset, and the answer is lost with it.
pub(crate) const PLAIN_TEXT_DRAINED_BYTES_MAX: usize = 64 * 1024;

/// How long that may take.
pub(crate) const PLAIN_TEXT_DRAIN_MAX: Duration = Duration::from_secs(1);
