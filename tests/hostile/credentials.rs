//! Wrong, missing and weak credentials, for every operation that the API says it has.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;

use super::calls::{connect, framed, request, runtime, status};
use super::wire;
use crate::harness::document::Described;
use crate::harness::{Cluster, wait_for};

/// The roles, the weakest first.
const ROLES: [&str; 3] = ["viewer", "operator", "admin"];

/// Somebody who asks: the values of the header `authorization`, and what they should be worth.
#[derive(Debug)]
pub(crate) struct Somebody {
    name: String,
    values: Vec<HeaderValue>,
    /// The place of the role in [`ROLES`]; `None` is a stranger.
    role: Option<usize>,
}

/// Everybody who is tried.
pub(crate) fn all(cluster: &Cluster) -> Vec<Somebody> {
    let mut all = Vec::new();
    let mut somebody = |name: &str, role, values: &[&str]| {
        let value = |value: &&str| HeaderValue::from_str(value).expect("a header value");
        let values = values.iter().map(value).collect();
        all.push(Somebody { name: name.to_owned(), values, role });
    };
    let tokens: BTreeMap<_, _> =
        ROLES.iter().map(|role| (*role, create(cluster, role, role, "").1)).collect();
    for (place, role) in ROLES.into_iter().enumerate() {
        let token = &tokens[role];
        somebody(&format!("a bearer who is {role}"), Some(place), &[&format!("Bearer {token}")]);
        somebody(&format!("{role} by Basic"), Some(place), &[&basic(role, token)]);
        somebody(&format!("{role} as another user"), None, &[&basic("nobody", token)]);
    }
    let admin = format!("Bearer {}", tokens["admin"]);
    let (id, revoked) = create(cluster, "bob", "admin", "");
    let gone = cluster.delete(0, &format!("/api/v0/tokens/{id}")).expect("an answer");
    assert_eq!(gone.status, 204, "{gone:?}");
    let expired = create(cluster, "eve", "admin", "300ms").1;
    wait_for("a token to expire", || {
        let head = "GET /api/v0/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
        let asked = format!("{head}Authorization: Bearer {expired}\r\n\r\n");
        match wire::exchange(&cluster.replicas[0].address, asked.as_bytes())?.status {
            401 => Ok(()),
            other => Err(format!("{other}")),
        }
    });
    let unknown = format!("stint_{}A", "B".repeat(42));
    somebody("nobody", None, &[]);
    somebody("an unknown token", None, &[&format!("Bearer {unknown}")]);
    somebody("an unknown token by Basic", None, &[&basic("admin", &unknown)]);
    somebody("a revoked token", None, &[&format!("Bearer {revoked}")]);
    somebody("an expired token", None, &[&format!("Bearer {expired}")]);
    somebody("half a token", None, &[&admin[..30]]);
    somebody("a token in capitals", None, &[&admin.to_uppercase()]);
    somebody("a token without its way", None, &[&tokens["admin"]]);
    somebody("a way that is none", None, &[&admin.replace("Bearer", "Digest")]);
    somebody("Basic that is no base64", None, &["Basic !!!!"]);
    somebody("Basic without a colon", None, &["Basic YWRtaW4="]);
    somebody("an admin twice", None, &[&admin, &admin]);
    somebody("an admin and a stranger", None, &[&admin, "Basic YWRtaW4="]);
    let garbage = HeaderValue::from_bytes(b"Bearer \xff\xfe").expect("bytes of a header");
    all.push(Somebody { name: "no ASCII".to_owned(), values: vec![garbage], role: None });
    all
}

