//! One function per operation, knowing no protocol: HTTP and gRPC translate and call these.

mod access;
mod action_configs;
mod actions;
mod audit;
mod backup;
mod bulk;
mod crons;
mod diagnostics;
mod error;
mod events;
mod follow;
pub(crate) mod health;
mod idempotency;
mod jobs;
mod logs;
mod members;
#[cfg(feature = "next-level")]
mod notches;
mod queues;
pub(crate) mod reason;
mod selection;
mod settings;
mod statistics;
mod tokens;
mod warnings;
mod workers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stint_consensus::{ClusterStatus, Replica};
use tokio::sync::{Semaphore, watch};

pub(crate) use access::{Caller, Whence, WhoCalls};
pub(crate) use action_configs::ActionConfigForm;
pub(crate) use actions::ActionView;
pub(crate) use audit::{AuditQuery, result};
pub(crate) use backup::BackupReader;
pub(crate) use bulk::{BulkForm, BulkView};
pub(crate) use crons::{CronForm, CronView, PreviewQuery, missed_window};
pub(crate) use diagnostics::Diagnostics;
pub(crate) use error::ApiError;
pub(crate) use events::{Message, Place, Subject, Topics, WatchQuery, WatchReader};
pub(crate) use idempotency::IdempotencyKey;
pub(crate) use jobs::{JobView, JobsQuery, JobsReader, Submission, latest};
pub(crate) use logs::{LogQuery, LogReader, Page, source};
pub(crate) use members::Invited;
pub(crate) use selection::{Selection, place_behind};
pub(crate) use settings::SettingsForm;
pub(crate) use statistics::Statistics;
pub(crate) use tokens::TokenRequest;

use crate::clients::{Clients, Share, Shares, Taken, Turn, Turns};
use crate::config::Config;
use crate::connections::Connections;
use crate::inside::Inside;
use crate::limits;
use crate::metrics::Metrics;
use follow::Hub;

/// A cluster as one replica knows it.
pub(crate) struct ClusterView {
    pub(crate) status: ClusterStatus,
    /// What is to be said of the cluster, in words.
    pub(crate) warnings: Vec<String>,
}

/// All that can be asked of this replica.
pub(crate) struct Api {
    replica: Replica,
    pub(crate) metrics: Metrics,
    /// Whether callers need no token while the cluster has none.
    is_open: bool,
    /// Whether this replica is about to stop.
    is_leaving: AtomicBool,
    /// What this process knows of itself.
    inside: Arc<Inside>,
    hub: Arc<Hub>,
    followers: Arc<Shares>,
    clients: Arc<Clients>,
    calls: Arc<Turns>,
    pages: Arc<Turns>,
    beginnings: Arc<Turns>,
    backups: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

impl Api {
    /// The operations on `replica`, until `stopping` becomes true.
    pub(crate) fn new(replica: Replica, config: &Config, stopping: watch::Receiver<bool>) -> Self {
        let hub = Arc::new(Hub::default());
        let followers_each = config.followers_max / limits::FOLLOWERS_PER_ONE_OF_A_CLIENT;
        let followers = Arc::new(Shares::new(config.followers_max, followers_each));
        let clients = Arc::new(Clients::new(config));
        let calls = Arc::new(Turns::new(config.calls_at_once));
        let pages = Arc::new(Turns::leaving_one(config.pages_at_once));
        let beginnings = Arc::new(Turns::leaving_one(config.pages_at_once));
        let backups = Arc::new(Semaphore::new(limits::BACKUPS_MAX));
        let metrics = Metrics::new(replica.clone(), Arc::new(Connections::new(config)));
        let is_open = config.is_open;
        let inside = Arc::clone(&config.inside);
        let is_leaving = AtomicBool::new(false);
        Self {
            replica,
            metrics,
            is_open,
            is_leaving,
            inside,
            hub,
            followers,
            clients,
            calls,
            pages,
            beginnings,
            backups,
            stopping,
        }
    }

