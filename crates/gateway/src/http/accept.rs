//! What kinds of answers a client takes.

use http::{HeaderMap, header};

use crate::api::ApiError;
use crate::operation::Operation;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// JSON; of what has no end, one object a line; of a backup, its bytes.
    Json,
    /// Events as browsers read them (HTML standard, 9.2).
    Events,
}

/// The kind of answer that a client wants of an operation.
pub(super) fn kind(headers: &HeaderMap, operation: Operation) -> Result<Kind, ApiError> {
    if operation == Operation::Backup {
        check(headers, "application/octet-stream")?;
        return Ok(Kind::Json);
    }
    let is_stream = matches!(operation, Operation::GetJobLogs | Operation::Watch);
    if is_stream && names(headers, "text/event-stream") {
        return Ok(Kind::Events);
    }
    if !(is_stream && names(headers, "application/x-ndjson")) {
        check(headers, "application/json")?;
    }
    Ok(Kind::Json)
}

/// Whether a client takes exactly this media type, and says so.
fn names(headers: &HeaderMap, wanted: &str) -> bool {
    headers.get_all(header::ACCEPT).iter().any(|value| {
        value.to_str().unwrap_or_default().split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(wanted))
                && !weighs_nothing(parts)
        })
    })
}

/// Refuses a request whose `Accept` headers exclude this `application/` type. What cannot be read
/// excludes nothing.
fn check(headers: &HeaderMap, wanted: &str) -> Result<(), ApiError> {
    let mut best = None;
    for value in headers.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            best = best.max(judge(range, wanted));
        }
    }
    match best {
        Some((_, false)) => Err(ApiError::NotAcceptable),
        Some((_, true)) | None => Ok(()),
    }
}

/// How exactly a media range speaks of what is wanted (not at all is 0), and whether it takes it. The
/// most exact range decides (RFC 9110, 12.5.1).
fn judge(range: &str, wanted: &str) -> Option<(u8, bool)> {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next().filter(|kind| kind.contains('/'))?.to_ascii_lowercase();
    let weighs_nothing = weighs_nothing(parts);
    let exactness = match kind.as_str() {
        kind if kind == wanted => 3,
        "application/*" => 2,
        "*/*" => 1,
        _ => 0,
    };
    Some((exactness, exactness > 0 && !weighs_nothing))
}

fn weighs_nothing<'a>(parameters: impl Iterator<Item = &'a str>) -> bool {
    parameters
        .filter_map(|part| part.split_once('='))
        .any(|(name, value)| name.trim().eq_ignore_ascii_case("q") && is_zero(value.trim()))
}

fn is_zero(weight: &str) -> bool {
    weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes_json(accept: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, value.parse().unwrap());
        }
        check(&headers, "application/json").is_ok()
    }

    #[test]
    fn events_are_sent_where_there_are_streams_and_accept_names_them() {
        for (accept, operation, expected) in [
            ("text/event-stream", Operation::Watch, Ok(Kind::Events)),
            ("Text/Event-Stream;q=0.9, */*;q=0.1", Operation::GetJobLogs, Ok(Kind::Events)),
            ("text/event-stream;q=0, */*", Operation::Watch, Ok(Kind::Json)),
            ("application/x-ndjson", Operation::Watch, Ok(Kind::Json)),
            ("*/*", Operation::Watch, Ok(Kind::Json)),
            ("application/octet-stream", Operation::Backup, Ok(Kind::Json)),
            ("*/*", Operation::Backup, Ok(Kind::Json)),
            ("application/json", Operation::Backup, Err(ApiError::NotAcceptable)),
            ("text/event-stream", Operation::ListJobs, Err(ApiError::NotAcceptable)),
            ("application/x-ndjson", Operation::ListJobs, Err(ApiError::NotAcceptable)),
        ] {
            let headers = [(header::ACCEPT, accept.parse().unwrap())].into_iter().collect();
            assert_eq!(kind(&headers, operation), expected, "{accept} of {operation:?}");
        }
    }

    #[test]
    fn json_is_taken_unless_it_is_excluded() {
        for accept in [
            &[][..],
            &[""],
            &["*/*"],
            &["application/json"],
            &["Application/JSON; charset=utf-8"],
            &["text/html, application/*;q=0.5"],
            &["text/html", "application/json;q=0.1"],
            &["text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"],
            &["nonsense"],
            &["*/*;q=0, application/json"],
        ] {
            assert!(takes_json(accept), "{accept:?}");
        }
        for accept in [
            &["text/html"][..],
            &["application/xml, text/*"],
            &["application/json;q=0"],
            &["application/json; q=0.000, */*"],
            &["*/*;q=0"],
        ] {
            assert!(!takes_json(accept), "{accept:?}");
        }
    }
}
