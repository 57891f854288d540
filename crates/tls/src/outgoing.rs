//! Connections to the servers of others, who are believed if the system's authorities sign for
//! them, or those that an operator has named.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use crate::error::Error;
use crate::files::Pem;

/// A connection to a server of others, plain or encrypted.
pub type Outward = Either<TcpStream, TlsStream<TcpStream>>;

/// Makes connections to the servers of others. There is no way not to check their certificates.
#[derive(Clone)]
pub struct Outgoing(Arc<ClientConfig>);

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outgoing")
    }
}

impl Outgoing {
    /// Reads the authorities of the system, and those of `ca` beside them. A system that has none
    /// believes nobody else.
    ///
    /// # Errors
    /// If `ca` is no file of certificates.
    pub fn load(ca: Option<&Path>) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if let Some(ca) = ca {
            roots.roots.extend(Pem::read(ca)?.roots()?.roots);
        }
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the ciphers of TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// Does the handshake with the server called `host`, a name or an address.
    ///
    /// # Errors
    /// If it is another, or cannot prove that it is not.
    pub async fn connect(&self, stream: TcpStream, host: &str) -> io::Result<Outward> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| io::Error::other("no certificate can have such a name"))?;
        let stream = TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await?;
        Ok(Outward::Right(stream))
    }
}
