//! The one table of how a "no" looks over HTTP.

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::{Serialize, Serializer};

use super::answer::{self, JSON};
use crate::api::ApiError;
use crate::limits;

const fn status(error: &ApiError) -> StatusCode {
    match error {
        ApiError::InvalidJson(_)
        | ApiError::InvalidField { .. }
        | ApiError::MeaninglessField { .. }
        | ApiError::InvalidParameters(_) => StatusCode::BAD_REQUEST,
        ApiError::NoSuchJob(_)
        | ApiError::NoSuchWorker(_)
        | ApiError::NoSuchAction(_)
        | ApiError::NoSuchToken(_)
        | ApiError::NoSuchMember(_)
        | ApiError::NoSuchCron(_)
        | ApiError::NoSuchActionConfig(_)
        | ApiError::NotFound(_) => StatusCode::NOT_FOUND,
        ApiError::NotAuthenticated(_) => StatusCode::UNAUTHORIZED,
        ApiError::NotAuthorized(_) => StatusCode::FORBIDDEN,
        ApiError::NotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
        ApiError::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        ApiError::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
        ApiError::Compacted { .. } => StatusCode::GONE,
        ApiError::Conflict(_) => StatusCode::CONFLICT,
        ApiError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        ApiError::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ApiError::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
        ApiError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        ApiError::NoLeader(_)
        | ApiError::OutcomeUnknown(_)
        | ApiError::SubmissionUnknown { .. } => StatusCode::SERVICE_UNAVAILABLE,
        ApiError::InsufficientStorage(_) => StatusCode::INSUFFICIENT_STORAGE,
    }
}

/// The error shape of the v0 API.
#[derive(Serialize)]
struct Errors {
    errors: [Shape; 1],
}

#[derive(Serialize)]
struct Shape {
    code: &'static str,
    message: String,
    detail: Detail,
}

/// An object of texts, or null if there is nothing to say.
struct Detail(Vec<(&'static str, String)>);

impl Serialize for Detail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_empty() {
            return serializer.serialize_none();
        }
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// The body of the answer that says this "no".
pub(super) fn shape(error: &ApiError) -> impl Serialize {
    let message = error.to_string();
    Errors { errors: [Shape { code: error.code(), message, detail: Detail(error.detail()) }] }
}

/// All bytes of the answer that says this "no" to who may have no connection.
pub(super) fn last_answer(error: &ApiError) -> Vec<u8> {
    let body = serde_json::to_vec(&shape(error))
        .expect("the shapes of the API have texts for names, and writing to memory does not fail");
    let head = format!(
        "HTTP/1.1 {}\r\ncontent-type: {JSON}\r\nretry-after: {}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n",
        status(error),
        limits::RETRY_AFTER.as_secs(),
        body.len()
    );
    [head.into_bytes(), body].concat()
}

/// The answer that says this "no".
pub(super) fn response(error: &ApiError) -> Response {
    let mut response = answer::json(status(error), &shape(error));
    if error.is_passing() {
        let seconds = HeaderValue::from(limits::RETRY_AFTER.as_secs());
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    if let ApiError::NotAuthenticated(_) = error {
        // Old clients speak Basic, and only once they are asked for it.
        let ways = [r#"Basic realm="stint", charset="UTF-8""#, r#"Bearer realm="stint""#];
        for way in ways.map(HeaderValue::from_static) {
            response.headers_mut().append(header::WWW_AUTHENTICATE, way);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::StreamExt as _;
    use stint_consensus::Error;
    use stint_core::{JobId, Refusal};

    use super::*;

    async fn text(body: Body) -> String {
        let pieces = body.into_data_stream().map(|piece| piece.unwrap().to_vec());
        String::from_utf8(pieces.collect::<Vec<_>>().await.concat()).unwrap()
    }

    #[tokio::test]
    async fn what_may_pass_says_when_to_try_again() {
        let why = || "the reason".to_owned();
        let full = || ApiError::from(Refusal::QueueFull { limit: 5 });
        for (error, status, code, is_passing) in [
            (Error::NoLeader(why()).into(), 503, "NO_LEADER", true),
            (Error::Unavailable(why()).into(), 503, "NO_LEADER", true),
            (Error::ShuttingDown.into(), 503, "NO_LEADER", true),
            (Error::Unknown(why()).into(), 503, "NO_LEADER", true),
            (Error::DiskFull(why()).into(), 507, "INSUFFICIENT_STORAGE", false),
            (Error::Failed(why()).into(), 500, "INTERNAL_ERROR", false),
            (full(), 429, "TOO_MANY_REQUESTS", true),
        ] {
            let error: ApiError = error;
            let response = response(&error);
            assert_eq!(response.status(), status, "{error}");
            let retry_after = response.headers().get(header::RETRY_AFTER);
            assert_eq!(retry_after.map(HeaderValue::as_bytes), is_passing.then_some(&b"1"[..]));
            let text = text(response.into_body()).await;
            assert!(text.contains(&format!("\"code\":\"{code}\"")), "{text}");
        }
    }

    #[tokio::test]
    async fn an_unknown_outcome_says_under_which_id_to_look() {
        let job = JobId::from_bytes([0xab; 16]);
        let error = ApiError::of_submission(Error::Unknown("no quorum".to_owned()), job);
        let id = "abababab-abab-abab-abab-abababababab";
        let expected = format!(
            "{{\"errors\":[{{\"code\":\"NO_LEADER\",\"message\":\"outcome unknown: no quorum; it may \
             or may not have been carried out; look for job {id} before you submit it again\",\
             \"detail\":{{\"outcome\":\"unknown\",\"jobID\":\"{id}\"}}}}]}}"
        );
        assert_eq!(text(response(&error).into_body()).await, expected);
    }
}