    /// Tells followers what happens to their jobs, until the gateway stops. Runs once.
    pub(crate) async fn run_hub(&self) {
        self.hub.run(&self.replica, self.stopping.clone()).await;
    }

    /// Counts what happens in the log, until the gateway stops. Runs once.
    pub(crate) async fn run_metrics(&self) {
        self.metrics.run(self.stopping.clone()).await;
    }

    /// What each client may ask.
    pub(crate) fn clients(&self) -> Arc<Clients> {
        Arc::clone(&self.clients)
    }

    /// A place among those who read for as long as something happens.
    fn place(&self, caller: &Caller) -> Result<Share, ApiError> {
        let client = caller.client();
        self.clients.begin_to_follow(&client, tokio::time::Instant::now())?;
        self.followers.take(client.clone()).map_err(|taken| {
            let message = match taken {
                Taken::All => "too many requests follow jobs or watch the log".to_owned(),
                Taken::Own(each) => format!(
                    "{client}: {each} requests follow jobs or watch the log on this replica, which \
                     is all that one client may have"
                ),
            };
            ApiError::TooManyRequests(format!("{message}; try another replica"))
        })
    }

    /// The caller's turn to change something, or to read one record.
    async fn turn_to_call(&self, caller: &Caller) -> Result<Turn, stint_consensus::Error> {
        turn(&self.calls, caller).await
    }

    /// The caller's turn to make a page, or to read a large body.
    pub(crate) async fn turn_to_page(
        &self,
        caller: &Caller,
    ) -> Result<Turn, stint_consensus::Error> {
        turn(&self.pages, caller).await
    }

    /// The caller's turn to begin to watch: what comes first is as much work as a page.
    async fn turn_to_begin(&self, caller: &Caller) -> Result<Turn, stint_consensus::Error> {
        turn(&self.beginnings, caller).await
    }

    /// What this replica knows of its cluster, leader or not.
    pub(crate) fn cluster_status(&self) -> ClusterView {
        let status = self.replica.status();
        let warnings = self.replica.with_state(|state| warnings::of(&status, state));
        ClusterView { status, warnings }
    }

    /// Returns once this replica is as current as any was when it was called.
    async fn barrier(&self) -> Result<(), ApiError> {
        self.replica.barrier().await.map_err(ApiError::of_read)
    }

    /// From now on this replica is not ready.
    pub(crate) fn leave(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
    }

    /// Becomes true when the gateway stops.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.clone()
    }

    /// Returns if this replica is as current as any, and says what is missing otherwise.
    pub(crate) async fn readiness(&self) -> Result<(), String> {
        if self.is_leaving.load(Ordering::Relaxed) || *self.stopping.borrow() {
            return Err("this replica is shutting down".to_owned());
        }
        if let Some(no_leader) = health::no_leader(&self.replica.status()) {
            return Err(no_leader);
        }
        let barrier = tokio::time::timeout(limits::READY_TIMEOUT, self.barrier());
        if let Ok(outcome) = barrier.await {
            return outcome.map_err(|error| error.to_string());
        }
        let waited = limits::READY_TIMEOUT.as_secs();
        Err(format!("this replica did not catch up with its leader within {waited} s"))
    }
}

/// The caller's turn, if it comes in time.
async fn turn(turns: &Arc<Turns>, caller: &Caller) -> Result<Turn, stint_consensus::Error> {
    let client = caller.client();
    let turn = tokio::time::timeout(limits::TURN_WAIT_MAX, turns.take(&client)).await;
    turn.map_err(|_| {
        let waited = limits::TURN_WAIT_MAX.as_secs();
        stint_consensus::Error::Unavailable(format!(
            "{client}: this replica has more to do than it can, and it was not this request's turn \
             within {waited} s; try again, or ask another replica"
        ))
    })
}

/// Returns once the flag is true, or nobody is left who could make it so.
pub(crate) async fn stopped(flag: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone, and then there is nobody to wait for.
    let _gone = flag.wait_for(|is_stopping| *is_stopping).await.is_err();
}
