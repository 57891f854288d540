//! The simplest client and server of TLS, which show what is seen on the wire.

use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::http::Answer;

/// A connection of a client.
pub(crate) type Client = StreamOwned<ClientConnection, TcpStream>;

/// The longest that a test waits for bytes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Connects to a server that is to have this name, and believes `ca`; shows the certificate of
/// `own` (a `.pem` and a `.key` beside it) if there is one.
pub(crate) fn connect(
    address: &str,
    name: &str,
    ca: &Path,
    own: Option<&Path>,
) -> Result<Client, String> {
    let stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    speak(stream, name, ca, own)
}

/// The same on a connection that there is.
fn speak(
    mut stream: TcpStream,
    name: &str,
    ca: &Path,
    own: Option<&Path>,
) -> Result<Client, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca) {
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let config = match own {
        Some(stem) => {
            let key = PrivateKeyDer::from_pem_file(stem.with_extension("key")).expect("a key");
            let chain = certificates(&stem.with_extension("pem"));
            config.with_client_auth_cert(chain, key).map_err(|error| error.to_string())?
        }
        None => config.with_no_client_auth(),
    };
    let name = ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
    let mut connection =
        ClientConnection::new(Arc::new(config), name).map_err(|error| error.to_string())?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(|error| error.to_string())?;
    }
    Ok(StreamOwned::new(connection, stream))
}

/// The certificates of a file.
pub(crate) fn certificates(file: &Path) -> Vec<CertificateDer<'static>> {
    let read = CertificateDer::pem_file_iter(file).expect("a file of certificates");
    read.collect::<Result<_, _>>().expect("certificates")
}

/// The certificate that the server at `address` shows.
pub(crate) fn shown(address: &str, ca: &Path) -> Result<CertificateDer<'static>, String> {
    let client = connect(address, host(address), ca, None)?;
    let shown = client.conn.peer_certificates().and_then(<[_]>::first);
    shown.cloned().ok_or_else(|| "no certificate".to_owned())
}

/// Asks by HTTPS, with a header `Authorization` if there is one to send.
pub(crate) fn ask(
    address: &str,
    ca: &Path,
    (method, path): (&str, &str),
    authorization: Option<&str>,
    body: Option<&str>,
) -> Result<Answer, String> {
    let authorization =
        authorization.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
    let client = connect(address, host(address), ca, None)?;
    answer(client, address, (method, path), &authorization, body.unwrap_or_default())
}

/// The same by whoever waits for so long at most, with these lines of header.
pub(crate) fn ask_within(
    patience: Duration,
    address: &str,
    ca: &Path,
    what: (&str, &str),
    header: &str,
    body: &str,
) -> Result<Answer, String> {
    let place = address.parse().expect("an address");
    let stream = TcpStream::connect_timeout(&place, patience).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(patience)).expect("a timeout");
    stream.set_write_timeout(Some(patience)).expect("a timeout");
    answer(speak(stream, host(address), ca, None)?, address, what, header, body)
}

fn answer(
    mut client: Client,
    address: &str,
    (method, path): (&str, &str),
    header: &str,
    body: &str,
) -> Result<Answer, String> {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{header}\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    client.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut text = String::new();
    client.read_to_string(&mut text).map_err(|error| format!("{error}, after {text:?}"))?;
    Answer::parse(&text).ok_or(text)
}

fn host(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}