/// Gives a user a token: its id and its secret.
fn create(cluster: &Cluster, user: &str, role: &str, expires_in: &str) -> (String, String) {
    let body = format!(r#"{{"user":"{user}","role":"{role}","expiresIn":"{expires_in}"}}"#);
    let created = cluster.post(0, "/api/v0/tokens", &body).expect("an answer");
    assert_eq!(created.status, 201, "{created:?}");
    let created = created.json();
    let text = |pointer: &str| {
        created.pointer(pointer).and_then(serde_json::Value::as_str).expect("a text").to_owned()
    };
    (text("/token/id"), text("/secret"))
}

/// `Basic` of a user and a token (RFC 7617).
fn basic(user: &str, token: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{token}")))
}

impl Somebody {
    /// Whether a log says what only its owner should know.
    pub(crate) fn is_named_in(&self, log: &str) -> bool {
        let values = self.values.iter().filter_map(|value| value.to_str().ok());
        let secrets = values.filter_map(|value| value.split(' ').next_back());
        secrets.filter(|secret| secret.len() > 20).any(|secret| log.contains(secret))
    }

    /// What the answer is to say, of the "no" for strangers, the one for the weak, and others.
    fn expected(&self, operation: &Described) -> Admission {
        let needed = ROLES.iter().position(|role| *role == operation.role);
        let needed = needed.unwrap_or_else(|| panic!("{operation:?}: no role"));
        match self.role {
            None => Admission::Stranger,
            Some(role) if role < needed => Admission::Weak,
            Some(_) => Admission::In,
        }
    }
}

/// The weakest role that an operation may want, said here and not by the program: who calls, who has
/// called and what the cluster is are the administrators'; to look at the rest takes no more than eyes,
/// and to change it an operator.
fn rightful(operation: &Described) -> &'static str {
    let path = operation.path.as_str();
    let is_look = operation.method == "GET";
    let is_for_all = ["/meta/settings", "/meta/cluster_status"].contains(&path) && is_look;
    let is_inner = ["/tokens", "/audit", "/meta"].iter().any(|inner| path.starts_with(inner));
    match (is_inner && !is_for_all, is_look) {
        (true, _) => "admin",
        (false, true) => "viewer",
        (false, false) => "operator",
    }
}

/// What becomes of somebody at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Admission {
    Stranger,
    Weak,
    In,
}

/// Has everybody ask for every operation by both doors, in vain or without effect: nothing has the id
/// that is asked about, and the bodies are empty. Says what is wrong with the answers.
pub(crate) fn check(
    address: &str,
    operations: &[Described],
    paths: &BTreeMap<String, String>,
    all: &[Somebody],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for operation in operations {
        let (role, rightful) = (operation.role.as_str(), rightful(operation));
        if role != rightful {
            wrong.push(format!("{} is for {role}, and not for {rightful}", operation.name));
        }
        let by_grpc = runtime().block_on(by_grpc(address, &paths[&operation.name], all));
        for (somebody, by_grpc) in all.iter().zip(by_grpc) {
            let by_http = by_http(address, operation, somebody);
            let expected = Ok(somebody.expected(operation));
            if by_http != expected || by_grpc != expected {
                let (name, who) = (&operation.name, &somebody.name);
                wrong.push(format!(
                    "{name} by {who}: {by_http:?} and {by_grpc:?}, not {expected:?}"
                ));
            }
        }
    }
    wrong
}

fn by_http(address: &str, operation: &Described, who: &Somebody) -> Result<Admission, String> {
    let (method, path) = (&operation.method, operation.path_of("x"));
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n").into_bytes();
    for value in &who.values {
        bytes.extend([b"Authorization: ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    let head = wire::head(address, &bytes)?;
    let asks_for_credentials = head.to_ascii_lowercase().contains("\r\nwww-authenticate: basic");
    match head.split(' ').nth(1) {
        Some("401") if asks_for_credentials => Ok(Admission::Stranger),
        Some("403") => Ok(Admission::Weak),
        Some("401" | "500") | None => Err(head),
        Some(_) => Ok(Admission::In),
    }
}

async fn by_grpc(address: &str, path: &str, all: &[Somebody]) -> Vec<Result<Admission, String>> {
    let mut client = connect(address).await;
    let mut admissions = Vec::new();
    for somebody in all {
        let mut asked = request(path, &[]);
        for value in &somebody.values {
            asked.headers_mut().append("authorization", value.clone());
        }
        let (answer, mut body) = client.send_request(asked, false).expect("a stream");
        body.send_data(framed(0, 0, b""), true).expect("an empty message");
        // Who is let in gets an answer that may have no end. It is not waited for.
        let admission = match answer.await {
            Err(error) => Err(error.to_string()),
            Ok(answer) => match status(answer.headers()).as_deref() {
                Some("16") => Ok(Admission::Stranger),
                Some("7") => Ok(Admission::Weak),
                Some("13" | "2") => Err(format!("{answer:?}")),
                Some(_) | None => Ok(Admission::In),
            },
        };
        admissions.push(admission);
    }
    admissions
}
