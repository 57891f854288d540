//! What traces may take, so that a collector that is slow or away costs a replica nothing it needs.

use std::time::Duration;

/// Spans that wait to be sent; those beyond are dropped. Some 2 MiB.
pub(crate) const SPANS_WAITING_MAX: usize = 4096;

/// Spans of one message to the collector.
pub(crate) const SPANS_AT_ONCE_MAX: usize = 512;

/// How long spans wait for others to go with.
pub(crate) const EXPORT_INTERVAL: Duration = Duration::from_secs(1);

/// How long the collector has to take a message.
pub(crate) const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a replica that stops goes on telling.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
