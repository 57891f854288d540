//! Why an operation was not carried out: one variant per thing that a client may do differently.

use stint_consensus::Error;
use stint_core::{JobId, MembersRefusal, Refusal, ScheduleError};
use thiserror::Error as ThisError;

/// An answer that is a "no". How it looks over HTTP and gRPC is in `http/status.rs` and
/// `grpc/status.rs`.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub(crate) enum ApiError {
    /// The body is no JSON object.
    #[error("{0}")]
    InvalidJson(String),
    /// One field or query parameter cannot be what it is.
    #[error("{field}: expected {expected}, got {got}")]
    InvalidField { field: String, expected: String, got: String },
    /// One field is a text that means nothing, for this reason.
    #[error("{field}: {problem}")]
    MeaninglessField { field: String, problem: String },
    /// The request as a whole cannot be carried out.
    #[error("{0}")]
    InvalidParameters(String),
    #[error("job {0}: no such job")]
    NoSuchJob(String),
    #[error("worker {0}: no such worker")]
    NoSuchWorker(String),
    #[error("{0}")]
    NoSuchAction(String),
    #[error("token {0}: no such token")]
    NoSuchToken(String),
    #[error("replica {0}: no such member of this cluster")]
    NoSuchMember(String),
    /// Nobody knows who asks.
    #[error("{0}")]
    NotAuthenticated(&'static str),
    /// It is known who asks, and that user may not.
    #[error("{0}")]
    NotAuthorized(String),
    #[error("action \"{0}\": it has no cron")]
    NoSuchCron(String),
    #[error("action \"{0}\": it has no action config")]
    NoSuchActionConfig(String),
    /// No operation has this path.
    #[error("{0}: there is nothing here")]
    NotFound(String),
    /// No operation has this path and this method.
    #[error("{0} is not allowed here; the Allow header says what is")]
    NotAllowed(String),
    #[error("answers are application/json, which the Accept header excludes")]
    NotAcceptable,
    /// What is wanted is not kept any more.
    #[error("{why}")]
    Compacted { oldest: u64, why: String },
    /// What is there is not as the request needs it.
    #[error("{0}")]
    Conflict(String),
    #[error("{what} has more than {limit} bytes")]
    TooLarge { what: &'static str, limit: usize },
    #[error("a body of this kind cannot be read: {0}; send application/json")]
    UnsupportedMediaType(String),
    /// The client sends too slowly.
    #[error("the body did not arrive within {0} s")]
    TooSlow(u64),
    /// There is no room now.
    #[error("{0}")]
    TooManyRequests(String),
    /// The cluster cannot agree now. Nothing was changed.
    #[error("{0}")]
    NoLeader(String),
    /// The cluster did not agree in time. It may have been carried out, or may be yet.
    #[error("{0}")]
    OutcomeUnknown(String),
    /// Likewise, for a job that was to be created under this id.
    #[error("{why}; look for job {job} before you submit it again")]
    SubmissionUnknown { job: JobId, why: String },
    /// The disks of the cluster are full.
    #[error("{0}")]
    InsufficientStorage(String),
    #[error("{0}")]
    Internal(String),
}

impl ApiError {
    /// The code in the v0 API; in gRPC the reason in the `ErrorInfo`.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::InvalidJson(_) => "INVALID_JSON",
            Self::InvalidField { .. }
            | Self::MeaninglessField { .. }
            | Self::InvalidParameters(_) => "INVALID_PARAMETERS",
            Self::NoSuchJob(_) => "NO_SUCH_JOB",
            Self::NoSuchWorker(_) => "NO_SUCH_WORKER",
            Self::NoSuchAction(_) => "NO_SUCH_ACTION",
            Self::NoSuchToken(_) => "NO_SUCH_TOKEN",
            Self::NoSuchMember(_) => "NO_SUCH_MEMBER",
            Self::NotAuthenticated(_) => "NOT_AUTHENTICATED",
            Self::NotAuthorized(_) => "NOT_AUTHORIZED",
            Self::NoSuchCron(_) => "NO_SUCH_CRON",
            Self::NoSuchActionConfig(_) => "NO_SUCH_ACTION_CONFIG",
            Self::NotFound(_) => "NOT_FOUND",
            Self::NotAllowed(_) => "NOT_ALLOWED",
            Self::NotAcceptable => "NOT_ACCEPTABLE",
            Self::Compacted { .. } => "COMPACTED",
            Self::Conflict(_) => "CONFLICT",
            Self::TooLarge { .. } => "TOO_LARGE",
            Self::UnsupportedMediaType(_) => "UNSUPPORTED_MEDIA_TYPE",
            Self::TooSlow(_) => "REQUEST_TIMEOUT",
            Self::TooManyRequests(_) => "TOO_MANY_REQUESTS",
            Self::NoLeader(_) | Self::OutcomeUnknown(_) | Self::SubmissionUnknown { .. } => {
                "NO_LEADER"
            }
            Self::InsufficientStorage(_) => "INSUFFICIENT_STORAGE",
            Self::Internal(_) => "INTERNAL_ERROR",
        }
    }

    /// What a program may want to know beside the code, by name.
    pub(crate) fn detail(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::InvalidField { field, expected, got } => {
                vec![("field", field.clone()), ("expected", expected.clone()), ("got", got.clone())]
            }
            Self::MeaninglessField { field, problem } => {
                vec![("field", field.clone()), ("problem", problem.clone())]
            }
            Self::NoSuchJob(id) => vec![("jobID", id.clone())],
            Self::NoSuchWorker(id) => vec![("workerID", id.clone())],
            Self::Compacted { oldest, .. } => vec![("oldest", oldest.to_string())],
            Self::NoSuchToken(id) => vec![("tokenID", id.clone())],
            Self::NoSuchMember(id) => vec![("replicaID", id.clone())],
            Self::NoSuchCron(action) | Self::NoSuchActionConfig(action) => {
                vec![("action", action.clone())]
            }
            Self::OutcomeUnknown(_) => vec![("outcome", "unknown".to_owned())],
            Self::SubmissionUnknown { job, .. } => {
                vec![("outcome", "unknown".to_owned()), ("jobID", job.to_string())]
            }
            Self::InvalidJson(_)
            | Self::InvalidParameters(_)
            | Self::NoSuchAction(_)
            | Self::NotAuthenticated(_)
            | Self::NotAuthorized(_)
            | Self::NotFound(_)
            | Self::NotAllowed(_)
            | Self::NotAcceptable
            | Self::Conflict(_)
            | Self::TooLarge { .. }
            | Self::UnsupportedMediaType(_)
            | Self::TooSlow(_)
            | Self::TooManyRequests(_)
            | Self::NoLeader(_)
            | Self::InsufficientStorage(_)
            | Self::Internal(_) => Vec::new(),
        }
    }

    /// Whether the same request may well be granted soon.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::TooManyRequests(_)
                | Self::NoLeader(_)
                | Self::OutcomeUnknown(_)
                | Self::SubmissionUnknown { .. }
        )
    }

    /// A field that is not what it should be.
    pub(crate) fn field(
        field: impl Into<String>,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Self {
        Self::InvalidField { field: field.into(), expected: expected.into(), got: got.into() }
    }

    /// Why a read has no answer. It changed nothing, so there is no outcome to be unknown.
    pub(crate) fn of_read(error: Error) -> Self {
        if let Error::Unknown(why) = error {
            Self::NoLeader(format!("not current: {why}; try again, or ask another replica"))
        } else {
            error.into()
        }
    }

    /// An outcome that cannot be known, of the submission of `job`.
    pub(crate) fn of_submission(error: Error, job: JobId) -> Self {
        if let Error::Unknown(_) = error {
            Self::SubmissionUnknown { job, why: error.to_string() }
        } else {
            error.into()
        }
    }
}

