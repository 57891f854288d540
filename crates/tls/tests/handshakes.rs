//! Handshakes as replicas and clients do them, with certificates made for the test.

#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use stint_tls::{Error, Files, PeerFiles, PeerName, Peers, Refused, Server, Stream, Urgency};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

const CLUSTER: [u8; 16] = [7; 16];
/// Counts the authorities, so that each has a name of its own.
static AUTHORITIES: AtomicU8 = AtomicU8::new(1);
const PATIENCE: Duration = Duration::from_secs(20);

fn name(replica: u64) -> PeerName {
    PeerName { replica, cluster: CLUSTER }
}

/// An authority, and where it puts what it signs.
struct Authority {
    dir: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        let number = AUTHORITIES.fetch_add(1, Ordering::Relaxed);
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { dir, issuer }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// Signs a certificate for these names, and writes it under `stem`.
    fn sign(&self, stem: &str, names: &[&str]) -> Files {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let signed = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        let files = Files {
            certificate: self.path(&format!("{stem}.pem")),
            key: self.path(&format!("{stem}.key")),
        };
        fs::write(&files.certificate, signed.pem()).unwrap();
        write_key(&files.key, &key);
        files
    }

    /// Signs a certificate that lasts until then, in place of the one in these files.
    fn sign_until(&self, files: &Files, name: &str, end: SystemTime) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = end.into();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(&files.certificate, signed.pem()).unwrap();
        write_key(&files.key, &key);
    }

    fn peer_files(&self, names: &[&str]) -> PeerFiles {
        PeerFiles { own: self.sign(names.first().unwrap(), names), ca: self.path("ca.pem") }
    }

    fn peers(&self, replica: u64) -> Peers {
        Peers::load(name(replica), self.peer_files(&[&name(replica).to_string()])).unwrap()
    }
}

/// A connection, from both ends.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (one, other) = tokio::join!(TcpStream::connect(address), listener.accept());
    (one.unwrap(), other.unwrap().0)
}

/// What comes of `dialing` calling the replica `to` at `listening`: what the listener says, and what
/// the dialer does, when it has read a greeting.
async fn meet(
    dialing: &Peers,
    to: u64,
    listening: &Peers,
) -> (Result<PeerName, String>, Result<(), String>) {
    let (out, into) = pair().await;
    let listen = async {
        let accepted = listening.accept(into, PATIENCE).await;
        let (mut stream, name) = accepted.map_err(|error| error.to_string())?;
        stream.write_all(b"hello").await.map_err(|error| error.to_string())?;
        Ok(name)
    };
    let dial = async {
        let mut stream = dialing.connect(out, to).await?;
        stream.read_exact(&mut [0; 5]).await?;
        std::io::Result::Ok(())
    };
    let (listened, dialed) = tokio::join!(listen, dial);
    (listened, dialed.map_err(|error| error.to_string()))
}

#[tokio::test]
async fn two_replicas_of_one_authority_know_each_other() {
    let authority = Authority::new();
    let (one, two) = (authority.peers(1), authority.peers(2));
    assert_eq!(meet(&one, 2, &two).await, (Ok(name(1)), Ok(())));
    assert_eq!(meet(&two, 1, &one).await, (Ok(name(2)), Ok(())));
}

#[tokio::test]
async fn a_replica_of_another_authority_is_a_stranger_on_both_sides() {
    let (one, two) = (Authority::new().peers(1), Authority::new().peers(2));
    let (listened, dialed) = meet(&one, 2, &two).await;
    let dialed = dialed.unwrap_err();
    assert!(dialed.contains("not signed by an authority that is trusted here"), "{dialed}");
    assert!(listened.unwrap_err().contains("does not know the authority"));

    // It believes the authority of the cluster, but is not signed by it.
    let ours = Authority::new();
    let stranger = Authority::new();
    let own = stranger.sign("own", &[&name(1).to_string()]);
    let mixed = stranger.path("mixed.pem");
    let both = [stranger.path("ca.pem"), ours.path("ca.pem")].map(|ca| fs::read(ca).unwrap());
    fs::write(&mixed, both.concat()).unwrap();
    let one = Peers::load(name(1), PeerFiles { own, ca: mixed }).unwrap();
    let (listened, dialed) = meet(&one, 2, &ours.peers(2)).await;
    assert!(listened.unwrap_err().contains("not signed by an authority that is trusted here"));
    assert!(dialed.unwrap_err().contains("alert"));
}

