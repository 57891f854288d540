//! The certificates of a replica, while it runs: read at its start, and again when they change.

use std::convert::Infallible;

use anyhow::Context as _;
use stint_tls::{PeerName, Peers, Server};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::Config;
use crate::limits::CERTIFICATES_LOOK;

/// What encrypts the connections of a replica; plain text where there is nothing.
#[derive(Debug, Clone)]
pub(crate) struct Certificates {
    pub(crate) clients: Option<Server>,
    pub(crate) peers: Option<Peers>,
}

impl Certificates {
    /// Reads all files that the configuration names.
    pub(crate) fn load(config: &Config) -> Result<Self, stint_tls::Error> {
        let me = PeerName { replica: config.id.get(), cluster: config.cluster };
        Ok(Self {
            clients: config.tls.clients.clone().map(Server::load).transpose()?,
            peers: config.tls.peers.clone().map(|files| Peers::load(me, files)).transpose()?,
        })
    }

    fn reload(&self, is_asked: bool) {
        if let Some(clients) = &self.clients {
            clients.reload(is_asked);
        }
        if let Some(peers) = &self.peers {
            peers.reload(is_asked);
        }
    }
}

/// Listens to SIGHUP, which says that files have changed, and does not end a replica.
pub(crate) fn hang_ups() -> anyhow::Result<Signal> {
    signal(SignalKind::hangup()).context("SIGHUP cannot be handled")
}

/// Looks at the files every so often, and when a signal asks for it.
pub(crate) async fn keep_fresh(certificates: Certificates, mut hang_ups: Signal) -> Infallible {
    let mut looks = tokio::time::interval(CERTIFICATES_LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let is_asked = tokio::select! {
            _ = looks.tick() => false,
            _ = hang_ups.recv() => {
                tracing::info!("SIGHUP: certificates are read again");
                true
            }
        };
        let certificates = certificates.clone();
        let reload = tokio::task::spawn_blocking(move || certificates.reload(is_asked));
        if let Err(error) = reload.await {
            tracing::error!(%error, "certificates could not be looked at");
        }
    }
}
