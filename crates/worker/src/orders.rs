//! What the agent tells a run that goes on.

use tokio::sync::watch;
use tokio::time::Instant;

use crate::stop::{Reason, Stop};

/// The orders that stand. They are only added to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Orders {
    /// A client wants the run to end.
    pub(crate) is_canceled: bool,
    /// The worker is being stopped: the run is to end, and by then it is over.
    pub(crate) end_by: Option<Instant>,
    /// The lease is lost: the run ends at once, and nobody wants to hear of it.
    pub(crate) is_lost: bool,
}

impl Orders {
    /// Has `stop` carry these out.
    pub(crate) fn apply(&self, now: Instant, stop: &mut Stop) {
        if self.is_canceled {
            stop.ask(now, Reason::Canceled);
        }
        if let Some(limit) = self.end_by {
            stop.ask(now, Reason::Shutdown);
            stop.limit(limit);
        }
    }
}

/// Waits for orders that have not been seen yet; for ever if there can be none any more.
pub(crate) async fn next(orders: &mut watch::Receiver<Orders>) -> Orders {
    if orders.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    *orders.borrow_and_update()
}
