//! Literal bytes over a socket, and an answer read as far as it comes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Longer than any answer to a whole request takes; slow requests get 408 only after 30 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer of HTTP/1.1.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn error_code(&self) -> Option<String> {
        let json: Value = serde_json::from_str(&self.body).ok()?;
        json.pointer("/errors/0/code").and_then(Value::as_str).map(str::to_owned)
    }
}

pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream.set_write_timeout(Some(PATIENCE)).expect("a limit");
    stream
}

/// Sends the bytes and reads one answer. A server that refuses early may close before it has read
/// all: what counts is the answer.
pub(crate) fn exchange(address: &str, bytes: &[u8]) -> Result<Answer, String> {
    let mut stream = connect(address);
    let sent = stream.write_all(bytes);
    let mut answer = Vec::new();
    let mut piece = [0; 8192];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => answer.extend(piece.iter().take(count)),
            // A reset after the answer: the rest of the request was not wanted.
            Err(_) if !answer.is_empty() => break,
            Err(error) => return Err(format!("no answer: {error} (sent: {sent:?})")),
        }
    }
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or(format!("half an answer: {text:?}"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or(format!("no status: {head:?}"))?;
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if is_chunked { unchunked(body) } else { body.to_owned() };
    Ok(Answer { status, body })
}

/// Sends the bytes and reads the head of one answer, whose body may have no end.
pub(crate) fn head(address: &str, bytes: &[u8]) -> Result<String, String> {
    let mut stream = connect(address);
    let sent = stream.write_all(bytes);
    let (mut answer, mut piece) = (Vec::new(), [0; 8192]);
    loop {
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            return Ok(head.to_owned());
        }
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => answer.extend(piece.iter().take(count)),
            other => return Err(format!("half an answer: {text:?}, {other:?} (sent: {sent:?})")),
        }
    }
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let Some(chunk) = rest.get(..size).filter(|_| size > 0) else { break };
        whole.push_str(chunk);
        body = rest.get(size + 2..).unwrap_or_default();
    }
    whole
}
