//! The listener, the tasks behind it, and their end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use stint_consensus::Replica;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::api::{Api, stopped};
use crate::config::Config;
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
    /// Serves HTTP and gRPC on `listener`. To be called within a Tokio runtime.
    pub fn start(
        listener: std::net::TcpListener,
        replica: Replica,
        config: Config,
    ) -> Result<Self, Error> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let local_addr = listener.local_addr()?;
        let (stop, stopping) = watch::channel(false);
        let api = Arc::new(Api::new(replica, &config, stopping.clone()));
        let (services, health) = grpc::router(&api)?;
        let outside =
            Arc::new(Outside::new(Arc::clone(&api), http::router(&api), services, config));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, outside, stopping.clone()));
        tasks.spawn({
            let api = Arc::clone(&api);
            async move { health.run(&api, stopping).await }
        });
        tasks.spawn(async move { api.run_hub().await });
        tracing::info!(address = %local_addr, "serving clients");
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
async fn accept(listener: TcpListener, outside: Arc<Outside>, mut stopping: watch::Receiver<bool>) {
    let config = *outside.config();
    let places = Arc::new(Semaphore::new(config.connections_max));
    let mut connections = JoinSet::new();
    loop {
        let place = tokio::select! {
            () = stopped(&mut stopping) => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let place = place.expect("nobody closes the semaphore");
        let accepted = tokio::select! {
            () = stopped(&mut stopping) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                tune(&stream);
                let serving =
                    connection::serve(stream, peer, Arc::clone(&outside), stopping.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
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
