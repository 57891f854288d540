//! The text of an invitation: all that a new replica needs to be taken in by a cluster.

use stint_core::WorkerId;

use crate::token::Secret;

/// What a new replica is told: a secret that is good once, which cluster it is, and where its members
/// are reached by their peers.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// The secret.
    pub secret: Secret,
    /// The cluster's id.
    pub cluster: [u8; 16],
    /// The members, and where peers reach them.
    pub peers: Vec<(WorkerId, String)>,
}

impl Invitation {
    /// The text, which whoever has it can join with. Not `Display`, so that it is never written by
    /// accident.
    pub fn reveal(&self) -> String {
        let peers: Vec<_> = self.peers.iter().map(|(id, at)| format!("{id}={at}")).collect();
        let cluster = u128::from_be_bytes(self.cluster);
        format!("{}/{cluster:032x}/{}", self.secret.reveal(), peers.join(","))
    }

    /// Reads the text of one, and says what is wrong with it if it is none.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let parts: Vec<&str> = text.trim().split('/').collect();
        let [secret, cluster, peers] = parts[..] else {
            return Err("it is not of three parts with a slash between; was it copied whole?");
        };
        let secret = Secret::parse(secret).ok_or("its first part, the secret, is none")?;
        let is_id = cluster.len() == 32 && cluster.bytes().all(|digit| digit.is_ascii_hexdigit());
        let cluster = u128::from_str_radix(cluster, 16).ok().filter(|_| is_id);
        let cluster = cluster.ok_or("its second part is no id of a cluster")?.to_be_bytes();
        let peer = |peer: &str| {
            let (id, address) = peer.split_once('=')?;
            Some((id.parse().ok()?, address.to_owned()))
        };
        let peers: Option<Vec<_>> = peers.split(',').map(peer).collect();
        let peers = peers.ok_or("its third part does not say where members are reached")?;
        Ok(Self { secret, cluster, peers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_read_as_it_was_written_and_nothing_else_is() {
        let id = WorkerId::new(10).unwrap();
        let peers = vec![(id, "a.example:7500".to_owned()), (id, "[::1]:7500".to_owned())];
        let secret = Secret::draw().unwrap();
        let text = Invitation { secret, cluster: [0xab; 16], peers: peers.clone() }.reveal();
        let read = Invitation::parse(&format!(" {text}\n")).unwrap();
        assert_eq!((read.reveal(), read.cluster, read.peers), (text.clone(), [0xab; 16], peers));
        let (secret, rest) = text.split_once('/').unwrap();
        for wrong in [
            String::new(),
            secret.to_owned(),
            rest.to_owned(),
            format!("{secret}x/{rest}"),
            format!("{secret}/ab/00000000000a=a:1"),
            format!("{secret}/{}/00000000000a", "ab".repeat(16)),
            format!("{secret}/{}/", "ab".repeat(16)),
        ] {
            assert!(Invitation::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
