//! The listener, the tasks behind it, and their end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use stint_consensus::Replica;
use stint_tls::{Carrier, Door, Line, Listener, Server, Stream};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::either::Either;

use crate::api::{Api, stopped};
use crate::config::Config;
use crate::connections::turn_away;
use crate::error::Error;
use crate::outside::Outside;
use crate::{connection, grpc, http, limits};

/// The doors of one replica. Dropping it closes them at once; [`Self::shutdown`] lets requests end.
#[derive(Debug)]
pub struct Gateway {
    local_addr: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Gateway {
    /// Serves HTTP and gRPC on `door`, encrypted by `tls`, or in plain text without it. To be
    /// called within a Tokio runtime.
    pub fn start(
        door: impl Into<Door>,
        replica: Replica,
        config: Config,
        tls: Option<Server>,
    ) -> Result<Self, Error> {
        let listener = door.into().listen()?;
        let local_addr = listener.local_addr()?;
        let (stop, stopping) = watch::channel(false);
        let api = Arc::new(Api::new(replica, &config, stopping.clone()));
        let (services, health) = grpc::router(&api)?;
        let is_encrypted = tls.is_some();
        let routers = (http::router(&api), services);
        let outside = Outside::new(Arc::clone(&api), routers, config, is_encrypted);
        let outside = Arc::new(outside);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, tls, outside, stopping.clone()));
        tasks.spawn({
            let api = Arc::clone(&api);
            async move { health.run(&api, stopping).await }
        });
        tasks.spawn({
            let api = Arc::clone(&api);
            async move { api.run_metrics().await }
        });
        tasks.spawn(async move { api.run_hub().await });
        tracing::info!(address = %local_addr, is_encrypted, "serving clients");
        Ok(Self { local_addr, stop, tasks })
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Accepts no more connections, lets requests that are under way end for as long as
    /// [`Config::shutdown_grace`], ends those that follow, and returns when all is closed.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        while let Some(outcome) = self.tasks.join_next().await {
            if let Err(error) = outcome {
                tracing::error!(%error, "a task of the gateway panicked");
            }
        }
    }
}

/// Accepts connections until the gateway stops, and then waits for those that there are.
async fn accept(
    listener: Listener,
    tls: Option<Server>,
    outside: Arc<Outside>,
    mut stopping: watch::Receiver<bool>,
) {
    let config = outside.config().clone();
    let places = outside.connections();
    let mut connections = JoinSet::new();
    loop {
        let room = tokio::select! {
            () = stopped(&mut stopping) => break,
            room = places.room() => room,
        };
        let accepted = tokio::select! {
            () = stopped(&mut stopping) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match places.admit(room, peer.ip()) {
                Ok(place) => {
                    let opened = open(stream, peer, tls.clone(), config.handshake_timeout);
                    let serving = serve(opened, peer, Arc::clone(&outside), stopping.clone());
                    connections.spawn(async move {
                        serving.await;
                        drop(place);
                    });
                }
                Err(why) if tls.is_none() => {
                    if let Either::Left(stream) = stream {
                        turn_away(&stream, &why);
                    }
                }
                // A handshake for nothing is what it wants.
                Err(_) => {}
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(limits::ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    drain(connections, config.shutdown_grace).await;
}

/// Serves a connection once it is open.
async fn serve(
    opened: impl Future<Output = Option<Line>>,
    peer: SocketAddr,
    outside: Arc<Outside>,
    mut stopping: watch::Receiver<bool>,
) {
    let opened = tokio::select! {
        () = stopped(&mut stopping) => None,
        opened = opened => opened,
    };
    if let Some(stream) = opened {
        connection::serve(stream, peer, outside, stopping).await;
    }
}

/// Does the handshake, if there is one to do. It counts as a connection while it lasts.
async fn open(
    stream: Either<TcpStream, Box<dyn Carrier>>,
    peer: SocketAddr,
    tls: Option<Server>,
    timeout: Duration,
) -> Option<Line> {
    let stream = match stream {
        Either::Left(stream) => stream,
        Either::Right(carrier) => return Some(Line::Right(carrier)),
    };
    tune(&stream);
    let Some(tls) = tls else { return Some(Line::Left(Stream::Left(stream))) };
    let accepted = tls.accept(stream, timeout).await;
    // Anyone can cause it as often as he likes, so it is not for the usual log.
    accepted
        .inspect_err(|why| tracing::debug!(%peer, %why, "a connection was refused"))
        .ok()
        .map(Line::Left)
}

/// Small answers leave at once, and a peer that has vanished is noticed.
fn tune(stream: &TcpStream) {
    let keepalive =
        TcpKeepalive::new().with_time(limits::PING_INTERVAL).with_interval(limits::PING_ANSWER_MAX);
    let outcome =
        stream.set_nodelay(true).and_then(|()| SockRef::from(stream).set_tcp_keepalive(&keepalive));
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection could not be tuned");
    }
}

async fn drain(mut connections: JoinSet<()>, grace: Duration) {
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, all_ended).await.is_err() {
        tracing::warn!(count = connections.len(), "connections are cut off: their time is up");
        connections.shutdown().await;
    }
}
