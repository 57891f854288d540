//! Instants and spans of log time, and the duration texts of the v0 API.

use std::fmt;

use thiserror::Error;

/// An instant of the cluster's clock: milliseconds since the Unix epoch, UTC.
///
/// The leader stamps it on each entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The beginning of time, before every other instant.
    pub const ZERO: Self = Self(0);

    /// The instant `ms` milliseconds after the Unix epoch.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// This instant and `span` more; the end of time if that overflows.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// Whole days since the Unix epoch: the period that a job's output is stored under.
    pub fn day(self) -> u32 {
        u32::try_from(self.0 / 86_400_000).unwrap_or(u32::MAX)
    }
}

/// A length of time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(u64);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of `ms` milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Its length in milliseconds.
    pub const fn as_ms(self) -> u64 {
        self.0
    }
}

/// A duration as a client wrote it (`1h30m`), with what it means.
///
/// The text is kept because the v0 API gives it back as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeout {
    text: String,
    span: Span,
}

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseTimeoutError {
    /// Not of the form number, unit, number, unit, and so on.
    #[error("\"{0}\" is not a duration: write it like 30s, 1h30m, 1.5h or 300ms")]
    Malformed(String),
    /// A negative length of time.
    #[error("\"{0}\" is negative: a timeout must be positive")]
    Negative(String),
    /// Longer than Go's durations can be, which is about 292 years.
    #[error("\"{0}\" is too long: the longest duration is about 292 years")]
    TooLong(String),
}

impl Timeout {
    /// Reads a duration in the grammar of Go's `time.ParseDuration`; the empty text is none.
    ///
    /// A length below a millisecond counts as one millisecond, zero is zero.
    pub fn parse(text: &str) -> Result<Option<Self>, ParseTimeoutError> {
        if text.is_empty() {
            return Ok(None);
        }
        let shown = || text.chars().take(64).collect::<String>();
        if text.starts_with('-') {
            return Err(ParseTimeoutError::Negative(shown()));
        }
        let mut rest = text.strip_prefix('+').unwrap_or(text);
        if rest == "0" {
            return Ok(Some(Self { text: text.to_owned(), span: Span::ZERO }));
        }
        if rest.is_empty() {
            return Err(ParseTimeoutError::Malformed(shown()));
        }
        let mut total_ns: u128 = 0;
        while !rest.is_empty() {
            let (ns, after) = term_ns(rest).ok_or_else(|| ParseTimeoutError::Malformed(shown()))?;
            total_ns = total_ns.saturating_add(ns);
            if total_ns > NS_MAX {
                return Err(ParseTimeoutError::TooLong(shown()));
            }
            rest = after;
        }
        let ms = u64::try_from(total_ns.div_ceil(1_000_000)).unwrap_or(u64::MAX);
        Ok(Some(Self { text: text.to_owned(), span: Span::from_ms(ms) }))
    }

    /// The text that the client sent.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it means.
    pub const fn span(&self) -> Span {
        self.span
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Go's durations are 64-bit counts of nanoseconds.
const NS_MAX: u128 = 9_223_372_036_854_775_807;

/// Digits beyond these change nothing that a 64-bit count of nanoseconds can hold.
const DIGITS_MAX: usize = 20;

/// One `number unit` at the start of `text`: its nanoseconds, and what follows it.
fn term_ns(text: &str) -> Option<(u128, &str)> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // The longer names come first: "ms" also starts with "m".
    let (unit_ns, rest) = [
        ("ns", 1_u128),
        ("us", 1_000),
        ("\u{b5}s", 1_000),
        ("\u{3bc}s", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ]
    .into_iter()
    .find_map(|(name, ns)| rest.strip_prefix(name).map(|rest| (ns, rest)))?;
    let significant = whole.trim_start_matches('0');
    let whole: u128 = match significant.len() {
        0 => 0,
        1..=DIGITS_MAX => significant.parse().ok()?,
        _ => u128::from(u64::MAX),
    };
    let mut ns = whole.saturating_mul(unit_ns);
    let mut scale = unit_ns;
    for digit in fraction.chars() {
        scale /= 10;
        ns = ns.saturating_add(u128::from(digit.to_digit(10)?) * scale);
    }
    Some((ns, rest))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> u64 {
        Timeout::parse(text).unwrap().unwrap().span().as_ms()
    }

    #[test]
    fn durations_mean_what_go_says() {
        for (text, expected) in [
            ("30s", 30_000),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("300ms", 300),
            ("1h2m3.004s", 3_723_004),
            ("0", 0),
            ("0s", 0),
            ("+5s", 5_000),
            (".5s", 500),
            ("5.s", 5_000),
            ("1ns", 1),
            ("1500us", 2),
            ("2\u{b5}s", 1),
            ("00000000000000000000000000005s", 5_000),
        ] {
            assert_eq!(ms(text), expected, "{text}");
        }
        assert_eq!(Timeout::parse("").unwrap(), None);
    }

    #[test]
    fn a_text_that_go_rejects_is_rejected() {
        for text in ["5", "s", "1x", "1h 2m", ".", ".s", "+", "1h2", "3 s", "١s", "1e3s"] {
            let outcome = Timeout::parse(text);
            assert!(matches!(outcome, Err(ParseTimeoutError::Malformed(_))), "{text}: {outcome:?}");
        }
        assert!(matches!(Timeout::parse("-1s"), Err(ParseTimeoutError::Negative(_))));
        for text in ["2562048h", "99999999999999999999999999h"] {
            assert!(matches!(Timeout::parse(text), Err(ParseTimeoutError::TooLong(_))), "{text}");
        }
    }

    #[test]
    fn a_duration_keeps_the_text_it_came_as() {
        assert_eq!(Timeout::parse("1.5h").unwrap().unwrap().to_string(), "1.5h");
    }
}
