//! The answer to whoever speaks plain text to a port that speaks TLS: in his own language, so that
//! he does not have to guess from a connection that just ends.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::limits;

/// The type of the record that begins a handshake: no text begins with it.
pub(crate) const HANDSHAKE_RECORD: u8 = 0x16;

/// What is said, in whatever way.
const MESSAGE: &str = "this port speaks TLS only: use https:// instead of http://";

/// The frame of empty settings, with which a server of HTTP/2 begins (RFC 9113, 3.4 and 6.5).
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

/// The type of the frame that says goodbye (6.8), and the reason `INADEQUATE_SECURITY` (7).
const GOAWAY: u8 = 7;
const INADEQUATE_SECURITY: u8 = 12;

/// What HTTP/1.1 is answered: an error in the shape of the API.
fn http1() -> Vec<u8> {
    let body =
        format!(r#"{{"errors":[{{"code":"TLS_REQUIRED","message":"{MESSAGE}","detail":null}}]}}"#);
    let length = body.len();
    let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json; charset=utf-8\r\n";
    format!("{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}").into_bytes()
}

/// What HTTP/2 is answered.
fn http2() -> Vec<u8> {
    let length = u8::try_from(8 + MESSAGE.len()).expect("the message is a line");
    let mut bytes = SETTINGS.to_vec();
    bytes.extend([0, 0, length, GOAWAY, 0, 0, 0, 0, 0]);
    // No stream was looked at.
    bytes.extend([0, 0, 0, 0, 0, 0, 0, INADEQUATE_SECURITY]);
    bytes.extend(MESSAGE.as_bytes());
    bytes
}

/// Says that TLS is spoken here, and ends the connection.
pub(crate) async fn refuse(mut stream: TcpStream, first: u8) {
    let answer = match first {
        // Of all methods only the preface of HTTP/2, `PRI`, and rare ones that we do not serve
        // have this first letter, but POST, PUT and PATCH.
        b'P' if is_http2(&stream).await => http2(),
        b'A'..=b'Z' => http1(),
        _ => Vec::new(),
    };
    let say = async {
        stream.write_all(&answer).await?;
        stream.shutdown().await?;
        let (mut buffer, mut drained) = ([0; 1_024], 0);
        while drained < limits::PLAIN_TEXT_DRAINED_BYTES_MAX {
            match stream.read(&mut buffer).await? {
                0 => break,
                count => drained += count,
            }
        }
        std::io::Result::Ok(())
    };
    // Whether he hears it is his affair.
    drop(tokio::time::timeout(limits::PLAIN_TEXT_DRAIN_MAX, say).await);
}

async fn is_http2(stream: &TcpStream) -> bool {
    let mut start = [0; 3];
    // The three bytes are sent together; if they are not, HTTP/1.1 is as good an answer.
    stream.peek(&mut start).await.is_ok_and(|_| &start == b"PRI")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_answered_by_an_error_in_the_shape_of_the_api() {
        let answer = String::from_utf8(http1()).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        let expected = concat!(
            r#"{"errors":[{"code":"TLS_REQUIRED","message":"this port speaks TLS only: "#,
            r#"use https:// instead of http://","detail":null}]}"#
        );
        assert_eq!(body, expected);
    }
}
