//! The statuses of a job, and the one table of how they change.

/// Where a job is in its life. The names of the v0 API are [`Status::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Unclaimed, waiting to be picked up by a worker.
    Waiting,
    /// Being run by a worker.
    Running,
    /// Completed successfully.
    Done,
    /// Completed with errors.
    Error,
    /// To be canceled: its worker sees this and ends it.
    CancelRequest,
    /// Canceled, not fully executed.
    Cancel,
    /// The job and its output have been removed.
    Deleted,
    /// Its worker was declared dead; other workers can claim the job.
    WorkerDead,
    /// Its worker was stopped gracefully; other workers can claim the job.
    WorkerShutdown,
    /// Its dead worker came back, and ends what is left of its run.
    WorkerResurrection,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 10] = [
        Self::Waiting,
        Self::Running,
        Self::Done,
        Self::Error,
        Self::CancelRequest,
        Self::Cancel,
        Self::Deleted,
        Self::WorkerDead,
        Self::WorkerShutdown,
        Self::WorkerResurrection,
    ];

    /// The transition table: whether a job of this status may become one of status `next`.
    ///
    /// Each change of a job's status passes through here. A job whose worker was lost can be
    /// canceled before somebody claims it again, as a waiting one can.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Waiting => matches!(next, Self::Running | Self::Cancel | Self::Deleted),
            Self::Running => matches!(
                next,
                Self::Done
                    | Self::Error
                    | Self::CancelRequest
                    | Self::WorkerDead
                    | Self::WorkerShutdown
            ),
            Self::CancelRequest => matches!(
                next,
                Self::Cancel | Self::Done | Self::Error | Self::WorkerDead | Self::WorkerShutdown
            ),
            Self::WorkerDead => matches!(
                next,
                Self::Running | Self::WorkerResurrection | Self::Cancel | Self::Deleted
            ),
            Self::WorkerShutdown => {
                matches!(next, Self::Running | Self::Cancel | Self::Deleted)
            }
            Self::WorkerResurrection => matches!(next, Self::Waiting | Self::Cancel),
            Self::Done | Self::Error | Self::Cancel => matches!(next, Self::Deleted),
            Self::Deleted => false,
        }
    }

    /// Whether a worker runs the job now: it has a live lease and holds capacity.
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::CancelRequest)
    }

    /// The name in the v0 API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Error => "error",
            Self::CancelRequest => "cancel_request",
            Self::Cancel => "cancel",
            Self::Deleted => "deleted",
            Self::WorkerDead => "worker_dead",
            Self::WorkerShutdown => "worker_shutdown",
            Self::WorkerResurrection => "worker_resurrection",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
