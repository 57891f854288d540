//! Every bound of the picture, with its reason.

use std::time::Duration;

/// How many jobs a list has at first, and how many more at its end: some screens full.
pub(crate) const JOBS_STEP: u32 = 200;
/// How many it has at most: one page of the API.
pub(crate) const JOBS_MAX: u32 = 1_000;

/// Children that a job's details show: a screen is no longer.
pub(crate) const CHILDREN_MAX: u32 = 20;

/// Lines of output that are kept, the latest: some megabytes.
pub(crate) const LINES_MAX: usize = 20_000;
/// Lines before the end at which following begins.
pub(crate) const LINES_BEFORE: u64 = 2_000;
/// Characters of a line that are kept: no terminal is wider.
pub(crate) const LINE_CHARS_MAX: usize = 2_000;

/// What may wait to be shown. Whoever asks waits where it is full.
pub(crate) const NEWS_MAX: usize = 64;
/// How much of it is taken in before the next frame.
pub(crate) const NEWS_PER_FRAME: usize = 32;

/// The shortest pause between two looks: people see no faster, and replicas have other work.
pub(crate) const LOOK_PAUSE: Duration = Duration::from_millis(500);
/// After so long a list is looked at again though nothing has changed: why a job waits is no event.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// The same for workers, whose leases are renewed without an event.
pub(crate) const LEASES_AGAIN: Duration = Duration::from_secs(2);
/// How often replicas are asked how they are: no watch says that one is silent.
pub(crate) const STATUS_PAUSE: Duration = Duration::from_secs(2);
/// How often the statistics are asked for, whose steps take half a minute.
pub(crate) const STATISTICS_PAUSE: Duration = Duration::from_secs(15);

/// How long one look takes at most: an election is over by then, or it is worth saying so.
pub(crate) const LOOK_MAX: Duration = Duration::from_secs(4);
/// How long other replicas have to say how they are.
pub(crate) const OTHERS_MAX: Duration = Duration::from_secs(2);
/// Without an answer for so long, the picture says that it is old.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(5);
/// The pause after a failure.
pub(crate) const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// How long it is said what has been done.
pub(crate) const NOTE_SHOWN: Duration = Duration::from_secs(8);

/// A frame at least so often, because ages are shown in seconds.
pub(crate) const FRAME_PAUSE: Duration = Duration::from_secs(1);

/// The smallest terminal that has room for a list.
pub(crate) const COLUMNS_MIN: u16 = 40;
/// See [`COLUMNS_MIN`].
pub(crate) const ROWS_MIN: u16 = 8;

/// Bytes of a filter: the API takes no more.
pub(crate) const FILTER_MAX: usize = 256;
