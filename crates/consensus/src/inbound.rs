//! Connections of peers, from the listener to the peer service: who has called is settled first.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use stint_tls::{Carrier, Line, Listener, Refused, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::either::Either;
use tonic::Request;
use tonic::transport::server::Connected;

use crate::limits::{
    ACCEPT_PAUSE, HANDSHAKE_TIMEOUT, HANDSHAKES_MAX, REASONS_MAX, REFUSAL_LOG_INTERVAL,
};

/// A connection of a peer.
pub(crate) struct Inbound {
    stream: Line,
    sender: Sender,
}

/// The replica at the other end, as its certificate names it; `None` in plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sender(pub(crate) Option<u64>);

impl Sender {
    /// Who has sent this request.
    pub(crate) fn of<T>(request: &Request<T>) -> Self {
        request.extensions().get().copied().unwrap_or(Self(None))
    }
}

/// What is told of refused connections: whoever reaches the port can cause any number of them.
#[derive(Default)]
struct Refusals(BTreeMap<String, Told>);

/// A reason that has been told.
struct Told {
    at: Instant,
    /// How often it has come since.
    untold: u64,
}

impl Refusals {
    /// Tells each reason now and then.
    fn note(&mut self, peer: SocketAddr, why: &Refused) {
        if matches!(why, Refused::Closed) {
            return tracing::debug!(%peer, %why, "a connection was not used");
        }
        let why = why.to_string();
        let untold = match self.0.get_mut(&why) {
            Some(told) if told.at.elapsed() < REFUSAL_LOG_INTERVAL => return told.untold += 1,
            Some(told) => told.untold,
            None => 0,
        };
        self.0.retain(|_, told| told.at.elapsed() < REFUSAL_LOG_INTERVAL);
        if self.0.len() < REASONS_MAX {
            tracing::warn!(%peer, why, untold, "a connection to the peer address was refused");
            self.0.insert(why, Told { at: Instant::now(), untold: 0 });
        }
    }
}

/// Accepts connections, and gives on those whose handshake has succeeded. Ends when nobody takes
/// them any more.
pub(crate) async fn accept(
    listener: Listener,
    tls: Option<stint_tls::Peers>,
    opened: mpsc::Sender<io::Result<Inbound>>,
) {
    let mut handshakes = JoinSet::new();
    let mut refusals = Refusals::default();
    loop {
        tokio::select! {
            () = opened.closed() => return,
            accepted = listener.accept(), if handshakes.len() < HANDSHAKES_MAX => match accepted {
                Ok((stream, peer)) => {
                    handshakes.spawn(open(stream, peer, tls.clone(), opened.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection of a peer could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(outcome) = handshakes.join_next() => {
                if let Ok(Err((peer, why))) = outcome {
                    refusals.note(peer, &why);
                }
            }
        }
    }
}

async fn open(
    stream: Either<TcpStream, Box<dyn Carrier>>,
    peer: SocketAddr,
    tls: Option<stint_tls::Peers>,
    opened: mpsc::Sender<io::Result<Inbound>>,
) -> Result<(), (SocketAddr, Refused)> {
    let inbound = match (stream, tls) {
        (Either::Left(stream), tls) => {
            stream.set_nodelay(true).map_err(|error| (peer, Refused::Handshake(error)))?;
            match tls {
                Some(tls) => {
                    let accepted = tls.accept(stream, HANDSHAKE_TIMEOUT).await;
                    let (stream, name) = accepted.map_err(|why| (peer, why))?;
                    Inbound { stream: Line::Left(stream), sender: Sender(Some(name.replica)) }
                }
                None => Inbound { stream: Line::Left(Stream::Left(stream)), sender: Sender(None) },
            }
        }
        (Either::Right(carrier), _) => {
            Inbound { stream: Line::Right(carrier), sender: Sender(None) }
        }
    };
    // Nobody takes it if the replica has just been stopped.
    drop(opened.send(Ok(inbound)).await);
    Ok(())
}

impl Connected for Inbound {
    type ConnectInfo = Sender;

    fn connect_info(&self) -> Sender {
        self.sender
    }
}

impl AsyncRead for Inbound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Inbound {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
