//! The words that both doors know: what a text of a request means in types of the core.

use stint_core::limits::{NAME_BYTES_MAX, TIMEOUT_BYTES_MAX};
use stint_core::{
    CronPolicy, JobId, Missed, Order, Overlap, ParseTimeoutError, Priority, Role, Span, Timeout,
    TokenId, WorkerId,
};

use crate::api::ApiError;
use crate::limits;

/// Empty and `any` are no filter.
pub(crate) fn unless_any(text: &str) -> Option<&str> {
    if text.is_empty() || text == "any" { None } else { Some(text) }
}

/// Which end of a list comes first.
pub(crate) fn order(text: &str) -> Result<Order, ApiError> {
    match text {
        "" | "newest" => Ok(Order::NewestFirst),
        "oldest" => Ok(Order::OldestFirst),
        _ => Err(ApiError::field("order", "newest or oldest", quoted(text))),
    }
}

/// A boolean as Go's `strconv.ParseBool` reads it.
pub(crate) fn boolean(field: &str, text: &str) -> Result<bool, ApiError> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(ApiError::field(field, "true or false", quoted(text))),
    }
}

/// A boolean, or `None` for no filter.
pub(crate) fn boolean_unless_any(field: &str, text: &str) -> Result<Option<bool>, ApiError> {
    unless_any(text).map(|text| boolean(field, text)).transpose()
}

/// A duration in Go's grammar; empty is none.
pub(crate) fn timeout(field: &str, text: &str) -> Result<Option<Timeout>, ApiError> {
    if text.len() > TIMEOUT_BYTES_MAX {
        let expected = format!("a duration of at most {TIMEOUT_BYTES_MAX} bytes");
        return Err(ApiError::field(field, expected, format!("{} bytes", text.len())));
    }
    Timeout::parse(text).map_err(|error| {
        let expected = match error {
            ParseTimeoutError::Malformed(_) => "a duration like 30s, 1h30m, 1.5h or 300ms",
            ParseTimeoutError::Negative(_) => "a duration that is not negative",
            ParseTimeoutError::TooLong(_) => "a duration of at most 292 years",
        };
        ApiError::field(field, expected, quoted(text))
    })
}

/// A length of time in Go's grammar.
pub(crate) fn duration(span: Span) -> String {
    let ms = span.as_ms();
    if ms.is_multiple_of(1_000) { format!("{}s", ms / 1_000) } else { format!("{ms}ms") }
}

/// A job's id. What is no id names no job.
pub(crate) fn job_id(text: &str) -> Result<JobId, ApiError> {
    text.parse().map_err(|_| ApiError::NoSuchJob(shown(text).to_owned()))
}

/// A worker's id. What is no id names no worker.
pub(crate) fn worker_id(text: &str) -> Result<WorkerId, ApiError> {
    text.parse().map_err(|_| ApiError::NoSuchWorker(shown(text).to_owned()))
}

/// A token's id. What is no id names no token.
/// The id of a replica, which is its worker's.
pub(crate) fn member_id(text: &str) -> Result<WorkerId, ApiError> {
    text.parse().map_err(|_| ApiError::NoSuchMember(shown(text).to_owned()))
}

pub(crate) fn token_id(text: &str) -> Result<TokenId, ApiError> {
    text.parse().map_err(|_| ApiError::NoSuchToken(shown(text).to_owned()))
}

/// What a cron does with ticks that are late, and with jobs that are not over; what is empty is the
/// default.
pub(crate) fn cron_policy(
    (missed, window): (&str, &str),
    overlap: &str,
    jitter: &str,
) -> Result<CronPolicy, ApiError> {
    Ok(CronPolicy {
        missed: one_of("missed", Missed::ALL.map(|one| (one.name(), one)), missed)?,
        window: timeout("missedWindow", window)?,
        overlap: one_of("overlap", Overlap::ALL.map(|one| (one.name(), one)), overlap)?,
        jitter: timeout("jitter", jitter)?,
    })
}

fn one_of<T: Default, const N: usize>(
    field: &str,
    known: [(&'static str, T); N],
    text: &str,
) -> Result<T, ApiError> {
    if text.is_empty() {
        return Ok(T::default());
    }
    let names = known.each_ref().map(|(name, _)| *name).join(", ");
    let found = known.into_iter().find(|(name, _)| *name == text);
    let expected = || ApiError::field(field, format!("one of {names}"), quoted(text));
    found.map(|(_, value)| value).ok_or_else(expected)
}

/// The role of a token.
pub(crate) fn role(text: &str) -> Result<Role, ApiError> {
    let names = Role::ALL.map(Role::name).join(", ");
    Role::of_name(text)
        .ok_or_else(|| ApiError::field("role", format!("one of {names}"), quoted(text)))
}

/// The priority of a job; none is the default.
pub(crate) fn priority(level: Option<u64>) -> Result<Priority, ApiError> {
    let Some(level) = level else { return Ok(Priority::default()) };
    Priority::new(level).ok_or_else(|| {
        ApiError::field("priority", "an integer from 0 to 100", format!("the number {level}"))
    })
}

/// As much of what a client sent as a message shows.
pub(crate) fn shown(text: &str) -> &str {
    let end = text.floor_char_boundary(limits::SHOWN_BYTES_MAX);
    text.get(..end).unwrap_or_default()
}

/// The same in quotes.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", shown(text))
}

/// As much of an action's name as a message shows: all of it, if it can be one.
pub(crate) fn shown_action(text: &str) -> &str {
    let end = text.floor_char_boundary(NAME_BYTES_MAX);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_those_of_go() {
        for text in ["1", "t", "T", "true", "TRUE", "True"] {
            assert_eq!(boolean("b", text), Ok(true), "{text}");
        }
        for text in ["0", "f", "F", "false", "FALSE", "False"] {
            assert_eq!(boolean("b", text), Ok(false), "{text}");
        }
        for text in ["", "yes", "tRUE", "on", "2", " true"] {
            assert!(boolean("b", text).is_err(), "{text}");
        }
        assert_eq!(boolean_unless_any("b", ""), Ok(None));
        assert_eq!(boolean_unless_any("b", "any"), Ok(None));
        assert_eq!(boolean_unless_any("b", "F"), Ok(Some(false)));
    }

    #[test]
    fn a_duration_is_no_place_to_store_a_megabyte() {
        let long = format!("{}5s", "0".repeat(1_000_000));
        let error = timeout("deadline", &long).unwrap_err();
        let text = "deadline: expected a duration of at most 64 bytes, got 1000002 bytes";
        assert_eq!(error.to_string(), text);
        assert_eq!(timeout("deadline", "1h30m").unwrap().unwrap().text(), "1h30m");
    }

    #[test]
    fn what_is_shown_is_short_and_whole_characters() {
        assert_eq!(shown("short"), "short");
        assert_eq!(shown(&"\u{20ac}".repeat(1_000)), "\u{20ac}".repeat(21));
    }
}
