//! Both sides between replicas: each shows a certificate of the cluster's authority with its name.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use crate::Stream;
use crate::accept::{self, Refused};
use crate::error::Error;
use crate::files::{PeerFiles, Pem};
use crate::lasting::Notice;
use crate::live::Live;
use crate::name::PeerName;
use crate::trusted::Encrypted;
use crate::verify::Verifier;
use crate::words::explained;

/// All that peers say is gRPC.
const PROTOCOL: &[u8] = b"h2";

/// Makes and accepts connections between replicas. Clones share the certificate.
#[derive(Clone)]
pub struct Peers {
    me: PeerName,
    live: Arc<Live<Sides>>,
    /// Canceled, and another one put in its place, when the authorities are others.
    trust: Arc<Mutex<CancellationToken>>,
}

/// The two sides, made of the same files.
struct Sides {
    /// The certificates of the authorities, as they stand in the file.
    authorities: Vec<CertificateDer<'static>>,
    listening: Arc<ServerConfig>,
    dialing: Arc<ClientConfig>,
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peers({})", self.me)
    }
}

impl Peers {
    /// Reads the files, whose certificate has to be the one of this replica.
    pub fn load(me: PeerName, files: PeerFiles) -> Result<Self, Error> {
        let PeerFiles { own, ca } = files;
        let files = vec![own.certificate, own.key, ca];
        let live = Live::load("the certificate for peers", files, move |files| sides(me, files))?;
        Ok(Self { me, live: Arc::new(live), trust: Arc::default() })
    }

    /// See [`crate::Server::reload`]. When the authorities are others than before, all connections
    /// end that were made under those: both sides make new ones, and prove anew who they are.
    pub fn reload(&self, is_asked: bool) {
        let before = self.live.current();
        self.live.reload(is_asked);
        if self.live.current().authorities == before.authorities {
            return;
        }
        // In this order: whoever has the new trust has the new authorities too.
        let former = std::mem::take(&mut *self.trust());
        former.cancel();
        tracing::info!("the authorities of the replicas have changed: connections are made anew");
    }

    /// See [`crate::Server::notices`].
    pub fn notices(&self, now: SystemTime) -> Vec<Notice> {
        self.live.notices(now)
    }

    fn trust(&self) -> MutexGuard<'_, CancellationToken> {
        self.trust.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the handshake of a connection that came in, within `timeout`, and says of which replica
    /// it is. Whether that is a member is for the caller to know.
    pub async fn accept(
        &self,
        stream: TcpStream,
        timeout: Duration,
    ) -> Result<(Stream, PeerName), Refused> {
        let trust = self.trust().clone();
        let config = Arc::clone(&self.live.current().listening);
        let stream = accept::accept(stream, config, timeout).await?;
        let (_, connection) = stream.get_ref();
        let shown = connection.peer_certificates().and_then(<[_]>::first);
        let name = shown.and_then(|certificate| PeerName::of(certificate, self.me).ok());
        let name = name.expect("the handshake fails without a certificate that names a replica");
        Ok((Stream::Right(Encrypted::until(stream, trust)), name))
    }

    /// Does the handshake of a connection that was made to the replica `to`, and to no other.
    pub async fn connect(&self, stream: TcpStream, to: u64) -> io::Result<Stream> {
        let trust = self.trust().clone();
        let config = Arc::clone(&self.live.current().dialing);
        let name = PeerName { replica: to, cluster: self.me.cluster }.server_name();
        let stream = TlsConnector::from(config).connect(name, stream).await.map_err(explained)?;
        Ok(Stream::Right(Encrypted::until(stream, trust)))
    }
}

/// Sessions are never resumed: each connection proves anew who is there, under the certificates and
/// authorities that hold by then.
fn sides(me: PeerName, files: &[Pem]) -> Result<Sides, Error> {
    let [certificate, key, ca] = files else { unreachable!("three files are read") };
    let provider = Arc::new(default_provider());
    let verifier = Verifier::new(me, ca.roots()?, &provider).map_err(|why| ca.unusable(why))?;
    let verifier = Arc::new(verifier);
    let clients: Arc<dyn ClientCertVerifier> = Arc::<Verifier>::clone(&verifier);
    let chain = certificate.certificates()?;
    verifier.own(&chain).map_err(|why| certificate.unusable(why))?;
    let unfit = |error: rustls::Error| {
        key.unusable(format!("it does not go with peer_certificate: {error}"))
    };
    let mut listening = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])
        .expect("ring has the ciphers of TLS 1.3")
        .with_client_cert_verifier(clients)
        .with_single_cert(chain.clone(), key.key()?)
        .map_err(unfit)?;
    listening.alpn_protocols = vec![PROTOCOL.to_vec()];
    listening.session_storage = Arc::new(NoServerSessionStorage {});
    listening.send_tls13_tickets = 0;
    let mut dialing = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .expect("ring has the ciphers of TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(chain, key.key()?)
        .map_err(unfit)?;
    dialing.alpn_protocols = vec![PROTOCOL.to_vec()];
    dialing.resumption = Resumption::disabled();
    let authorities = ca.certificates()?;
    Ok(Sides { authorities, listening: Arc::new(listening), dialing: Arc::new(dialing) })
}
