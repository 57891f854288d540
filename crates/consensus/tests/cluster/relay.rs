//! The way from one replica to another, which can be cut like a cable.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Passes bytes on, both ways, for the connections that one replica makes to another. While it is
/// cut, bytes are held back and nothing is closed, as when packets are lost; they arrive late.
pub(crate) struct Relay {
    pub(crate) address: String,
    way: Way,
    _serving: JoinSet<()>,
}

/// What all connections of a relay share.
#[derive(Clone)]
struct Way {
    target: SocketAddr,
    is_open: Arc<watch::Sender<bool>>,
    /// Counts how often all connections were broken.
    breaks: Arc<watch::Sender<u64>>,
    /// Bytes that went there.
    passed: Arc<AtomicU64>,
}

impl Relay {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let way = Way {
            target,
            is_open: Arc::new(watch::Sender::new(true)),
            breaks: Arc::new(watch::Sender::new(0)),
            passed: Arc::default(),
        };
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, way.clone()));
        Self { address, way, _serving: serving }
    }

    pub(crate) fn cut(&self) {
        self.way.is_open.send_replace(false);
    }

    pub(crate) fn heal(&self) {
        self.way.is_open.send_replace(true);
    }

    /// Closes the connections that there are.
    pub(crate) fn sever(&self) {
        self.way.breaks.send_modify(|breaks| *breaks += 1);
    }

    /// The bytes that went there so far.
    pub(crate) fn passed(&self) -> u64 {
        self.way.passed.load(Ordering::Relaxed)
    }
}

async fn serve(listener: TcpListener, way: Way) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((near, _)) = accepted else { return };
                connections.spawn(connect(near, way.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connect(near: TcpStream, way: Way) {
    let (mut is_open, mut breaks) = (way.is_open.subscribe(), way.breaks.subscribe());
    if is_open.wait_for(|is_open| *is_open).await.is_err() {
        return;
    }
    let Ok(far) = TcpStream::connect(way.target).await else { return };
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let there = pass(near_in, far_out, is_open.clone(), &way.passed);
    let nowhere = AtomicU64::new(0);
    let back = pass(far_in, near_out, is_open, &nowhere);
    tokio::select! {
        _ = async { tokio::join!(there, back) } => {}
        _ = breaks.changed() => {}
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut is_open: watch::Receiver<bool>,
    passed: &AtomicU64,
) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut bytes).await.unwrap_or(0);
        if count == 0 || is_open.wait_for(|is_open| *is_open).await.is_err() {
            return;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
        passed.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
