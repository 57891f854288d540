//! Literal HTTP: a request as an old script sends it, and the answer as it comes.

use std::io::{BufRead as _, BufReader, Read as _};
use std::time::Duration;

use serde_json::Value;
use ureq::http::Request;

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// Reads a whole answer that is closed by the end of the connection or has a length.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        };
        let headers: Vec<_> = lines.filter_map(header).collect();
        let answer = Self { status, headers, body: body.to_owned() };
        match answer.header("transfer-encoding") {
            Some(_) => Some(Self { body: unchunked(body)?, ..answer }),
            None => Some(answer),
        }
    }

    /// The body as JSON; the test fails if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {} {}", self.status, self.body))
    }

    /// The code of the first error of the v0 error shape.
    pub(crate) fn error_code(&self) -> String {
        let json = self.json();
        json.pointer("/errors/0/code")
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("no error code in {} {}", self.status, self.body))
            .to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// The text of a body that came in chunks.
fn unchunked(mut rest: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (length, after) = rest.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.push_str(after.get(..length)?);
        rest = after.get(length..)?.strip_prefix("\r\n")?;
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

fn read(mut answer: http::Response<ureq::Body>) -> Result<Answer, String> {
    let mut body = String::new();
    let reader = answer.body_mut().as_reader();
    reader.take(64 * 1024 * 1024).read_to_string(&mut body).map_err(|error| error.to_string())?;
    let headers = answer
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    Ok(Answer { status: answer.status().as_u16(), headers, body })
}

/// Asks with a header `Authorization`, if there is one to send.
pub(crate) fn ask(
    address: &str,
    method: &str,
    path: &str,
    authorization: Option<&str>,
    body: Option<&str>,
) -> Result<Answer, String> {
    read(send(address, method, path, authorization, body)?)
}

fn send(
    address: &str,
    method: &str,
    path: &str,
    authorization: Option<&str>,
    body: Option<&str>,
) -> Result<http::Response<ureq::Body>, String> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{address}{path}"))
        .header("Content-Type", "application/json");
    if let Some(authorization) = authorization {
        request = request.header("Authorization", authorization);
    }
    let agent = agent();
    let answer = match body {
        Some(body) => agent.run(request.body(body).map_err(|error| error.to_string())?),
        None => agent.run(request.body(()).map_err(|error| error.to_string())?),
    };
    answer.map_err(|error| error.to_string())
}

/// The same, for an answer that may have no end: its status, and its lines if it is a stream of
/// them, at most so many; otherwise the whole body as one.
pub(crate) fn ask_for(
    address: &str,
    (method, path): (&str, &str),
    authorization: Option<&str>,
    body: Option<&str>,
    lines_max: usize,
) -> Result<(u16, Vec<String>), String> {
    let mut answer = send(address, method, path, authorization, body)?;
    let status = answer.status().as_u16();
    let kind = answer.headers().get("content-type").cloned();
    let reader = BufReader::new(answer.body_mut().as_reader().take(64 * 1024 * 1024));
    let lines_max = match kind {
        Some(kind) if kind == "application/x-ndjson" => lines_max,
        Some(_) => 1,
        None => 0,
    };
    let lines = reader.lines().take(lines_max).collect::<Result<_, _>>();
    Ok((status, lines.map_err(|error| error.to_string())?))
}

/// A client that keeps its connection.
#[derive(Debug)]
pub(crate) struct Lasting {
    agent: ureq::Agent,
    base: String,
}

impl Lasting {
    pub(crate) fn new(address: &str) -> Self {
        Self { agent: agent(), base: format!("http://{address}") }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        let answer = self.agent.get(format!("{}{path}", self.base)).call();
        read(answer.expect("an answer")).expect("a whole answer")
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.base));
        let answer = request.header("Content-Type", "application/json").send(body);
        read(answer.expect("an answer")).expect("a whole answer")
    }
}

/// GET `path` of the replica at `address`; an error is a lost connection, never a status.
pub(crate) fn get(address: &str, path: &str) -> Result<Answer, String> {
    ask(address, "GET", path, None, None)
}

/// Submits a job with a header `Idempotency-Key`.
pub(crate) fn submit_once(address: &str, key: &str, body: &str) -> Result<Answer, String> {
    let request = agent().post(format!("http://{address}/api/v0/jobs"));
    let request = request.header("Content-Type", "application/json");
    let answer = request.header("Idempotency-Key", key).send(body);
    read(answer.map_err(|error| error.to_string())?)
}

/// POST a body as `application/json` to `path`.
pub(crate) fn post(address: &str, path: &str, body: &str) -> Result<Answer, String> {
    ask(address, "POST", path, None, Some(body))
}

/// GET of a file: its content type and its bytes.
pub(crate) fn file(
    address: &str,
    path: &str,
    authorization: &str,
) -> Result<(String, Vec<u8>), String> {
    let mut answer = send(address, "GET", path, Some(authorization), None)?;
    let kind = answer.headers().get("content-type").cloned();
    let kind = kind.and_then(|kind| kind.to_str().map(str::to_owned).ok()).unwrap_or_default();
    let mut bytes = Vec::new();
    let reader = answer.body_mut().as_reader();
    reader.take(64 * 1024 * 1024).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok((kind, bytes))
}
