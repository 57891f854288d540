//! Which connections are encrypted, and which may not be.

use std::path::PathBuf;

use stint_tls::{Files, PeerFiles};
use toml::Spanned;

use super::check::beside;
use super::file;
use super::place::{Error, Source};
use super::text::Listen;

/// The files of a replica; they are read when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tls {
    /// For its clients; `None` if they are spoken to in plain text.
    pub(crate) clients: Option<Files>,
    /// For its peers; likewise.
    pub(crate) peers: Option<PeerFiles>,
    /// The authority by which clients know the replicas, for the processes of jobs.
    pub(crate) client_ca: Option<PathBuf>,
}

/// Checks that each side has all of its files or none, and that nothing but loopback is in plain
/// text unless an operator has said so.
pub(super) fn tls(
    source: Source<'_>,
    replica: &file::Replica,
    tls: Spanned<file::Tls>,
) -> Result<Tls, Error> {
    let place = tls.span();
    let file::Tls {
        client_certificate,
        client_key,
        client_ca,
        peer_certificate,
        peer_key,
        peer_ca,
    } = tls.into_inner();
    let beside = |path: PathBuf| beside(source.file, &path);
    let incomplete = |side: &str| {
        let message = format!("tls: {side} have to be there together, or none of them");
        Err(source.wrong(&place, &message))
    };
    let clients = match (client_certificate, client_key) {
        (Some(certificate), Some(key)) => {
            Some(Files { certificate: beside(certificate), key: beside(key) })
        }
        (None, None) => None,
        _ => return incomplete("client_certificate and client_key"),
    };
    let peers = match (peer_certificate, peer_key, peer_ca) {
        (Some(certificate), Some(key), Some(ca)) => Some(PeerFiles {
            own: Files { certificate: beside(certificate), key: beside(key) },
            ca: beside(ca),
        }),
        (None, None, None) => None,
        _ => return incomplete("peer_certificate, peer_key and peer_ca"),
    };
    if client_ca.is_some() && clients.is_none() {
        let message = "tls: client_ca without client_certificate and client_key: processes of jobs \
                       would look for encrypted connections";
        return Err(source.wrong(&place, message));
    }
    let is_plain_allowed = replica.insecure_plain_text;
    let may_listen = |key: &str, address: &Spanned<Listen>, is_encrypted: bool, keys: &str| {
        let ip = address.get_ref().0.ip();
        if is_encrypted || ip.is_loopback() || is_plain_allowed {
            return Ok(());
        }
        let message = format!(
            "{key}: {ip} can be reached from other machines, and everything would be sent and \
             accepted in plain text; give {keys} under [tls] (docs/security.md says how), or \
             listen on 127.0.0.1, or, where the network itself is private, write \
             insecure_plain_text = true under [replica]"
        );
        Err(source.wrong(&address.span(), &message))
    };
    let client_keys = "client_certificate and client_key";
    may_listen("client_address", &replica.client_address, clients.is_some(), client_keys)?;
    let peer_keys = "peer_certificate, peer_key and peer_ca";
    may_listen("peer_address", &replica.peer_address, peers.is_some(), peer_keys)?;
    Ok(Tls { clients, peers, client_ca: client_ca.map(beside) })
}