impl From<ScheduleError> for ApiError {
    fn from(error: ScheduleError) -> Self {
        let field = match error {
            ScheduleError::UnknownTimeZone(_) => "timeZone",
            ScheduleError::TooLong(_)
            | ScheduleError::Character { .. }
            | ScheduleError::FieldCount(_)
            | ScheduleError::Field { .. }
            | ScheduleError::UnknownName(_)
            | ScheduleError::EveryWhat
            | ScheduleError::EveryDuration(_)
            | ScheduleError::EveryBounds(_)
            | ScheduleError::NeverFires { .. }
            | ScheduleError::Ended(_)
            | ScheduleError::Calendar { .. } => "schedule",
        };
        Self::MeaninglessField { field: field.to_owned(), problem: error.to_string() }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::NoLeader(_)
            | Error::Unavailable(_)
            | Error::ShuttingDown
            | Error::LevelTooLow { .. }
            | Error::TooOld { .. }
            | Error::Removed(_) => Self::NoLeader(message),
            Error::NoSuchMember(id) => Self::NoSuchMember(id.to_string()),
            Error::MembersStay(_) => Self::Conflict(message),
            Error::Unknown(_) => Self::OutcomeUnknown(message),
            Error::Compacted { oldest, .. } => Self::Compacted { oldest, why: message },
            Error::DiskFull(_) => Self::InsufficientStorage(message),
            Error::Failed(_) | Error::Unfit(_) | Error::Storage(_) => Self::internal(&message),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::NoSuchJob(id) => Self::NoSuchJob(id.to_string()),
            Refusal::NoSuchWorker(id) => Self::NoSuchWorker(id.to_string()),
            Refusal::NoSuchAction(_) => Self::NoSuchAction(message),
            Refusal::BadParameter { action, parameter, problem } => Self::MeaninglessField {
                field: format!("parameters.{parameter}"),
                problem: format!("it {problem}, by what the action \"{action}\" declares"),
            },
            Refusal::SubmitTooLate(_) | Refusal::OtherTicks(_) => Self::NoLeader(message),
            Refusal::QueueFull { .. }
            | Refusal::QueueTooLarge { .. }
            | Refusal::TooManyShapes { .. }
            | Refusal::TooManyCrons { .. }
            | Refusal::TooManyActionConfigs { .. }
            | Refusal::TooManyTokens { .. }
            | Refusal::TooManyChildren { .. }
            | Refusal::TooManyPausedQueues { .. } => Self::TooManyRequests(message),
            Refusal::NoSuchCron(action) => Self::NoSuchCron(action),
            Refusal::NoSuchActionConfig(action) => Self::NoSuchActionConfig(action),
            Refusal::NoSuchToken(id) => Self::NoSuchToken(id.to_string()),
            Refusal::IdTaken(_)
            | Refusal::TokenTaken(_)
            | Refusal::LastAdmin(_)
            | Refusal::ClusterIsOpen
            | Refusal::NoMoreChildren(_)
            | Refusal::NotOver(_) => Self::Conflict(message),
            Refusal::Members(why) => Self::of_members(&why, message),
            Refusal::ExpiresTooEarly { expires_at, due_at, .. } => Self::field(
                "expiresAt",
                format!("a time after the job is due, at {} ms since 1970", due_at.as_ms()),
                format!("{} ms", expires_at.as_ms()),
            ),
            Refusal::OverLimit { .. }
            | Refusal::BadUser(_)
            | Refusal::TokenExpiresTooEarly { .. } => Self::InvalidParameters(message),
            Refusal::LeaseTooShort { .. }
            | Refusal::StaleLease { .. }
            | Refusal::StaleEpoch { .. }
            | Refusal::Renewed { .. }
            | Refusal::NotConfirmed(_)
            | Refusal::TooManyWorkers { .. }
            | Refusal::LineGap { .. }
            | Refusal::TooManyLines { .. }
            | Refusal::OtherRetention
            | Refusal::NextRunTooEarly { .. } => Self::internal(&message),
        }
    }
}

