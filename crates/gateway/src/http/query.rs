//! The part of a path behind the question mark.

use std::borrow::Cow;

use crate::api::ApiError;
use crate::parse::{self, quoted};

/// The pairs of a query. What nobody asks for is ignored.
#[derive(Debug)]
pub(super) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// Splits and decodes; what cannot be decoded is an error wherever it stands.
    pub(super) fn parse(text: &'a str) -> Result<Self, ApiError> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).ok_or_else(|| undecodable(name))?;
            let value = decode(value).ok_or_else(|| undecodable(value))?;
            Ok((name, value))
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    /// The first value of this name; empty if there is none, as in Go.
    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_ref())
    }

    /// All values of this name.
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        let found = self.0.iter().filter(|(known, _)| known == name);
        found.map(|(_, value)| value.as_ref()).collect()
    }

    /// A number; `None` if there is none.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if is_number => Ok(Some(number)),
            Ok(_) | Err(_) => Err(ApiError::field(name, "an integer of at least 0", quoted(text))),
        }
    }

    /// A boolean; false if there is none.
    pub(super) fn boolean(&self, name: &str) -> Result<bool, ApiError> {
        let text = self.text(name);
        if text.is_empty() { Ok(false) } else { parse::boolean(name, text) }
    }
}

fn undecodable(text: &str) -> ApiError {
    ApiError::field("query", "percent-encoded UTF-8", quoted(text))
}

/// Undoes percent-encoding, and `+` for a space.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (rest.next().and_then(hex)?, rest.next().and_then(hex)?);
                high << 4 | low
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_name_counts_and_unknown_names_are_ignored() {
        let query = Query::parse("b=x&action=a%2Fb+c&action=d&&empty=&flag").unwrap();
        assert_eq!(query.text("action"), "a/b c");
        assert_eq!(query.text("empty"), "");
        assert_eq!(query.text("flag"), "");
        assert_eq!(query.text("nothing"), "");
    }

    #[test]
    fn numbers_are_digits() {
        let query = Query::parse("a=0&b=18446744073709551615&empty=").unwrap();
        assert_eq!(query.number("a"), Ok(Some(0)));
        assert_eq!(query.number("b"), Ok(Some(u64::MAX)));
        assert_eq!(query.number("empty"), Ok(None));
        for text in ["n=-1", "n=%2B1", "n=+1", "n=1.0", "n=0x1", "n=18446744073709551616", "n=٣"] {
            let error = Query::parse(text).unwrap().number("n").unwrap_err();
            let message = error.to_string();
            assert!(
                message.starts_with("n: expected an integer of at least 0, got \""),
                "{message}"
            );
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        for text in ["a=%", "a=%4", "a=%zz", "%ff=1", "a=%c3%28", "other=%f0%9f"] {
            let error = Query::parse(text).unwrap_err();
            assert_eq!(error.code(), "INVALID_PARAMETERS", "{text}");
        }
    }
}
