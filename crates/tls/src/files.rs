//! The files of an operator: read within bounds, and parsed.

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::Error;
use crate::limits;

/// What a replica shows to clients, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Its certificate, followed by those between it and the authority that clients trust.
    pub certificate: PathBuf,
    /// The key of the certificate.
    pub key: PathBuf,
}

/// What a replica shows to its peers, and whom it believes, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerFiles {
    /// What it shows.
    pub own: Files,
    /// The certificates of the authorities that sign those of replicas; no others count.
    pub ca: PathBuf,
}

/// The bits of a mode that are about everybody.
const OTHERS: u32 = 0o007;

/// One file as it was read.
#[derive(Hash)]
pub(crate) struct Pem {
    file: PathBuf,
    bytes: Vec<u8>,
    /// Who may read it, as the file system says.
    mode: u32,
}

impl Pem {
    pub(crate) fn read(file: &Path) -> Result<Self, Error> {
        let unreadable = |error: std::io::Error| Error::Unreadable {
            file: file.to_owned(),
            reason: error.to_string(),
        };
        let mut bytes = Vec::new();
        let opened = File::open(file).map_err(unreadable)?;
        let mode = opened.metadata().map_err(unreadable)?.permissions().mode();
        opened.take(limits::FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let pem = Self { file: file.to_owned(), bytes, mode };
        if u64::try_from(pem.bytes.len()).unwrap_or(u64::MAX) > limits::FILE_BYTES_MAX {
            let reason =
                format!("more than {} bytes, which no certificate has", limits::FILE_BYTES_MAX);
            return Err(pem.unusable(reason));
        }
        Ok(pem)
    }

    pub(crate) fn unusable(&self, reason: impl Into<String>) -> Error {
        Error::Unusable { file: self.file.clone(), reason: reason.into() }
    }

    /// All certificates of the file, at least one.
    pub(crate) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.bytes).collect();
        match found {
            Ok(found) if !found.is_empty() => Ok(found),
            Ok(_) => Err(self.unusable(
                "there is no certificate in it; it begins with -----BEGIN CERTIFICATE-----",
            )),
            Err(error) => Err(self.unusable(format!("no certificates in PEM: {error}"))),
        }
    }

    /// Where it was read.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The private key of the file. One that every user of the machine may read is none: jobs run here
    /// as other users, and whoever has the key is this replica.
    pub(crate) fn key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        let key = PrivateKeyDer::from_pem_slice(&self.bytes).map_err(|error| {
            self.unusable(format!(
                "no private key in PEM: {error}; it begins with -----BEGIN PRIVATE KEY-----, and \
                 is not encrypted"
            ))
        })?;
        if self.mode & OTHERS != 0 {
            return Err(self.unusable(format!(
                "every user of this machine may use this key (its mode is {:04o}); take it from them: \
                 chmod 600, or 640 for a group of the replica's own",
                self.mode & 0o7777
            )));
        }
        Ok(key)
    }

    /// The file as a list of authorities.
    pub(crate) fn roots(&self) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates()? {
            roots.add(certificate).map_err(|error| {
                self.unusable(format!("no certificate of an authority: {error}"))
            })?;
        }
        Ok(roots)
    }
}

/// A number that tells contents apart. The keys of the hash are those of this process.
pub(crate) fn fingerprint(hasher: &RandomState, read: &Result<Vec<Pem>, Error>) -> u64 {
    match read {
        Ok(files) => hasher.hash_one(files),
        Err(error) => hasher.hash_one(error.to_string()),
    }
}
