//! Bad requests by HTTP, made from what the API says of itself.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::document::{Described, Document};

/// One bad request, and the answers that the contract allows: a status, and a code where the
/// answer is ours and not the HTTP library's.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) allowed: Vec<Allowed>,
}

/// A status, and a code.
pub(crate) type Allowed = (u16, Option<&'static str>);

const INVALID: Allowed = (400, Some("INVALID_PARAMETERS"));
const NOT_JSON: Allowed = (400, Some("INVALID_JSON"));

/// Ids that nothing has, the way attackers write them.
const HOSTILE_IDS: &[&str] = &[
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e",
    "%00",
    "a%00b",
    "%ff%fe",
    "%F0%9F%92%A9",
    "%27%20OR%201%3D1--",
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "$%7Bjndi:ldap:%7D",
    "%0d%0aX-Injected:%201",
    "1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b",
    "-1",
];

/// All of them.
pub(crate) fn all(doc: &Document) -> Vec<Case> {
    let mut cases = Vec::new();
    for operation in &doc.operations {
        wrong_accept(operation, &mut cases);
        hostile_ids(operation, &mut cases);
        wrong_queries(operation, &mut cases);
        if let Some(fields) = &operation.fields {
            wrong_bodies(operation, &mut cases);
            wrong_fields(operation, fields, &mut cases);
        }
    }
    let paths: std::collections::BTreeSet<_> =
        doc.operations.iter().map(|one| one.path.as_str()).collect();
    for path in paths {
        wrong_methods(doc, path, &mut cases);
    }
    wrong_heads(&mut cases);
    cases
}

fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\
         Content-Length: {length}\r\n\r\n"
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn json(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    request(method, path, "Content-Type: application/json\r\n", body)
}

fn wrong_methods(doc: &Document, path: &str, cases: &mut Vec<Case>) {
    let there = doc.methods_of(path);
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "get"] {
        if there.contains(&method) {
            continue;
        }
        cases.push(Case {
            name: format!("{method} {path}"),
            bytes: json(method, &format!("/api/v0{}", path.replace("{id}", "x")), b"{}"),
            allowed: vec![(405, Some("NOT_ALLOWED"))],
        });
    }
}

fn wrong_accept(operation: &Described, cases: &mut Vec<Case>) {
    let Described { method, path, .. } = operation;
    cases.push(Case {
        name: format!("{method} {path} for text/html only"),
        bytes: request(method, &operation.path_of("x"), "Accept: text/html\r\n", b""),
        allowed: vec![(406, Some("NOT_ACCEPTABLE"))],
    });
}

fn hostile_ids(operation: &Described, cases: &mut Vec<Case>) {
    let Described { method, path, .. } = operation;
    if !path.contains("{id}") {
        return;
    }
    let long = "a".repeat(20_000);
    for id in HOSTILE_IDS.iter().copied().chain([long.as_str()]) {
        let shown: String = id.chars().take(40).collect();
        cases.push(Case {
            name: format!("{method} {path} of {shown}"),
            bytes: json(method, &operation.path_of(id), b"{}"),
            allowed: vec![(404, None)],
        });
    }
    cases.push(Case {
        name: format!("{method} {path} of 1 MB"),
        bytes: json(method, &operation.path_of(&"a".repeat(1 << 20)), b"{}"),
        allowed: vec![(431, None), (414, None), (400, None)],
    });
}

fn wrong_queries(operation: &Described, cases: &mut Vec<Case>) {
    let Described { method, path, queries, .. } = operation;
    for (query, kind) in queries {
        let values: &[&str] = match kind.as_str() {
            "integer" => &["-1", "x", "1.5", "99999999999999999999999", "0x10", "%zz", "1%00"],
            "enum" => &["maybe", "2", "yes", "%zz", "tRUE"],
            _ => &["%zz", "%ff"],
        };
        for value in values {
            cases.push(Case {
                name: format!("{method} {path}?{query}={value}"),
                bytes: request(
                    method,
                    &format!("{}?{query}={value}", operation.path_of("x")),
                    "",
                    b"",
                ),
                allowed: if path.contains("{id}") {
                    vec![INVALID, (404, None)]
                } else {
                    vec![INVALID]
                },
            });
        }
    }
}