#[tokio::test]
async fn a_replica_is_not_taken_for_another() {
    let authority = Authority::new();
    let (listened, dialed) = meet(&authority.peers(1), 3, &authority.peers(2)).await;
    let dialed = dialed.unwrap_err();
    assert!(dialed.contains(&name(2).to_string()), "{dialed}");
    assert!(dialed.contains(&name(3).to_string()), "{dialed}");
    assert!(listened.unwrap_err().contains("its log says why"));
    let (_, dialed) = meet(&authority.peers(1), 1, &authority.peers(1)).await;
    assert!(dialed.unwrap_err().contains("this replica itself"), "a copy was let in");
}

#[tokio::test]
async fn a_replica_of_another_cluster_of_the_same_authority_is_refused() {
    let authority = Authority::new();
    let theirs = PeerName { replica: 1, cluster: [8; 16] };
    let files = authority.peer_files(&[&theirs.to_string()]);
    let (listened, dialed) =
        meet(&Peers::load(theirs, files).unwrap(), 2, &authority.peers(2)).await;
    assert!(listened.is_err() && dialed.is_err(), "{listened:?} {dialed:?}");
}

/// What a replica says of someone who believes whatever the authority has signed, and shows this.
async fn shown(authority: &Authority, names: &[&str], listening: &Peers) -> String {
    let files = authority.sign("shown", names);
    let ca = CertificateDer::from_pem_file(authority.path("ca.pem")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(ca).unwrap();
    let chain = vec![CertificateDer::from_pem_file(&files.certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    let (out, into) = pair().await;
    let server_name = ServerName::try_from(name(2).to_string()).unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let dial = async {
        let mut stream = connector.connect(server_name, out).await.unwrap();
        drop(stream.read_exact(&mut [0; 1]).await);
    };
    let accept = async { listening.accept(into, PATIENCE).await.map(|(_, name)| name) };
    let (accepted, ()) = tokio::join!(accept, dial);
    accepted.unwrap_err().to_string()
}

#[tokio::test]
async fn whoever_calls_under_a_name_that_is_no_other_replicas_of_the_cluster_is_refused() {
    let authority = Authority::new();
    let two = authority.peers(2);
    let elsewhere = PeerName { replica: 1, cluster: [8; 16] }.to_string();
    let (own, one) = (name(2).to_string(), name(1).to_string());
    for (names, why) in [
        (vec![elsewhere.as_str()], "of another cluster"),
        (vec![&own], "this replica itself"),
        (vec!["db.example.com"], "not that of a replica"),
        (vec![&one, &elsewhere], "not that of a replica"),
    ] {
        let said = shown(&authority, &names, &two).await;
        assert!(said.contains(why), "{names:?}: {said}");
    }
}

#[test]
fn a_certificate_that_peers_would_refuse_is_refused_at_once_with_its_file() {
    let authority = Authority::new();
    let (own, other) = (name(1).to_string(), name(2).to_string());
    let wildcard = own.replacen("000000000001", "*", 1);
    for (names, expected) in [
        (vec![other.as_str()], "it is the certificate of 000000000002"),
        (vec![wildcard.as_str()], "no name of a replica"),
        (vec!["example.org"], "example.org"),
        (vec![own.as_str(), other.as_str()], "two replicas"),
    ] {
        let error = Peers::load(name(1), authority.peer_files(&names)).unwrap_err();
        assert!(matches!(error, Error::Unusable { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{names:?}: {error}");
    }
    let mut files = authority.peer_files(&[&own]);
    files.ca = Authority::new().sign("ca", &["x"]).certificate;
    let error = Peers::load(name(1), files.clone()).unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "the directory is gone: {error}");
    let foreign = Authority::new();
    files.ca = foreign.path("ca.pem");
    let error = Peers::load(name(1), files).unwrap_err().to_string();
    assert!(error.contains("would not accept it under peer_ca"), "{error}");
}

fn server(files: &Files) -> Result<Server, String> {
    Server::load(files.clone()).map_err(|error| error.to_string())
}

#[test]
fn files_that_are_no_certificate_or_key_are_named() {
    let authority = Authority::new();
    let good = authority.sign("good", &["localhost"]);
    let other = authority.sign("other", &["localhost"]);
    let swapped = Files { certificate: good.key.clone(), key: good.certificate.clone() };
    assert!(server(&swapped).unwrap_err().contains("no certificate"));
    let keyless = Files { key: good.certificate.clone(), ..good.clone() };
    assert!(server(&keyless).unwrap_err().contains("no private key"));
    let foreign = Files { key: other.key, ..good.clone() };
    assert!(server(&foreign).unwrap_err().contains("does not go with"));
    let gone = Files { key: PathBuf::from("/nonexistent"), ..good.clone() };
    assert!(server(&gone).unwrap_err().starts_with("/nonexistent: cannot be read"));
    fs::write(authority.path("large"), vec![b'x'; 1024 * 1024 + 1]).unwrap();
    let large = Files { key: authority.path("large"), ..good };
    assert!(server(&large).unwrap_err().contains("more than 1048576 bytes"));
}

#[tokio::test]
async fn a_new_certificate_is_used_and_a_broken_one_is_not() {
    let authority = Authority::new();
    let two = authority.peers(2);
    let files = authority.peer_files(&[&name(1).to_string()]);
    let one = Peers::load(name(1), files.clone()).unwrap();
    let replace = |text: &str| fs::write(&files.own.certificate, text).unwrap();

    replace("-----BEGIN CERTIFICATE-----\nbroken");
    one.reload(false);
    assert_eq!(meet(&two, 1, &one).await, (Ok(name(2)), Ok(())), "the old one stays in use");

    // A new authority, and a certificate of it: what was accepted before is not any more.
    let next = Authority::new();
    let fresh = next.sign("fresh", &[&name(1).to_string()]);
    for (from, to) in [
        (&fresh.certificate, &files.own.certificate),
        (&fresh.key, &files.own.key),
        (&next.path("ca.pem"), &files.ca),
    ] {
        fs::copy(from, to).unwrap();
    }
    one.reload(false);
    assert!(meet(&two, 1, &one).await.1.is_err());
    assert_eq!(meet(&next.peers(2), 1, &one).await, (Ok(name(2)), Ok(())));
}

#[tokio::test]
async fn a_connection_ends_when_the_authorities_are_others_and_not_when_a_certificate_is() {
    let authority = Authority::new();
    let files = authority.peer_files(&[&name(1).to_string()]);
    let (one, two) = (Peers::load(name(1), files.clone()).unwrap(), authority.peers(2));
    let (out, into) = pair().await;
    let (listening, dialing) = tokio::join!(one.accept(into, PATIENCE), two.connect(out, 1));
    let ((mut inner, _), mut outer) = (listening.unwrap(), dialing.unwrap());

    // Its own certificate is a new one: whom it believes has not changed.
    let fresh = authority.sign("fresh", &[&name(1).to_string()]);
    fs::copy(&fresh.certificate, &files.own.certificate).unwrap();
    fs::copy(&fresh.key, &files.own.key).unwrap();
    one.reload(false);
    outer.write_all(b"x").await.unwrap();
    assert_eq!(inner.read_u8().await.unwrap(), b'x');

    let next = fs::read(Authority::new().path("ca.pem")).unwrap();
    let both = [fs::read(&files.ca).unwrap(), next].concat();
    // Whoever waits for the other side on a connection where nothing happens hears of it.
    let waiting = inner.read_u8();
    fs::write(&files.ca, both).unwrap();
    let (waited, ()) = tokio::join!(waiting, async { one.reload(false) });
    let error = waited.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted, "{error}");
    assert!(inner.write_all(b"x").await.is_err());
    drop(inner);
    assert!(outer.read_u8().await.is_err(), "the other side sees the end");
    assert_eq!(meet(&two, 1, &one).await, (Ok(name(2)), Ok(())), "a new one is made");
}

#[test]
fn a_key_that_every_user_may_read_is_refused_and_the_mode_is_said() {
    use std::os::unix::fs::PermissionsExt as _;

    let authority = Authority::new();
    let files = authority.sign("own", &["localhost"]);
    for (mode, is_taken) in [(0o600, true), (0o640, true), (0o644, false), (0o601, false)] {
        fs::set_permissions(&files.key, fs::Permissions::from_mode(mode)).unwrap();
        let loaded = server(&files);
        assert_eq!(loaded.is_ok(), is_taken, "{mode:o}");
        if let Err(error) = loaded {
            assert!(
                error.contains(&format!("{mode:04o}")) && error.contains("chmod 600"),
                "{error}"
            );
        }
    }
}

#[test]
fn certificates_that_end_soon_are_told_of_until_they_are_renewed() {
    let authority = Authority::new();
    let files = authority.peer_files(&[&name(1).to_string()]);
    let peers = Peers::load(name(1), files.clone()).unwrap();
    let now = SystemTime::now();
    assert_eq!(peers.notices(now), []);
    authority.sign_until(&files.own, &name(1).to_string(), now + Duration::from_hours(5 * 24));
    peers.reload(false);
    let notices = peers.notices(now);
    let [notice] = &notices[..] else { panic!("{notices:?}") };
    assert_eq!((notice.urgency, &notice.file), (Urgency::VerySoon, &files.own.certificate));
    assert!(notice.text.contains("expires in 4 days"), "{notice:?}");
    let later = now + Duration::from_hours(6 * 24);
    assert_eq!(peers.notices(later)[0].urgency, Urgency::Expired);
    authority.sign_until(&files.own, &name(1).to_string(), now + Duration::from_hours(60 * 24));
    peers.reload(false);
    assert_eq!(peers.notices(now), []);
}

/// What a server says to these bytes until it closes, and why it refused.
async fn say(bytes: &[u8], timeout: Duration) -> (String, Refused) {
    let authority = Authority::new();
    let server = server(&authority.sign("own", &["localhost"])).unwrap();
    let (mut out, into) = pair().await;
    let accept = async { server.accept(into, timeout).await.map(|_: Stream| ()).unwrap_err() };
    let ask = async {
        out.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        out.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let both = async { tokio::join!(ask, accept) };
    tokio::time::timeout(PATIENCE, both).await.expect("it hangs")
}

#[tokio::test]
async fn plain_text_is_answered_in_its_own_language() {
    let (said, why) = say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", PATIENCE).await;
    assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
    assert!(said.contains("https://"), "{said}");
    assert!(matches!(why, Refused::PlainText), "{why}");
    let (said, _) = say(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", PATIENCE).await;
    assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
    let (said, _) = say(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", PATIENCE).await;
    assert!(said.contains("this port speaks TLS"), "{said}");
    let (said, _) = say(b"\0\0\0", PATIENCE).await;
    assert_eq!(said, "");
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_given_up() {
    let short = Duration::from_millis(100);
    for beginning in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let (said, why) = say(beginning, short).await;
        assert_eq!(said, "");
        assert!(matches!(why, Refused::TooSlow(_)), "{why}");
    }
}

/// Writes a key for its owner alone: replicas take no other.
fn write_key(file: &Path, key: &KeyPair) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::write(file, key.serialize_pem()).expect("a file");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("a file");
}
