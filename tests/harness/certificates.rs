//! An authority and what it signs, made for one test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// The cluster of all tests, as names in certificates have it.
const CLUSTER: &str = "000102030405060708090a0b0c0d0e0f";

/// Counts the authorities, so that each has a name of its own.
static AUTHORITIES: AtomicU8 = AtomicU8::new(1);

/// An authority, whose certificate is in a file.
#[derive(Debug)]
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub(crate) certificate: PathBuf,
}

impl Authority {
    /// A new one, under a name that no other has.
    pub(crate) fn new(dir: &Path) -> Self {
        let number = AUTHORITIES.fetch_add(1, Ordering::Relaxed);
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let certificate = dir.join(format!("authority-{number}.pem"));
        fs::write(&certificate, issuer.pem()).expect("a file");
        Self { issuer, certificate }
    }

    /// Signs a certificate for `name`, and writes it and its key to files of this stem.
    pub(crate) fn sign(&self, name: &str, stem: &Path) {
        self.sign_for(name, stem, Duration::from_hours(365 * 24));
    }

    /// The same, good for so long.
    pub(crate) fn sign_for(&self, name: &str, stem: &Path, time: Duration) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_after = (SystemTime::now() + time).into();
        let signed = params.signed_by(&key, &self.issuer).expect("a certificate");
        // The key first: a certificate without its key is of no use for a moment only.
        write_key(&stem.with_extension("key"), &key);
        fs::write(stem.with_extension("pem"), signed.pem()).expect("a file");
    }
}

/// The name of a replica as its certificate for peers has it.
pub(crate) fn peer_name(id: &str) -> String {
    format!("{id}.{CLUSTER}.stint")
}

/// Writes a key for its owner alone: replicas take no other.
fn write_key(file: &Path, key: &KeyPair) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::write(file, key.serialize_pem()).expect("a file");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("a file");
}
