//! The one table of how a "no" looks over gRPC.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::api::ApiError;
use crate::limits;

/// The domain of the reasons, which are the codes of the v0 API.
const DOMAIN: &str = "stint";

const fn code(error: &ApiError) -> Code {
    match error {
        ApiError::InvalidJson(_)
        | ApiError::InvalidField { .. }
        | ApiError::MeaninglessField { .. }
        | ApiError::InvalidParameters(_)
        | ApiError::NotAcceptable
        | ApiError::UnsupportedMediaType(_) => Code::InvalidArgument,
        ApiError::NoSuchJob(_)
        | ApiError::NoSuchWorker(_)
        | ApiError::NoSuchAction(_)
        | ApiError::NoSuchCron(_)
        | ApiError::NoSuchActionConfig(_)
        | ApiError::NoSuchToken(_)
        | ApiError::NoSuchMember(_) => Code::NotFound,
        ApiError::NotAuthenticated(_) => Code::Unauthenticated,
        ApiError::NotAuthorized(_) => Code::PermissionDenied,
        ApiError::NotFound(_) | ApiError::NotAllowed(_) => Code::Unimplemented,
        ApiError::Compacted { .. } => Code::OutOfRange,
        ApiError::Conflict(_) => Code::FailedPrecondition,
        ApiError::TooLarge { .. }
        | ApiError::TooManyRequests(_)
        | ApiError::InsufficientStorage(_) => Code::ResourceExhausted,
        // Not UNAVAILABLE, which clients repeat by themselves: gRPC says of this code that the
        // operation may have been carried out.
        ApiError::OutcomeUnknown(_) | ApiError::SubmissionUnknown { .. } | ApiError::TooSlow(_) => {
            Code::DeadlineExceeded
        }
        ApiError::NoLeader(_) => Code::Unavailable,
        ApiError::Internal(_) => Code::Internal,
    }
}

/// The status that says this "no", with the details of google.rpc.
pub(crate) fn status(error: &ApiError) -> Status {
    let metadata: HashMap<String, String> =
        error.detail().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let mut details = ErrorDetails::with_error_info(error.code(), DOMAIN, metadata);
    if let ApiError::InvalidField { field, .. } | ApiError::MeaninglessField { field, .. } = error {
        details.add_bad_request_violation(field, error.to_string());
    }
    // The hint is for requests that were not carried out.
    if error.is_passing() && code(error) != Code::DeadlineExceeded {
        details.set_retry_info(Some(limits::RETRY_AFTER));
    }
    Status::with_error_details(code(error), error.to_string(), details)
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        status(&error)
    }
}

#[cfg(test)]
mod tests {
    use stint_consensus::Error;
    use stint_core::{JobId, Refusal};

    use super::*;

    #[test]
    fn only_what_was_not_carried_out_invites_a_repetition() {
        let why = || "the reason".to_owned();
        let job = JobId::from_bytes([0xab; 16]);
        for (error, code, reason, is_invited) in [
            (Error::NoLeader(why()).into(), Code::Unavailable, "NO_LEADER", true),
            (Error::ShuttingDown.into(), Code::Unavailable, "NO_LEADER", true),
            (Error::Unknown(why()).into(), Code::DeadlineExceeded, "NO_LEADER", false),
            (
                ApiError::of_submission(Error::Unknown(why()), job),
                Code::DeadlineExceeded,
                "NO_LEADER",
                false,
            ),
            (Error::DiskFull(why()).into(), Code::ResourceExhausted, "INSUFFICIENT_STORAGE", false),
            (Error::Failed(why()).into(), Code::Internal, "INTERNAL_ERROR", false),
            (
                Refusal::QueueFull { limit: 5 }.into(),
                Code::ResourceExhausted,
                "TOO_MANY_REQUESTS",
                true,
            ),
        ] {
            let status = status(&error);
            let details = status.get_error_details();
            let info = details.error_info().unwrap();
            assert_eq!((status.code(), info.reason.as_str()), (code, reason), "{error}");
            assert_eq!(details.retry_info().is_some(), is_invited, "{error}");
            let is_unknown = info.metadata.get("outcome").is_some_and(|text| text == "unknown");
            assert_eq!(is_unknown, code == Code::DeadlineExceeded, "{error}");
        }
    }
}
