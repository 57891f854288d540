//! Where connections come in, and what carries them: TCP, or what a simulation has in its place.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::either::Either;

use crate::Stream;

/// What bytes travel on where it is not TCP.
pub trait Carrier: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Carrier for T {}

/// A connection that has been accepted or made, encrypted or not, of whatever network.
pub type Line = Either<Stream, Box<dyn Carrier>>;

type Opening<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// A network that is not the machine's. Nothing on it is encrypted.
pub trait Network: Debug + Send + Sync {
    /// Where this door is.
    fn local_addr(&self) -> SocketAddr;

    /// The next connection to this door.
    fn accept(&self) -> Opening<'_, (Box<dyn Carrier>, SocketAddr)>;

    /// A new connection to `address`, as `host:port`.
    fn connect<'a>(&'a self, address: &'a str) -> Opening<'a, Box<dyn Carrier>>;
}

/// Where connections come in: bound, and not listened to yet.
#[derive(Debug)]
pub enum Door {
    /// The machine's own network.
    Tcp(std::net::TcpListener),
    /// One that a test has made.
    Simulated(Arc<dyn Network>),
}

impl From<std::net::TcpListener> for Door {
    fn from(listener: std::net::TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

/// A door that is listened to.
#[derive(Debug)]
pub enum Listener {
    /// The machine's own network.
    Tcp(TcpListener),
    /// One that a test has made.
    Simulated(Arc<dyn Network>),
}

impl Door {
    /// Begins to listen. Needs a runtime around it.
    pub fn listen(self) -> io::Result<Listener> {
        Ok(match self {
            Self::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                Listener::Tcp(TcpListener::from_std(listener)?)
            }
            Self::Simulated(network) => Listener::Simulated(network),
        })
    }

    /// The network of it, unless that is the machine's.
    pub fn network(&self) -> Option<Arc<dyn Network>> {
        match self {
            Self::Tcp(_) => None,
            Self::Simulated(network) => Some(Arc::clone(network)),
        }
    }
}

impl Listener {
    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr(),
            Self::Simulated(network) => Ok(network.local_addr()),
        }
    }

    /// The next connection. Nothing is lost if this is dropped.
    pub async fn accept(&self) -> io::Result<(Either<TcpStream, Box<dyn Carrier>>, SocketAddr)> {
        match self {
            Self::Tcp(listener) => {
                listener.accept().await.map(|(stream, peer)| (Either::Left(stream), peer))
            }
            Self::Simulated(network) => {
                network.accept().await.map(|(carrier, peer)| (Either::Right(carrier), peer))
            }
        }
    }
}