fn wrong_bodies(operation: &Described, cases: &mut Vec<Case>) {
    let Described { method, path, .. } = operation;
    let deep = |open: &str, close: &str| {
        format!("{{\"action\":{}1{}}}", open.repeat(300), close.repeat(300)).into_bytes()
    };
    let large = format!(r#"{{"parameters":{{"p":"{}"}}}}"#, "x".repeat(1 << 20)).into_bytes();
    let bodies = [
        ("an open brace", b"{".to_vec(), NOT_JSON),
        ("an array", b"[]".to_vec(), NOT_JSON),
        ("a text", b"\"x\"".to_vec(), NOT_JSON),
        ("a number", b"1".to_vec(), NOT_JSON),
        ("two values", b"{} {}".to_vec(), NOT_JSON),
        ("a comma too many", b"{\"action\":\"noop\",}".to_vec(), NOT_JSON),
        ("no UTF-8", b"{\"action\":\"\xff\xfe\"}".to_vec(), NOT_JSON),
        ("half a surrogate", b"{\"action\":\"\\ud800\"}".to_vec(), NOT_JSON),
        ("a NUL", b"{\"action\":\"a\x00b\"}".to_vec(), NOT_JSON),
        ("deep arrays", deep("[", "]"), NOT_JSON),
        ("deep objects", deep("{\"a\":", "}"), NOT_JSON),
        ("more than 1 MiB", large, (413, Some("TOO_LARGE"))),
    ];
    let url = operation.path_of("000000000001");
    for (what, body, expected) in bodies {
        cases.push(Case {
            name: format!("{method} {path} with {what}"),
            bytes: json(method, &url, &body),
            allowed: vec![expected],
        });
    }
    for kind in ["text/plain", "application/xml", "multipart/form-data; boundary=x", "nonsense"] {
        cases.push(Case {
            name: format!("{method} {path} as {kind}"),
            bytes: request(method, &url, &format!("Content-Type: {kind}\r\n"), b"{}"),
            allowed: vec![(415, Some("UNSUPPORTED_MEDIA_TYPE"))],
        });
    }
}

fn wrong_fields(operation: &Described, fields: &BTreeMap<String, Value>, cases: &mut Vec<Case>) {
    let Described { method, path, .. } = operation;
    for (name, schema) in fields {
        let values: &[&str] = match schema["type"].as_str() {
            Some("string") => &["7", "true", "[]", "{}"],
            Some("integer") => {
                &["\"7\"", "true", "[]", "1.5", "-1", "1e400", "99999999999999999999"]
            }
            Some("boolean") => &["\"true\"", "1", "[]"],
            Some("object") => &["7", "\"x\"", "[]", "{\"a\":[]}", "{\"a\":{}}"],
            _ => &["{}"],
        };
        for value in values {
            let action = if name == "action" { "" } else { "\"action\":\"noop\"," };
            let body = format!("{{{action}\"{name}\":{value}}}");
            // A number that no double can hold is no JSON to some parsers.
            let allowed = if *value == "1e400" { vec![INVALID, NOT_JSON] } else { vec![INVALID] };
            cases.push(Case {
                name: format!("{method} {path} {body}"),
                bytes: json(method, &operation.path_of("000000000001"), body.as_bytes()),
                allowed,
            });
        }
    }
}

/// What is hardly HTTP.
fn wrong_heads(cases: &mut Vec<Case>) {
    let smuggled = "POST /api/v0/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\
                    Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n";
    for (name, bytes) in [
        ("no HTTP at all", "hello\r\n\r\n".to_owned()),
        ("a version of its own", "GET /api/v0/jobs HTTP/9.9\r\nHost: x\r\n\r\n".to_owned()),
        ("a header of 1 MB", format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 20))),
        ("ten thousand headers", format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(10_000))),
        ("two lengths", smuggled.replace("Transfer-Encoding: chunked", "Content-Length: 5")),
        ("a length that is none", smuggled.replace("Content-Length: 4", "Content-Length: -4")),
        (
            "a chunk that is none",
            smuggled.replace("Content-Length: 4\r\n", "").replace("0\r\n\r\n", "zz\r\n"),
        ),
        ("a space in a name", "GET /api/v0/jobs HTTP/1.1\r\nHo st: x\r\n\r\n".to_owned()),
    ] {
        cases.push(Case {
            name: name.to_owned(),
            bytes: bytes.into_bytes(),
            allowed: vec![(400, None), (431, None), (505, None)],
        });
    }
}
