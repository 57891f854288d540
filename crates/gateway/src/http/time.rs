//! Instants as RFC 3339 texts. The one place of the gateway that knows a calendar.

use std::fmt;

use chrono::{DateTime, Datelike as _, Timelike as _};
use serde::{Serialize, Serializer};
use stint_core::Timestamp;

use crate::api::ApiError;
use crate::parse::quoted;

/// The last instant that RFC 3339 can write.
const LAST_MS: u64 = 253_402_300_799_999;

/// An instant in UTC, with fractions of a second only where there are some, as Go writes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rfc3339(pub(super) Timestamp);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = i64::try_from(self.0.as_ms().min(LAST_MS)).unwrap_or(0);
        let at = DateTime::from_timestamp_millis(ms).unwrap_or_default();
        write!(f, "{:04}-{:02}-{:02}", at.year(), at.month(), at.day())?;
        write!(f, "T{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())?;
        match at.timestamp_subsec_millis() {
            0 => {}
            ms if ms % 100 == 0 => write!(f, ".{}", ms / 100)?,
            ms if ms % 10 == 0 => write!(f, ".{:02}", ms / 10)?,
            ms => write!(f, ".{ms:03}")?,
        }
        f.write_str("Z")
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The time that nobody set, as strictly typed clients in Go send it: their type has no empty value.
const GO_ZERO: &str = "0001-01-01T00:00:00Z";

/// An instant with any offset; empty is none. Fractions below a millisecond are cut off.
pub(super) fn parse(field: &str, text: &str) -> Result<Option<Timestamp>, ApiError> {
    if text.is_empty() || text == GO_ZERO {
        return Ok(None);
    }
    let wrong = || {
        let expected = "a time since 1970 like 2017-02-17T01:09:47Z";
        ApiError::field(field, expected, quoted(text))
    };
    let at = DateTime::parse_from_rfc3339(text).map_err(|_| wrong())?;
    let ms = u64::try_from(at.timestamp_millis()).map_err(|_| wrong())?;
    Ok(Some(Timestamp::from_ms(ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_fractions_only_where_there_are_some() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_487_293_787_771, "2017-02-17T01:09:47.771Z"),
            (1_487_379_062_000, "2017-02-18T00:51:02Z"),
            (1_487_379_062_007, "2017-02-18T00:51:02.007Z"),
            (1_487_379_062_070, "2017-02-18T00:51:02.07Z"),
            (1_487_379_062_700, "2017-02-18T00:51:02.7Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Rfc3339(Timestamp::from_ms(ms)).to_string(), text);
        }
    }

    #[test]
    fn any_offset_is_read() {
        for (text, ms) in [
            ("2017-02-17T01:09:47.771Z", 1_487_293_787_771),
            ("2017-02-17T03:09:47.771+02:00", 1_487_293_787_771),
            ("2017-02-16T20:09:47.7719-05:00", 1_487_293_787_771),
            ("1970-01-01T00:00:00Z", 0),
        ] {
            assert_eq!(parse("t", text), Ok(Some(Timestamp::from_ms(ms))), "{text}");
        }
        assert_eq!(parse("t", ""), Ok(None));
        assert_eq!(
            parse("t", "0001-01-01T00:00:00Z"),
            Ok(None),
            "what Go's zero time is written as"
        );
    }

    #[test]
    fn what_is_no_time_since_1970_is_refused() {
        for text in [
            "soon",
            "2017-02-17",
            "2017-02-17T01:09:47",
            "2017-02-30T01:09:47Z",
            "2017-02-17T25:09:47Z",
            "1969-12-31T23:59:59.999Z",
            "1970-01-01T00:00:00+00:01",
            "-0001-01-01T00:00:00Z",
            "0001-01-01T00:00:01Z",
            "99999-01-01T00:00:00Z",
        ] {
            let error = parse("scheduledAt", text).unwrap_err();
            let expected = format!(
                "scheduledAt: expected a time since 1970 like 2017-02-17T01:09:47Z, got \"{text}\""
            );
            assert_eq!(error.to_string(), expected);
        }
    }
}
