//! The kinds of text that a configuration has, each read once and handed on as what it means.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use stint_core::{Timeout, TokenHash, WorkerId};
use stint_gateway::Origin;

/// A length of time such as `100ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Length(pub(crate) Duration);

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        length(&text).map(Self)
    }
}

/// Reads a length of time in the one grammar that all of stint has for it.
pub(crate) fn length(text: &str) -> Result<Duration, String> {
    match Timeout::parse(text) {
        Ok(Some(timeout)) => Ok(Duration::from_millis(timeout.span().as_ms())),
        Ok(None) => Err("empty: write a duration like 30s, 1h30m, 1.5h or 300ms".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// A length of time that stays as it is written, because clients see it so.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Time(pub(crate) Timeout);

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        length(&text)?;
        let timeout = Timeout::parse(&text).map_err(|error| error.to_string())?;
        timeout.map(Self).ok_or_else(|| "empty".to_owned())
    }
}

/// An amount of memory such as `512MiB`, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Size(pub(crate) u64);

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit: Option<u64> = match unit.trim_start() {
            "B" => Some(1),
            "KiB" => Some(1 << 10),
            "MiB" => Some(1 << 20),
            "GiB" => Some(1 << 30),
            "TiB" => Some(1 << 40),
            _ => None,
        };
        let bytes = number.parse::<u64>().ok().zip(unit).and_then(|(n, unit)| n.checked_mul(unit));
        bytes.map(Self).ok_or_else(|| {
            format!(
                "\"{text}\" is no amount of memory: write it like 512MiB (B, KiB, MiB, GiB, TiB)"
            )
        })
    }
}

/// The permissions that new files do not get, in octal digits as a shell has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Umask(pub(crate) u32);

impl TryFrom<String> for Umask {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_octal =
            (3..=4).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
        let mask = u32::from_str_radix(&text, 8).ok().filter(|mask| is_octal && *mask <= 0o777);
        mask.map(Self).ok_or_else(|| {
            format!("\"{text}\" is no umask: write three octal digits, as in \"027\"")
        })
    }
}

/// A replica's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ReplicaId(pub(crate) WorkerId);

impl TryFrom<String> for ReplicaId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            format!(
                "\"{text}\" is no replica id: \
                 it is 12 lower-case hexadecimal digits like 00000000002a"
            )
        })
    }
}

/// An origin whose pages may read answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct AllowedOrigin(pub(crate) Origin);

impl TryFrom<String> for AllowedOrigin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: stint_gateway::BadOrigin| error.to_string())
    }
}

/// A cluster's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ClusterId(pub(crate) [u8; 16]);

impl TryFrom<String> for ClusterId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let number = if text.len() == 32 && text.bytes().all(is_digit) {
            u128::from_str_radix(&text, 16).ok()
        } else {
            None
        };
        number.map(|number| Self(number.to_be_bytes())).ok_or_else(|| {
            format!(
                "\"{text}\" is no cluster id: it is 32 lower-case hexadecimal digits, the same on \
                 all replicas of a cluster and on none of another; draw one with \
                 `openssl rand -hex 16`"
            )
        })
    }
}

/// The hash of the first administrator's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct AdminTokenHash(pub(crate) TokenHash);

impl TryFrom<String> for AdminTokenHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut hash = [0; 32];
        let pairs = text.as_bytes().chunks(2);
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let is_hash = text.len() == 64 && text.bytes().all(is_digit);
        for (byte, pair) in hash.iter_mut().zip(pairs) {
            let digits = std::str::from_utf8(pair).unwrap_or_default();
            *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
        }
        if is_hash {
            return Ok(Self(TokenHash(hash)));
        }
        // What is not shown cannot be the token itself, put here by mistake.
        Err("this is no hash of a token: it is 64 lower-case hexadecimal digits, as \
             `printf %s TOKEN | sha256sum` shows them"
            .to_owned())
    }
}

/// Where to listen: an IP address and a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Listen(pub(crate) SocketAddr);

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            format!("\"{text}\" is no address to listen on: write an IP address and a port, like 127.0.0.1:7400")
        })
    }
}

/// Where a replica is reached: a host, by name or number, and a port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Address(pub(crate) String);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_address = match text.rsplit_once(':') {
            Some((host, port)) => {
                let is_plain = |c: char| !c.is_whitespace() && !"/@?#".contains(c);
                let is_host = !host.is_empty() && host.chars().all(is_plain);
                let is_bare_v6 = host.contains(':') && !host.starts_with('[');
                is_host && !is_bare_v6 && port.parse::<u16>().is_ok()
            }
            None => false,
        };
        if is_address {
            return Ok(Self(text));
        }
        Err(format!("\"{text}\" is no address: write a host and a port, like 10.0.0.1:7500"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for text in ["10.0.0.1:7500", "replica-1.example:7500", "[::1]:7500"] {
            assert_eq!(Address::try_from(text.to_owned()).unwrap().0, text);
        }
        for text in ["", "host", ":7500", "host:", "host:99999", "::1:7500", "http://host:7500"] {
            assert!(Address::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_cluster_id_has_one_spelling() {
        let id = ClusterId::try_from("000102030405060708090a0b0c0d0e0f".to_owned()).unwrap();
        assert_eq!(id.0, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        for text in
            ["", "1", "000102030405060708090A0B0C0D0E0F", "+00102030405060708090a0b0c0d0e0f"]
        {
            assert!(ClusterId::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_hash_of_a_token_is_64_digits_and_a_token_is_not_repeated() {
        let good = format!("0a{}ff", "00".repeat(30));
        let hash = AdminTokenHash::try_from(good.clone()).unwrap().0.0;
        assert_eq!((hash.first(), hash.last()), (Some(&0x0a), Some(&0xff)));
        for text in ["", "0a", &good.to_uppercase(), &format!("{good}0"), "stint_secret"] {
            let error = AdminTokenHash::try_from(text.to_owned()).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn an_amount_of_memory_has_a_unit() {
        for (text, bytes) in [("512MiB", 512 << 20), ("1 GiB", 1 << 30), ("7B", 7), ("0KiB", 0)] {
            assert_eq!(Size::try_from(text.to_owned()), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "512", "MiB", "1.5GiB", "-1B", "1MB", "99999999999TiB", "1GiB "] {
            assert!(Size::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_umask_is_octal() {
        assert_eq!(Umask::try_from("027".to_owned()), Ok(Umask(0o27)));
        assert_eq!(Umask::try_from("0077".to_owned()), Ok(Umask(0o77)));
        for text in ["", "27", "028", "1777", "00027", "+27"] {
            assert!(Umask::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn an_empty_length_is_none() {
        assert!(length("").is_err());
        assert_eq!(length("1.5s"), Ok(Duration::from_millis(1_500)));
    }
}
