//! The side towards clients: a certificate is shown, none is asked for.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use tokio::net::TcpStream;

use crate::Stream;
use crate::accept::{self, Refused};
use crate::error::Error;
use crate::files::{Files, Pem};
use crate::lasting::Notice;
use crate::live::Live;
use crate::trusted::Encrypted;

/// HTTP/2 and HTTP/1.1, as clients ask for them in the handshake.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Accepts connections of clients. Clones share the certificate.
#[derive(Clone)]
pub struct Server(Arc<Live<Arc<ServerConfig>>>);

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server")
    }
}

impl Server {
    /// Reads certificate and key.
    pub fn load(files: Files) -> Result<Self, Error> {
        let Files { certificate, key } = files;
        let live = Live::load("the certificate for clients", vec![certificate, key], config)?;
        Ok(Self(Arc::new(live)))
    }

    /// Reads them again, and leaves those in use that are if the new ones are of no use, which is
    /// logged: once, unless somebody has asked for it. Blocks on the disk.
    pub fn reload(&self, is_asked: bool) {
        self.0.reload(is_asked);
    }

    /// Which certificates end soon, or have ended.
    pub fn notices(&self, now: SystemTime) -> Vec<Notice> {
        self.0.notices(now)
    }

    /// Does the handshake of a connection, within `timeout`.
    pub async fn accept(&self, stream: TcpStream, timeout: Duration) -> Result<Stream, Refused> {
        let config = Arc::clone(&*self.0.current());
        let stream = accept::accept(stream, config, timeout).await?;
        Ok(Stream::Right(Encrypted::lasting(stream)))
    }
}

fn config(files: &[Pem]) -> Result<Arc<ServerConfig>, Error> {
    let [certificate, key] = files else { unreachable!("two files are read") };
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(certificate.certificates()?, key.key()?)
        .map_err(|error| key.unusable(format!("it does not go with the certificate: {error}")))?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}
