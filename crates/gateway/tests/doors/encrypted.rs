//! Connections that are encrypted: what is bounded stays bounded.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use stint_core::JobId;
use stint_gateway::Config;
use stint_tls::{Files, Server};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::harness::{House, Puppet, soon, until};

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

const SUBMISSION: &[u8] = b"POST /api/v0/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
    Content-Length: 16\r\n\r\n{\"action\":\"say\"}";

/// An encrypted house, and those who believe it.
pub(crate) struct Encrypted {
    pub(crate) house: House,
    connector: TlsConnector,
    _dir: TempDir,
}

impl Encrypted {
    pub(crate) async fn start(config: Config) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let own = params.self_signed(&key).expect("a certificate");
        let files =
            Files { certificate: dir.path().join("own.pem"), key: dir.path().join("own.key") };
        fs::write(&files.certificate, own.pem()).expect("a file");
        write_key(&files.key, &key);
        let server = Server::load(files).expect("certificates");
        let house = House::open(Config { is_open: true, ..config }, Some(server)).await;
        let connector = connector(own.der());
        Self { house, connector, _dir: dir }
    }

    pub(crate) async fn encrypt(&self, stream: TcpStream) -> TlsStream<TcpStream> {
        let name = ServerName::try_from("localhost").expect("a name");
        let connected = self.connector.connect(name, stream);
        soon("a handshake", connected).await.expect("a handshake")
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        self.encrypt(self.house.connect().await).await
    }

    /// What comes back for these bytes, until the end.
    async fn ask(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.expect("a request");
        let mut said = Vec::new();
        // The end of an answer is said by the connection in one way or another.
        drop(soon("an answer", stream.read_to_end(&mut said)).await);
        String::from_utf8_lossy(&said).into_owned()
    }
}

fn connector(own: &CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(own.clone()).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_holds_a_place_until_its_time_is_over() {
    let handshake_timeout = Duration::from_millis(500);
    let config = Config { connections_max: 1, handshake_timeout, ..Config::default() };
    let encrypted = Encrypted::start(config).await;
    let mut silent = encrypted.house.connect().await;
    let second = encrypted.ask(HEALTH);
    let early = tokio::time::timeout(Duration::from_millis(200), second).await;
    assert!(early.is_err(), "the second was served beside the first");
    assert!(encrypted.ask(HEALTH).await.starts_with("HTTP/1.1 200"));
    let end = soon("the end", silent.read(&mut [0; 1])).await;
    assert!(matches!(end, Ok(0)), "{end:?}");
    encrypted.house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_does_not_come_to_its_end_is_cut_off() {
    let config = Config { head_timeout: Duration::from_millis(300), ..Config::default() };
    let encrypted = Encrypted::start(config).await;
    assert_eq!(encrypted.ask(b"GET /healthz HT").await, "");
    encrypted.house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_nothing_of_its_answer_is_cut_off() {
    let write_timeout = Duration::from_millis(300);
    let config = Config { requests_max: 1, write_timeout, ..Config::default() };
    let encrypted = Encrypted::start(config).await;
    let is_ready = async || encrypted.ask(&get("/readyz")).await.contains("200 OK");
    until("the replica to be ready", is_ready).await;
    let worker = Puppet::register(&encrypted.house, &[]).await;
    let said = encrypted.ask(SUBMISSION).await;
    let id = said.split_once("\"id\":\"").and_then(|(_, rest)| rest.split_once('"'));
    let job: JobId = id.expect(&said).0.parse().expect("an id");
    let lease = worker.claim(job).await;
    let line = "x".repeat(10_000);
    for batch in 0..24 {
        worker.print(job, lease, batch * 50, &[line.as_str(); 50]).await;
    }
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(8_192).expect("a small buffer");
    let stream = socket.connect(encrypted.house.address).await.expect("a connection");
    let mut stream = encrypted.encrypt(stream).await;
    stream.write_all(&get(&format!("/api/v0/jobs/{job}/logs"))).await.expect("a request");
    let is_free = async || encrypted.ask(&get("/version")).await.contains("200 OK");
    until("the only place to be taken", async || !is_free().await).await;
    until("the place to be free", is_free).await;
    drop(stream);
    encrypted.house.stop().await;
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes()
}

/// Writes a key for its owner alone: replicas take no other.
fn write_key(file: &Path, key: &KeyPair) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::write(file, key.serialize_pem()).expect("a file");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("a file");
}
