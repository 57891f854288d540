//! The configuration of a replica that runs, read again on SIGHUP.
//!
//! What its worker offers and how much it takes on can change; all else is said to need a restart.
//! A configuration that is wrong changes nothing, and is told until one that is right is read.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use stint_consensus::Replica;
use stint_failpoint::failpoint;
use stint_gateway::Inside;
use stint_worker::Reloader;
use tokio::signal::unix::Signal;

use crate::config::{self, Config, Layers};

/// What the warning of a replica is about.
const TOPIC: &str = "configuration";

/// What a replica runs by, and where that is from.
pub(crate) struct Reload {
    layers: Layers,
    /// The values of the keys that it cannot take up without a restart, as it was started.
    fixed: BTreeMap<&'static str, String>,
    /// Nothing where it runs no jobs.
    worker: Option<Reloader>,
    replica: Replica,
    /// Where it is kept for whoever asks.
    inside: Arc<Inside>,
}

impl Reload {
    pub(crate) fn new(
        layers: Layers,
        fixed: BTreeMap<&'static str, String>,
        worker: Option<Reloader>,
        replica: Replica,
        inside: Arc<Inside>,
    ) -> Self {
        Self { layers, fixed, worker, replica, inside }
    }

    /// Reads the configuration again whenever a signal asks for it.
    pub(crate) async fn on(mut self, mut hang_ups: Signal) -> Infallible {
        loop {
            if hang_ups.recv().await.is_none() {
                // There are no signals any more.
                std::future::pending::<()>().await;
            }
            // It may be on a slow disk.
            let reading = tokio::task::spawn_blocking(move || {
                let read = self.read();
                (self, read)
            });
            let read;
            (self, read) = match reading.await {
                Ok(read) => read,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                // The runtime is going down.
                Err(_) => std::future::pending().await,
            };
            match read {
                Ok(()) => self.replica.notice(TOPIC, Vec::new()),
                Err(why) => {
                    tracing::error!(%why, "SIGHUP: the configuration is wrong, and nothing changes");
                    let warning = format!("the configuration is wrong, and is not used: {why}");
                    self.replica.notice(TOPIC, vec![warning]);
                }
            }
        }
    }

    fn read(&self) -> Result<(), String> {
        failpoint!("stint::reload::read").map_err(|why| why.to_string())?;
        let config = Config::load(&self.layers).map_err(|error| error.to_string())?;
        let fixed = config::fixed(&self.layers).map_err(|error| error.to_string())?;
        let told = config::told(&self.layers).map_err(|error| error.to_string())?;
        for (key, is) in &self.fixed {
            let would_be = fixed.get(key).map_or("", String::as_str);
            if is != would_be {
                tracing::warn!(key, is, would_be, "SIGHUP: this key needs a restart to change");
            }
        }
        if let (Some(worker), Some(config)) = (&self.worker, config.worker) {
            let actions = config.actions.len();
            worker.reload(config).map_err(|error| error.to_string())?;
            tracing::info!(actions, "SIGHUP: the worker goes on by the configuration as it is now");
        }
        self.inside.configured(told);
        Ok(())
    }
}
