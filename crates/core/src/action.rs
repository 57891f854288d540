//! What the log has to know of an action. Its command line is the operator's, and not in the log.

use crate::time::Span;

/// The actions that every replica has without configuration.
pub const BUILT_IN_ACTIONS: [&str; 3] = ["sleep", "false", "noop"];

/// How the jobs of an action are treated, as the worker that offers it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ActionTraits {
    /// What becomes of a job whose worker is lost.
    pub on_worker_loss: OnWorkerLoss,
    /// How long a retry waits after the failure.
    pub backoff: Span,
    /// Whether its processes get a token by which they can submit children.
    pub has_children: bool,
}

/// What becomes of a job whose worker is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnWorkerLoss {
    /// Another worker may claim it: the job runs at least once.
    #[default]
    Reclaim,
    /// It is over: the job runs at most once.
    Abandon,
}
