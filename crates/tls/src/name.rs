//! The name of a replica, as its certificate has it.

use std::fmt;

use rustls::pki_types::{CertificateDer, ServerName};
use thiserror::Error;
use webpki::EndEntityCert;

/// What the names of replicas end with. It is no domain of the public name system, so that no
/// public authority signs such a name.
const SUFFIX: &str = "stint";

/// Whose certificate it is: `<replica>.<cluster>.stint`, both ids as they are written everywhere.
/// The cluster is in the name, because one authority may sign for several clusters, whose replicas
/// can have the same ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerName {
    /// The replica's id: 48 bits.
    pub replica: u64,
    /// The cluster's id.
    pub cluster: [u8; 16],
}

/// Why a certificate names no replica.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Nameless {
    #[error("it cannot be read: {0}")]
    Garbled(String),
    #[error("it has no name of a replica such as {0}; its DNS names are: {1}")]
    None(PeerName, String),
    #[error("it has the names of two replicas, {0} and {1}; each replica needs its own")]
    Two(PeerName, PeerName),
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (replica, cluster) = (self.replica, u128::from_be_bytes(self.cluster));
        write!(f, "{replica:012x}.{cluster:032x}.{SUFFIX}")
    }
}

impl PeerName {
    /// Reads a name, which has one spelling but for the case of letters.
    fn parse(text: &str) -> Option<Self> {
        let mut labels = text.split('.');
        let (replica, cluster, suffix) = (labels.next()?, labels.next()?, labels.next()?);
        let is_hex = |text: &str, len: usize| {
            text.len() == len && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let is_name = is_hex(replica, 12)
            && is_hex(cluster, 32)
            && suffix.eq_ignore_ascii_case(SUFFIX)
            && labels.next().is_none();
        if !is_name {
            return None;
        }
        let replica = u64::from_str_radix(replica, 16).ok()?;
        let cluster = u128::from_str_radix(cluster, 16).ok()?.to_be_bytes();
        Some(Self { replica, cluster })
    }

    /// The one replica that a certificate names. Other names may stand beside it; a wildcard is the
    /// name of nobody. `example` is shown if there is none.
    pub(crate) fn of(certificate: &CertificateDer<'_>, example: Self) -> Result<Self, Nameless> {
        let read = EndEntityCert::try_from(certificate)
            .map_err(|error| Nameless::Garbled(error.to_string()))?;
        let mut names = read.valid_dns_names().filter_map(Self::parse);
        match (names.next(), names.next()) {
            (Some(name), None) => Ok(name),
            (Some(one), Some(two)) => Err(Nameless::Two(one, two)),
            (None, _) => {
                let all: Vec<_> = read.valid_dns_names().take(4).collect();
                let all = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
                Err(Nameless::None(example, all))
            }
        }
    }

    /// The name as it is asked for.
    pub(crate) fn server_name(self) -> ServerName<'static> {
        ServerName::try_from(self.to_string()).expect("hexadecimal labels are a DNS name")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: PeerName = PeerName { replica: 0x2a, cluster: [7; 16] };

    #[test]
    fn a_name_reads_as_it_is_written() {
        let text = NAME.to_string();
        assert_eq!(text, "00000000002a.07070707070707070707070707070707.stint");
        assert_eq!(PeerName::parse(&text), Some(NAME));
        assert_eq!(PeerName::parse(&text.to_uppercase()), Some(NAME));
    }

    #[test]
    fn what_is_only_like_a_name_is_none() {
        let text = NAME.to_string();
        for other in [
            text.replacen("00000000002a", "*", 1),
            text.replacen("00000000002a", "2a", 1),
            text.replacen("00000000002a", "+0000000002a", 1),
            text.replacen("0707", "07", 1),
            text.replacen(".stint", ".other", 1),
            format!("{text}."),
            format!("a.{text}"),
            format!("{text}.example.org"),
            String::new(),
        ] {
            assert_eq!(PeerName::parse(&other), None, "{other}");
        }
    }
}
