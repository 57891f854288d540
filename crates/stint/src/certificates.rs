//! The certificates of a replica, while it runs: read at its start, and again when they change.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use anyhow::Context as _;
use stint_consensus::Replica;
use stint_failpoint::failpoint;
use stint_tls::{Notice, PeerName, Peers, Server, Urgency};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::Config;
use crate::limits::{CERTIFICATES_LOOK, CERTIFICATES_TOLD};

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

    /// Which of them end soon, or have ended.
    fn notices(&self) -> Vec<Notice> {
        let now = SystemTime::now();
        let of_clients = self.clients.iter().flat_map(|clients| clients.notices(now));
        of_clients.chain(self.peers.iter().flat_map(|peers| peers.notices(now))).collect()
    }

    fn reload(&self, is_asked: bool) {
        if let Err(why) = failpoint!("stint::certificates::reload") {
            return tracing::error!(%why, "certificates could not be read");
        }
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

/// What was told last of certificates that end.
#[derive(Default)]
struct Told {
    at: Option<Instant>,
    of: Vec<(PathBuf, Urgency)>,
}

impl Told {
    /// Logs what there is, if it is new, or a day old.
    fn tell(&mut self, notices: &[Notice]) {
        let of: Vec<_> =
            notices.iter().map(|notice| (notice.file.clone(), notice.urgency)).collect();
        let is_old = self.at.is_none_or(|at| at.elapsed() >= CERTIFICATES_TOLD);
        if of == self.of && !is_old {
            return;
        }
        for Notice { urgency, text, .. } in notices {
            match urgency {
                Urgency::Soon => tracing::warn!("{text}"),
                Urgency::VerySoon | Urgency::Expired => tracing::error!("{text}"),
            }
        }
        *self = Self { at: Some(Instant::now()), of };
    }
}

/// Looks at the files every so often, and when a signal asks for it; says which certificates end.
pub(crate) async fn keep_fresh(
    certificates: Certificates,
    replica: Replica,
    mut hang_ups: Signal,
) -> Infallible {
    let mut told = Told::default();
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
        let reloading = certificates.clone();
        let reload = tokio::task::spawn_blocking(move || reloading.reload(is_asked));
        if let Err(error) = reload.await {
            tracing::error!(%error, "certificates could not be looked at");
        }
        let notices = certificates.notices();
        told.tell(&notices);
        replica.notice("certificates", notices.into_iter().map(|notice| notice.text).collect());
    }
}
