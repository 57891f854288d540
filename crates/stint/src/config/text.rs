//! The kinds of text that a configuration has, each read once and handed on as what it means.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use stint_core::{Timeout, WorkerId};

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
    fn an_empty_length_is_none() {
        assert!(length("").is_err());
        assert_eq!(length("1.5s"), Ok(Duration::from_millis(1_500)));
    }
}
