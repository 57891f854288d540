//! Where a webhook may go: to the world, and to nothing inside that an operator has not named.
//!
//! A client of the cluster chooses the address, so that without this it could have a replica speak
//! to whatever the replica reaches: its own loopback, its neighbours, the metadata service of a
//! cloud. What is checked is the address that is connected to, after the name was resolved, so
//! that a name that resolves differently the next time gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// A place inside that webhooks may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// All addresses that begin with so many bits of this one.
    Network(IpAddr, u8),
    /// This host, by the name that a URL has, at this port.
    Host(String, u16),
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "\"{text}\" is no place: write a network like 10.0.0.0/8, an address like \
                 10.0.0.1, or a host and a port like hooks.internal:8080"
            )
        };
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| wrong())?;
            let bits: u8 = bits.parse().map_err(|_| wrong())?;
            return if bits <= width(address) {
                Ok(Self::Network(address, bits))
            } else {
                Err(wrong())
            };
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address, width(address)));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let is_host = !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ']);
        match port.parse() {
            Ok(port) if is_host => Ok(Self::Host(host.to_ascii_lowercase(), port)),
            Ok(_) | Err(_) => Err(wrong()),
        }
    }
}

impl Allowed {
    fn has(&self, host: &str, address: SocketAddr) -> bool {
        match self {
            Self::Host(name, port) => *name == host && *port == address.port(),
            Self::Network(network, bits) => {
                let shift = |of: IpAddr| u32::from(width(of) - bits.min(&width(of)));
                match (plain(*network), plain(address.ip())) {
                    (IpAddr::V4(a), IpAddr::V4(b)) => {
                        let shift = shift(*network);
                        shift >= 32 || (a.to_bits() ^ b.to_bits()) >> shift == 0
                    }
                    (IpAddr::V6(a), IpAddr::V6(b)) => {
                        let shift = shift(*network);
                        shift >= 128 || (a.to_bits() ^ b.to_bits()) >> shift == 0
                    }
                    (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
                }
            }
        }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Whether a webhook to `host`, in lower case, may connect to `address`.
pub(super) fn may_reach(allowed: &[Allowed], host: &str, address: SocketAddr) -> bool {
    is_public(address.ip()) || allowed.iter().any(|one| one.has(host, address))
}

/// An address of version 4 is the same in the clothes of version 6.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// Whether an address is one of the world's, by the registries of special-purpose addresses of the
/// IANA (RFC 6890 and its successors).
fn is_public(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || matches!((a, b, c), (0 | 240..=255, _, _) | (100, 64..=127, _) | (198, 18 | 19, _))
        || matches!((a, b, c), (192, 0, 0) | (192, 88, 99));
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    // The address of version 4 that ends so many bits before the end.
    let inner =
        |after: u32| Ipv4Addr::from_bits(u32::try_from((bits >> after) & 0xffff_ffff).unwrap_or(0));
    let [first, second, ..] = address.segments();
    match (first, second) {
        // Translated to version 4 on the way (RFC 6052, RFC 3056): what is inside counts.
        (0x64, 0xff9b) => (bits >> 32) & ((1 << 64) - 1) == 0 && is_public_v4(inner(0)),
        (0x2002, _) => is_public_v4(inner(80)),
        // Protocol assignments, Teredo among them, and documentation.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => false,
        // The world's; all else is local, multicast or nobody's.
        (0x2000..=0x3fff, _) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 80)
    }

    #[test]
    fn only_addresses_of_the_world_are_reached_unasked() {
        for address in
            ["1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700::1111", "64:ff9b::101:101"]
        {
            assert!(may_reach(&[], "host", at(address)), "{address}");
        }
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.192",
            "198.18.0.1",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "240.0.0.1",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "192.88.99.1",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "100::1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::1",
            "4000::1",
        ] {
            assert!(!may_reach(&[], "host", at(address)), "{address}");
        }
    }

    #[test]
    fn an_operator_names_networks_addresses_and_hosts() {
        let allowed: Vec<Allowed> = ["10.0.0.0/8", "127.0.0.1", "Hooks.internal:80", "fd00::/8"]
            .map(|text| text.parse().unwrap())
            .into();
        for (host, address, may) in [
            ("x", "10.255.0.1", true),
            ("x", "::ffff:10.0.0.1", true),
            ("x", "11.0.0.1", true),
            ("x", "127.0.0.1", true),
            ("x", "127.0.0.2", false),
            ("x", "fd12::1", true),
            ("x", "fc12::1", false),
            ("hooks.internal", "192.168.7.7", true),
            ("other.internal", "192.168.7.7", false),
        ] {
            assert_eq!(may_reach(&allowed, host, at(address)), may, "{host} {address}");
        }
        let other_port = SocketAddr::new("192.168.7.7".parse().unwrap(), 81);
        assert!(!may_reach(&allowed, "hooks.internal", other_port));
        let everything: Allowed = "0.0.0.0/0".parse().unwrap();
        assert!(may_reach(&[everything], "x", at("127.0.0.1")));
        for text in
            ["", "10.0.0.0/33", "10.0.0/8", "host", "host:", ":80", "http://host:80", "a b:80"]
        {
            assert!(text.parse::<Allowed>().is_err(), "{text}");
        }
    }
}
