//! The built-in action `webhook`, against real listeners.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::harness::certificates::Authority;
use crate::harness::{Cluster, Options, PATIENCE};

/// One replica that lets webhooks reach this machine, with more in its `[webhook]`.
fn cluster(more: &str) -> Cluster {
    let mut cluster = Cluster::prepare(&Options { replicas: 1, ..Options::default() });
    let file = &cluster.replicas[0].config;
    let mut text = fs::read_to_string(file).expect("a config");
    write!(text, "\n[webhook]\nallow = [\"127.0.0.1\"]\n{more}\n").expect("a string takes all");
    fs::write(file, text).expect("a config");
    cluster.spawn(0);
    cluster.wait_until_whole();
    cluster
}

/// A server that answers each connection with this, and the requests that it got.
fn server(answer: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (sender, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if sender.send(talk(stream, answer)).is_err() {
                return;
            }
        }
    });
    (address, requests)
}

/// Reads a request with a body of known length, and answers.
fn talk(mut stream: impl Read + Write, answer: &str) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 1_024];
    while !is_whole(&request) {
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => request.extend_from_slice(&buffer[..count]),
            Ok(0) | Err(_) => break,
        }
    }
    stream.write_all(answer.as_bytes()).ok();
    stream.flush().ok();
    String::from_utf8_lossy(&request).into_owned()
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        header(head, "content-length").map_or(0, |length| length.parse().expect("a number"));
    body.len() >= length
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let lines = request.lines().filter_map(|line| line.split_once(": "));
    lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn submit(cluster: &Cluster, parameters: &Value, more: &Value) -> String {
    let mut body = json!({"action": "webhook", "parameters": parameters});
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    cluster.submit(0, &body.to_string())
}