impl ApiError {
    fn of_members(why: &MembersRefusal, message: String) -> Self {
        match why {
            MembersRefusal::InvitationTime => Self::InvalidParameters(message),
            MembersRefusal::TooManyInvitations { .. } => Self::TooManyRequests(message),
            MembersRefusal::NoSuchInvitation
            | MembersRefusal::InvitationExpired(_)
            | MembersRefusal::InvitationTaken(_)
            | MembersRefusal::OtherInvitation
            | MembersRefusal::ReplicaRemoved(_)
            | MembersRefusal::TooOld { .. }
            | MembersRefusal::JoinsMeanwhile { .. } => Self::Conflict(message),
        }
    }

    /// The replica is at fault. Logged here, because the client sees little of it.
    pub(crate) fn internal(message: &str) -> Self {
        tracing::error!(message, "a request failed by this replica's fault");
        Self::Internal(message.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Behind `/readyz`: a process in that state ends too soon for anybody to ask it for sure.
    #[test]
    fn a_replica_that_has_failed_says_so_where_it_is_asked_whether_it_is_ready() {
        let failed = Error::Failed("log.redb: the sync failed".to_owned());
        let said = ApiError::of_read(failed).to_string();
        assert_eq!(said, "this replica has failed: log.redb: the sync failed; its log says more");
        let alone = ApiError::of_read(Error::NoLeader("none answered".to_owned())).to_string();
        assert!(alone.starts_with("no leader: none answered"), "{alone}");
    }
}
