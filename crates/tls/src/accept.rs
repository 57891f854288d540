//! The beginning of a connection that came in.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::plain_text::{self, HANDSHAKE_RECORD};
use crate::words::explained;

/// Why a connection was not accepted.
#[derive(Debug, Error)]
pub enum Refused {
    /// It ended before it said anything, as those of probes do.
    #[error("it was closed before a handshake")]
    Closed,
    /// It does not speak TLS. It has been told.
    #[error("plain text came where TLS is spoken; the other side has to use TLS (https://)")]
    PlainText,
    /// The handshake took too long.
    #[error("the handshake was not over after {0:?}")]
    TooSlow(Duration),
    /// The handshake failed.
    #[error("{0}")]
    Handshake(std::io::Error),
}

pub(crate) async fn accept(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    timeout: Duration,
) -> Result<TlsStream<TcpStream>, Refused> {
    let handshake = async {
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(0) => return Err(Refused::Closed),
            Ok(_) => {}
            Err(error) => return Err(Refused::Handshake(error)),
        }
        let [first] = first;
        if first != HANDSHAKE_RECORD {
            plain_text::refuse(stream, first).await;
            return Err(Refused::PlainText);
        }
        let accepted = TlsAcceptor::from(config).accept(stream).await;
        accepted.map_err(|error| Refused::Handshake(explained(error)))
    };
    match tokio::time::timeout(timeout, handshake).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Refused::TooSlow(timeout)),
    }
}
