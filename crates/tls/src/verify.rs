//! Who counts as a replica of the cluster: signed by its authority, and named as one.
//!
//! The chain, the times and the name are checked by the usual verifiers; what is added is that a
//! certificate names exactly one replica, of this cluster, and without a wildcard.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use thiserror::Error;

use crate::name::{Nameless, PeerName};

/// Checks certificates of replicas, on either side of a connection.
#[derive(Debug)]
pub(crate) struct Verifier {
    me: PeerName,
    clients: Arc<dyn ClientCertVerifier>,
    servers: Arc<WebPkiServerVerifier>,
}

/// Why a certificate that is signed by the authority is still not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
enum Stranger {
    #[error("the certificate is not that of a replica: {0}")]
    Nameless(#[from] Nameless),
    #[error("the certificate is that of {0}, which is of another cluster; this one is of {1}")]
    OtherCluster(PeerName, PeerName),
    #[error("the certificate is that of {0}, which is this replica itself; each needs its own")]
    Myself(PeerName),
    #[error("the certificate is that of {found}, and {expected} was to be reached")]
    Another { found: PeerName, expected: String },
}

impl From<Stranger> for Error {
    fn from(stranger: Stranger) -> Self {
        CertificateError::Other(OtherError(Arc::new(stranger))).into()
    }
}

impl Verifier {
    /// Believes what `roots` have signed. The error says what is wrong with them.
    pub(crate) fn new(
        me: PeerName,
        roots: RootCertStore,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let roots = Arc::new(roots);
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(provider));
        let servers = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
        Ok(Self {
            me,
            clients: clients.build().map_err(|error| error.to_string())?,
            servers: servers.build().map_err(|error| error.to_string())?,
        })
    }

    /// Checks this replica's own certificate as its peers will.
    pub(crate) fn own(&self, chain: &[CertificateDer<'static>]) -> Result<(), String> {
        let Some((own, between)) = chain.split_first() else {
            return Err("it is empty".to_owned());
        };
        let name = PeerName::of(own, self.me).map_err(|error| error.to_string())?;
        if name != self.me {
            return Err(format!(
                "it is the certificate of {name}, and this replica is {}",
                self.me
            ));
        }
        let now = UnixTime::now();
        let as_client = self.clients.verify_client_cert(own, between, now).map(|_| ());
        let server_name = self.me.server_name();
        let as_server = self.servers.verify_server_cert(own, between, &server_name, &[], now);
        as_client.and(as_server.map(|_| ())).map_err(|error| {
            format!("the other replicas would not accept it under peer_ca: {error}")
        })
    }

    fn peer(&self, certificate: &CertificateDer<'_>) -> Result<PeerName, Stranger> {
        let name = PeerName::of(certificate, self.me)?;
        if name.cluster != self.me.cluster {
            return Err(Stranger::OtherCluster(name, self.me));
        }
        if name == self.me {
            return Err(Stranger::Myself(name));
        }
        Ok(name)
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.clients.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.clients.verify_client_cert(end_entity, intermediates, now)?;
        self.peer(end_entity)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.clients.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.clients.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.clients.supported_verify_schemes()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.servers.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        // A name that is another replica's is better told in our words.
        let is_misnamed = |error: &Error| {
            matches!(
                error,
                Error::InvalidCertificate(
                    CertificateError::NotValidForName
                        | CertificateError::NotValidForNameContext { .. }
                )
            )
        };
        if let Err(error) = &verified
            && !is_misnamed(error)
        {
            return verified;
        }
        let found = self.peer(end_entity)?;
        let expected = server_name.to_str().into_owned();
        if found.to_string() != expected {
            return Err(Stranger::Another { found, expected }.into());
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.servers.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.servers.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.servers.supported_verify_schemes()
    }
}
