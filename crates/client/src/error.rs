//! What can go wrong with a call, one variant per thing that a caller may do differently.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// A call did not give what it was asked for.
#[derive(Debug, Clone, Error)]
pub enum Error {
    /// A replica answered with a "no". Asking again gives the same answer, unless something
    /// changes.
    #[error("{message}")]
    Refused {
        /// The v0 code.
        code: Code,
        /// What the replica said.
        message: String,
        /// Which replica.
        endpoint: String,
        /// Whether an earlier attempt of this call may have been carried out: this may be the
        /// answer to its repetition.
        is_repetition: bool,
    },
    /// No replica could carry out the call in time. It was not carried out, or can be repeated
    /// without harm.
    #[error("no replica answered within {:.1} s{}", waited.as_secs_f32(), shown(failures))]
    Unreachable {
        /// How long was tried.
        waited: Duration,
        /// The last failure of each endpoint that was asked, in the order of the endpoints.
        failures: Vec<Failure>,
    },
    /// The call was sent, and there is no answer. It may or may not have been carried out.
    #[error(
        "outcome unknown: {reason} ({endpoint}); it may or may not have been carried out: look before you repeat it"
    )]
    OutcomeUnknown {
        /// The replica that was asked.
        endpoint: String,
        /// Why there is no answer.
        reason: String,
    },
    /// What was being sent broke off. What has come so far is of no use; it may be asked for again.
    #[error("the answer broke off: {reason}")]
    Interrupted {
        /// Why no more came.
        reason: String,
    },
    /// The job was not over in time.
    #[error("job {id}: still {status} after {:.1} s", waited.as_secs_f32())]
    StillWaiting {
        /// The job.
        id: String,
        /// Its status when it was last seen.
        status: String,
        /// How long was waited.
        waited: Duration,
    },
    /// The client was built with something that is no endpoint.
    #[error("\"{endpoint}\" is no endpoint: {reason}")]
    BadEndpoint {
        /// What was given.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file of the authorities is of no use.
    #[error("{}: {reason}", file.display())]
    BadCertificate {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The client was built with a token that cannot be sent. It is not shown.
    #[error("what was given as a token is none: it has characters that cannot be sent")]
    BadToken,
}

/// Why one endpoint gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The endpoint.
    pub endpoint: String,
    /// Why it gave no answer.
    pub reason: String,
}

impl Error {
    /// The v0 code of the answer, if there was one.
    pub fn code(&self) -> Option<&Code> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Unreachable { .. }
            | Self::OutcomeUnknown { .. }
            | Self::Interrupted { .. }
            | Self::StillWaiting { .. }
            | Self::BadEndpoint { .. }
            | Self::BadCertificate { .. }
            | Self::BadToken => None,
        }
    }

    /// The endpoint that the error is about, if it is about one.
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Refused { endpoint, .. }
            | Self::OutcomeUnknown { endpoint, .. }
            | Self::BadEndpoint { endpoint, .. } => Some(endpoint),
            Self::Unreachable { .. }
            | Self::Interrupted { .. }
            | Self::StillWaiting { .. }
            | Self::BadCertificate { .. }
            | Self::BadToken => None,
        }
    }
}

/// The failures as the end of a sentence.
fn shown(failures: &[Failure]) -> String {
    failures.iter().enumerate().fold(String::new(), |text, (i, failure)| {
        let before = if i == 0 { ": " } else { "; " };
        format!("{text}{before}{}: {}", failure.endpoint, failure.reason)
    })
}

/// The codes of the v0 API.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Code {
    /// `INVALID_PARAMETERS`: the request is wrong.
    InvalidParameters,
    /// `NOT_AUTHENTICATED`: nobody knows who asks.
    NotAuthenticated,
    /// `NOT_AUTHORIZED`: who asks may not.
    NotAuthorized,
    /// `NO_SUCH_JOB`.
    NoSuchJob,
    /// `NO_SUCH_WORKER`.
    NoSuchWorker,
    /// `NO_SUCH_ACTION`: no worker offers it.
    NoSuchAction,
    /// `NO_SUCH_TOKEN`.
    NoSuchToken,
    /// `NO_SUCH_MEMBER`.
    NoSuchMember,
    /// `NO_SUCH_CRON`: the action has none.
    NoSuchCron,
    /// `NO_SUCH_ACTION_CONFIG`: the action has none.
    NoSuchActionConfig,
    /// `NOT_FOUND`: something else is not there.
    NotFound,
    /// `CONFLICT`: it cannot be done to what is there, such as canceling a job that is over.
    Conflict,
    /// `COMPACTED`: what is wanted is not kept any more.
    Compacted,
    /// `TOO_LARGE`.
    TooLarge,
    /// `TOO_MANY_REQUESTS`: more than the replica takes.
    TooManyRequests,
    /// `INTERNAL_ERROR`: the replica is at fault.
    InternalError,
    /// `NO_LEADER`: the cluster cannot agree now.
    NoLeader,
    /// Any other, as it came.
    Other(String),
}

/// The codes that have a variant, with their names.
const NAMES: [(&str, Code); 17] = [
    ("INVALID_PARAMETERS", Code::InvalidParameters),
    ("NOT_AUTHENTICATED", Code::NotAuthenticated),
    ("NOT_AUTHORIZED", Code::NotAuthorized),
    ("NO_SUCH_JOB", Code::NoSuchJob),
    ("NO_SUCH_WORKER", Code::NoSuchWorker),
    ("NO_SUCH_ACTION", Code::NoSuchAction),
    ("NO_SUCH_TOKEN", Code::NoSuchToken),
    ("NO_SUCH_MEMBER", Code::NoSuchMember),
    ("NO_SUCH_CRON", Code::NoSuchCron),
    ("NO_SUCH_ACTION_CONFIG", Code::NoSuchActionConfig),
    ("NOT_FOUND", Code::NotFound),
    ("CONFLICT", Code::Conflict),
    ("COMPACTED", Code::Compacted),
    ("TOO_LARGE", Code::TooLarge),
    ("TOO_MANY_REQUESTS", Code::TooManyRequests),
    ("INTERNAL_ERROR", Code::InternalError),
    ("NO_LEADER", Code::NoLeader),
];

impl Code {
    /// The name in the v0 API.
    pub fn as_str(&self) -> &str {
        if let Self::Other(name) = self {
            return name;
        }
        NAMES.iter().find(|(_, code)| code == self).map_or("INTERNAL_ERROR", |(name, _)| name)
    }
}

impl From<&str> for Code {
    fn from(text: &str) -> Self {
        let known = NAMES.into_iter().find(|(name, _)| *name == text);
        known.map_or_else(|| Self::Other(text.to_owned()), |(_, code)| code)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_the_name_it_came_as() {
        for name in ["NO_SUCH_JOB", "NO_LEADER", "SOMETHING_NEW"] {
            assert_eq!(Code::from(name).as_str(), name);
        }
        assert_eq!(Code::from("NO_SUCH_JOB"), Code::NoSuchJob);
    }

    #[test]
    fn an_unreachable_cluster_is_described_endpoint_by_endpoint() {
        let failure = |endpoint: &str, reason: &str| Failure {
            endpoint: endpoint.into(),
            reason: reason.into(),
        };
        let error = Error::Unreachable {
            waited: Duration::from_millis(1_500),
            failures: vec![
                failure("http://a:1", "connection refused"),
                failure("http://b:2", "no leader"),
            ],
        };
        assert_eq!(
            error.to_string(),
            "no replica answered within 1.5 s: \
             http://a:1: connection refused; http://b:2: no leader"
        );
    }
}
