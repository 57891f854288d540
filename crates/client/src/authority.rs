//! Whose signature the certificates of the replicas have to have.

use std::fs;
use std::path::Path;

use tonic::transport::{Certificate, ClientTlsConfig};

use crate::error::Error;

/// The certificates of the authorities, as a file has them.
#[derive(Debug, Clone)]
pub(crate) struct Authority(Certificate);

impl Authority {
    pub(crate) fn read(file: &Path) -> Result<Self, Error> {
        let bad = |reason: String| Error::BadCertificate { file: file.to_owned(), reason };
        let text = fs::read_to_string(file).map_err(|error| {
            bad(format!("the CA certificate cannot be read: {error}; it is a file in PEM"))
        })?;
        // What has no certificate in it would trust nobody, and say so only at the first call.
        if !text.contains("-----BEGIN CERTIFICATE-----") {
            let reason = "there is no certificate in it; that of an authority in PEM begins with \
                          -----BEGIN CERTIFICATE-----";
            return Err(bad(reason.to_owned()));
        }
        let authority = Self(Certificate::from_pem(text));
        tonic::transport::Endpoint::from_static("https://localhost")
            .tls_config(authority.config())
            .map_err(|error| bad(format!("no CA certificate in PEM: {}", describe(&error))))?;
        Ok(authority)
    }

    /// How to speak to a replica, whose certificate has to name the host that is asked for.
    pub(crate) fn config(&self) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(self.0.clone())
    }

    #[cfg(test)]
    pub(crate) fn of_nobody() -> Self {
        Self(Certificate::from_pem(""))
    }
}

/// The innermost cause of an error, which says most.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        let error = |file: &Path| Authority::read(file).unwrap_err().to_string();
        assert!(error(&file).contains("cannot be read"), "{}", error(&file));
        for text in ["", "nothing", "-----BEGIN CERTIFICATE-----\n???\n"] {
            fs::write(&file, text).unwrap();
            let error = error(&file);
            assert!(error.starts_with(&file.display().to_string()), "{error}");
            assert!(error.contains("PEM"), "{error}");
        }
    }
}
