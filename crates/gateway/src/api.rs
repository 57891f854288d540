//! One function per operation, knowing no protocol: HTTP and gRPC translate and call these.

mod access;
mod action_configs;
mod actions;
mod audit;
mod backup;
mod crons;
mod error;
mod events;
mod follow;
pub(crate) mod health;
mod idempotency;
mod jobs;
mod logs;
pub(crate) mod reason;
mod settings;
mod tokens;
mod workers;

use std::sync::Arc;

use stint_consensus::{ClusterStatus, Replica};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

pub(crate) use access::{Caller, Whence};
pub(crate) use action_configs::ActionConfigForm;
pub(crate) use actions::ActionView;
pub(crate) use audit::{AuditQuery, result};
pub(crate) use backup::BackupReader;
pub(crate) use crons::{CronForm, CronView, PreviewQuery, missed_window};
pub(crate) use error::ApiError;
pub(crate) use events::{Message, Place, Subject, Topics, WatchQuery, WatchReader};
pub(crate) use idempotency::IdempotencyKey;
pub(crate) use jobs::{JobView, JobsQuery, JobsReader, Submission, latest};
pub(crate) use logs::{LogQuery, LogReader, Page, source};
pub(crate) use settings::SettingsForm;
pub(crate) use tokens::TokenRequest;

use crate::config::Config;
use crate::limits;
use crate::metrics::Metrics;
use follow::Hub;

/// All that can be asked of this replica.
pub(crate) struct Api {
    replica: Replica,
    pub(crate) metrics: Metrics,
    /// Whether callers need no token while the cluster has none.
    is_open: bool,
    hub: Arc<Hub>,
    followers: Arc<Semaphore>,
    backups: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

impl Api {
    /// The operations on `replica`, until `stopping` becomes true.
    pub(crate) fn new(replica: Replica, config: &Config, stopping: watch::Receiver<bool>) -> Self {
        let hub = Arc::new(Hub::default());
        let followers = Arc::new(Semaphore::new(config.followers_max));
        let backups = Arc::new(Semaphore::new(limits::BACKUPS_MAX));
        let metrics = Metrics::new(replica.clone());
        Self { replica, metrics, is_open: config.is_open, hub, followers, backups, stopping }
    }

    /// Tells followers what happens to their jobs, until the gateway stops. Runs once.
    pub(crate) async fn run_hub(&self) {
        self.hub.run(&self.replica, self.stopping.clone()).await;
    }

    /// Counts what happens in the log, until the gateway stops. Runs once.
    pub(crate) async fn run_metrics(&self) {
        self.metrics.run(self.stopping.clone()).await;
    }

    /// A place among those who read for as long as something happens.
    fn place(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        Arc::clone(&self.followers).try_acquire_owned().map_err(|_| {
            let message = "too many requests follow jobs or watch the log; try another replica";
            ApiError::TooManyRequests(message.to_owned())
        })
    }

    /// What this replica knows of its cluster, leader or not.
    pub(crate) fn cluster_status(&self) -> ClusterStatus {
        self.replica.status()
    }

    /// Whether a leader is known, as far as this replica has heard.
    pub(crate) fn has_leader(&self) -> bool {
        self.replica.status().leader.is_some()
    }

    /// Returns once this replica is as current as any was when it was called.
    async fn barrier(&self) -> Result<(), ApiError> {
        self.replica.barrier().await.map_err(ApiError::of_read)
    }

    /// Returns if this replica is as current as any, and says what is missing otherwise.
    pub(crate) async fn readiness(&self) -> Result<(), String> {
        if *self.stopping.borrow() {
            return Err("this replica is shutting down".to_owned());
        }
        if !self.has_leader() {
            return Err("no leader is known".to_owned());
        }
        let barrier = tokio::time::timeout(limits::READY_TIMEOUT, self.barrier());
        if let Ok(outcome) = barrier.await {
            return outcome.map_err(|error| error.to_string());
        }
        let waited = limits::READY_TIMEOUT.as_secs();
        Err(format!("this replica did not catch up with its leader within {waited} s"))
    }
}

/// Returns once the flag is true, or nobody is left who could make it so.
pub(crate) async fn stopped(flag: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone, and then there is nobody to wait for.
    let _gone = flag.wait_for(|is_stopping| *is_stopping).await.is_err();
}
