//! A connection that lasts for as long as the authorities do under which it was made.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// An encrypted connection. It breaks when what it was trusted by is not trusted any more.
pub struct Encrypted {
    stream: TlsStream<TcpStream>,
    distrust: Option<Distrust>,
}

/// Wakes whoever reads when it is over.
struct Distrust {
    token: CancellationToken,
    wait: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Encrypted {
    /// A connection whose other side has shown no certificate: there is nothing to distrust.
    pub(crate) fn lasting(stream: impl Into<TlsStream<TcpStream>>) -> Self {
        Self { stream: stream.into(), distrust: None }
    }

    /// A connection that lasts until `token` is canceled.
    pub(crate) fn until(stream: impl Into<TlsStream<TcpStream>>, token: CancellationToken) -> Self {
        let wait = Box::pin(token.clone().cancelled_owned());
        Self { stream: stream.into(), distrust: Some(Distrust { token, wait }) }
    }

    fn broken() -> io::Error {
        io::Error::new(
            io::ErrorKind::ConnectionAborted,
            "the authorities under which the connection was made are not those of now",
        )
    }

    fn check(&self) -> io::Result<()> {
        match &self.distrust {
            Some(distrust) if distrust.token.is_cancelled() => Err(Self::broken()),
            Some(_) | None => Ok(()),
        }
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Somebody always reads: that is who hears of it on a connection where nothing happens.
        if let Some(distrust) = &mut self.distrust
            && distrust.wait.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(Self::broken()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
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