fn output(cluster: &Cluster, id: &str) -> String {
    cluster.get(0, &format!("/api/v0/jobs/{id}/logs")).expect("an answer").body
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\none\ntwo\n";

#[test]
fn a_payload_is_delivered_signed_and_the_answer_is_the_output() {
    let secret = tempfile::NamedTempFile::new().expect("a file");
    fs::write(secret.path(), "0123456789abcdef\n").expect("a secret");
    let files = format!("secret_files = {{ main = \"{}\" }}", secret.path().display());
    let cluster = cluster(&files);
    let (address, requests) = server(OK);
    let parameters = json!({"url": format!("http://{address}/hook?x=1"), "payload": r#"{"a":1}"#,
                            "headers": "X-Team: build", "secret": "main"});
    let id = submit(&cluster, &parameters, &json!({}));
    cluster.wait_for_status(0, &id, "done");
    let request = requests.recv_timeout(PATIENCE).expect("a request");
    assert!(request.starts_with("POST /hook?x=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"a\":1}"), "{request}");
    assert_eq!(header(&request, "host"), Some(address.as_str()));
    assert_eq!(header(&request, "x-team"), Some("build"));
    assert_eq!(header(&request, "stint-job-id"), Some(id.as_str()));
    assert_eq!(header(&request, "idempotency-key"), Some(id.as_str()));
    let signature = header(&request, "stint-signature").expect("a signature");
    assert!(signature.starts_with("t=") && signature.len() > 70, "{signature}");
    let lines = output(&cluster, &id);
    assert!(
        lines.contains("200 OK") && lines.contains("\"one\"") && lines.contains("\"two\""),
        "{lines}"
    );
    assert!(!lines.contains("x=1"), "what follows the path may be a secret: {lines}");
    assert!(!cluster.log(0).contains("0123456789abcdef"));
}

#[test]
fn what_is_no_success_is_an_error_with_its_retries_and_redirects_are_not_followed() {
    let cluster = cluster("");
    let (elsewhere, reached) = server(OK);
    let redirect =
        format!("HTTP/1.1 302 Found\r\nLocation: http://{elsewhere}/\r\nContent-Length: 0\r\n\r\n");
    let (address, requests) = server(Box::leak(redirect.into_boxed_str()));
    let parameters = json!({"url": format!("http://{address}/")});
    let id = submit(&cluster, &parameters, &json!({"retries": 1}));
    let job = cluster.wait_for_status(0, &id, "error");
    assert_eq!(job["attempts"][0]["exitCode"], 1, "{job}");
    for _ in 0..2 {
        requests.recv_timeout(PATIENCE).expect("the first request and its retry");
    }
    assert!(output(&cluster, &id).contains("302 Found"));
    assert!(reached.try_recv().is_err(), "the redirect was followed");
}

#[test]
fn an_answer_that_asks_to_wait_is_not_asked_again_before() {
    let cluster = cluster("");
    let busy = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1200\r\nContent-Length: 0\r\n\r\n";
    let dated = "HTTP/1.1 429 Too Many Requests\r\nDate: Fri, 31 Dec 1999 23:00:00 GMT\r\n\
                 Retry-After: Fri, 31 Dec 1999 23:30:00 GMT\r\nContent-Length: 0\r\n\r\n";
    for (answer, seconds) in [(busy, 1_200), (dated, 1_800)] {
        let (address, requests) = server(answer);
        let parameters = json!({"url": format!("http://{address}/")});
        let id = submit(&cluster, &parameters, &json!({"retries": 1}));
        let failed = cluster.wait_for_status(0, &id, "error");
        requests.recv_timeout(PATIENCE).expect("a request");
        let said = output(&cluster, &id);
        assert!(said.contains(&format!("it asks to wait {seconds} s before a retry")), "{said}");
        let retry = failed["retriedByID"].as_str().unwrap_or_else(|| panic!("{failed}"));
        let retry = cluster.job(0, retry);
        let time = |job: &Value, name: &str| {
            let text = job[name].as_str().expect("a time");
            chrono::DateTime::parse_from_rfc3339(text).expect("a time").timestamp_millis()
        };
        let wait = time(&retry, "scheduledAt") - time(&failed, "lastUpdated");
        assert_eq!(wait, seconds * 1_000, "{retry}");
        assert!(requests.try_recv().is_err(), "it was asked again");
    }
}

#[test]
fn what_is_inside_is_not_reached_unless_it_is_allowed() {
    let cluster = cluster("");
    let (address, requests) = server(OK);
    let port = address.rsplit_once(':').expect("a port").1;
    for (host, problem) in [
        ("127.0.0.2", "127.0.0.2, which is inside"),
        ("169.254.169.254", "169.254.169.254, which is inside"),
        ("[::1]", "::1, which is inside"),
        ("[::ffff:10.0.0.1]", "which is inside"),
        ("0.0.0.0", "0.0.0.0, which is inside"),
        ("0x7f000002", "is inside"),
    ] {
        let parameters = json!({"url": format!("http://{host}:{port}/")});
        let id = submit(&cluster, &parameters, &json!({}));
        cluster.wait_for_status(0, &id, "error");
        let said = output(&cluster, &id);
        // What is no address to the resolver of this machine is not reached either.
        assert!(
            said.contains(problem) || (host.starts_with("0x") && said.contains(host)),
            "{said}"
        );
    }
    assert!(requests.try_recv().is_err());
}

#[test]
fn a_request_ends_with_its_timeout_its_deadline_and_its_cancellation() {
    let cluster = cluster("");
    // A server that takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", silent.local_addr().expect("an address"));
    let late = submit(&cluster, &json!({"url": url, "timeout": "100ms"}), &json!({}));
    cluster.wait_for_status(0, &late, "error");
    assert!(output(&cluster, &late).contains("no whole answer within 100ms"));
    let over =
        submit(&cluster, &json!({"url": url, "timeout": "10m"}), &json!({"deadline": "100ms"}));
    let job = cluster.wait_for_status(0, &over, "error");
    assert_eq!(job["attempts"][0]["end"], "deadline", "{job}");
    let canceled = submit(&cluster, &json!({"url": url, "timeout": "10m"}), &json!({}));
    cluster.wait_for_status(0, &canceled, "running");
    cluster.post(0, &format!("/api/v0/jobs/{canceled}/cancel"), "").expect("an answer");
    cluster.wait_for_status(0, &canceled, "cancel");
}

/// A server that speaks TLS with a certificate for `host` by this authority.
fn encrypted(authority: &Authority, host: &str, base: &Path) -> String {
    authority.sign(host, base);
    let read = |ending: &str| fs::read(format!("{}{ending}", base.display())).expect("a file");
    let chain = CertificateDer::pem_slice_iter(&read(".pem")).collect::<Result<Vec<_>, _>>();
    let key = PrivateKeyDer::from_pem_slice(&read(".key")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain.expect("certificates"), key)
        .expect("a certificate with its key");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let stream: StreamOwned<ServerConnection, TcpStream> =
                StreamOwned::new(connection, stream);
            talk(stream, OK);
        }
    });
    address
}

#[test]
fn certificates_are_checked() {
    let dir = tempfile::tempdir().expect("a directory");
    let ours = Authority::new(dir.path());
    let cluster = cluster(&format!("ca = \"{}\"", ours.certificate.display()));
    let good = encrypted(&ours, "127.0.0.1", &dir.path().join("good"));
    let id = submit(&cluster, &json!({"url": format!("https://{good}/")}), &json!({}));
    cluster.wait_for_status(0, &id, "done");
    let other = Authority::new(dir.path());
    let stranger = encrypted(&other, "127.0.0.1", &dir.path().join("stranger"));
    let misnamed = encrypted(&ours, "127.0.0.9", &dir.path().join("misnamed"));
    for address in [stranger, misnamed] {
        let id = submit(&cluster, &json!({"url": format!("https://{address}/")}), &json!({}));
        cluster.wait_for_status(0, &id, "error");
        assert!(
            output(&cluster, &id).contains("no encrypted connection"),
            "{}",
            output(&cluster, &id)
        );
    }
}
