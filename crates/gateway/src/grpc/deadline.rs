//! How long a gRPC client waits: after that it does not read the answer any more.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;
use tonic::Status;

/// The instant after which the client has gone; in the extensions of its request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(pub(crate) Instant);

impl Deadline {
    /// The deadline that the headers set from now on. One that cannot be read is none.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get("grpc-timeout")?.to_str().ok()?;
        Instant::now().checked_add(parse(text)?).map(Self)
    }

    /// The answer to a request that took too long.
    pub(crate) fn exceeded() -> Status {
        Status::deadline_exceeded(
            "the deadline of the request has passed; it may or may not have been carried out",
        )
    }
}

/// At most eight digits and a unit ("gRPC over HTTP2", Timeout).
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3_600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_those_of_the_grpc_protocol() {
        for (text, expected) in [
            ("1S", Duration::from_secs(1)),
            ("2H", Duration::from_hours(2)),
            ("3M", Duration::from_mins(3)),
            ("99999999m", Duration::from_millis(99_999_999)),
            ("5u", Duration::from_micros(5)),
            ("6n", Duration::from_nanos(6)),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        for text in ["", "S", "1", "1s", "+1S", "-1S", "1.5S", "100000000S", "1\u{b5}"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
