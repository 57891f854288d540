//! What the log has to know of an action. Its command line is the operator's, and not in the log.

use crate::backoff::Backoff;
use crate::capacity::CapacityMap;
use crate::declaration::Declarations;
use crate::time::Timeout;

/// The actions that every replica has without configuration.
pub const BUILT_IN_ACTIONS: [&str; 5] =
    ["sleep", "false", "noop", "webhook", crate::COMPACTION_ACTION];

/// What a worker says of an action that it offers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActionOffer {
    /// What each run remembers of it.
    pub traits: ActionTraits,
    /// What it does, in the operator's words.
    pub description: String,
    /// What a submission has where it says nothing.
    pub defaults: Defaults,
    /// What its parameters may be.
    pub declarations: Declarations,
}

impl From<ActionTraits> for ActionOffer {
    /// An action that declares nothing else.
    fn from(traits: ActionTraits) -> Self {
        Self { traits, ..Self::default() }
    }
}

/// How the jobs of an action are treated, as the worker that offers it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ActionTraits {
    /// What becomes of a job whose worker is lost.
    pub on_worker_loss: OnWorkerLoss,
    /// How long a retry waits after the failure.
    pub backoff: Backoff,
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

/// What a submission has where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Defaults {
    /// This long after its start the process gets SIGTERM.
    pub deadline: Option<Timeout>,
    /// This long after SIGTERM it gets SIGKILL.
    pub stop_timeout: Option<Timeout>,
    /// How often it is run again after a failure.
    pub retries: u32,
    /// What it takes of its worker's capacity.
    pub capacity_map: Option<CapacityMap>,
}
