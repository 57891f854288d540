//! What this replica counts, and how it shows that: the page that Prometheus reads.
//!
//! Counters add up over the replicas: what happens in the log is counted by one of them, the run of
//! a job by the replica whose worker has it, all else by the leader. Gauges of the cluster's state
//! are the same on all replicas. Every set of labels is bounded.

mod jobs;
mod page;
mod process;
mod requests;
mod scrape;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stint_consensus::{Error, Replica};
use tokio::sync::watch;

use crate::api::stopped;
use crate::connections::Connections;
pub(crate) use page::CONTENT_TYPE;
pub(crate) use requests::{Code, Route};

use jobs::Jobs;
use requests::Requests;

/// The numbers of one replica.
pub(crate) struct Metrics {
    replica: Replica,
    pub(crate) requests: Requests,
    pub(crate) connections: Arc<Connections>,
    /// Only who follows the log and who reads the page take it.
    jobs: Mutex<Jobs>,
}

impl Metrics {
    pub(crate) fn new(replica: Replica, connections: Arc<Connections>) -> Self {
        Self { replica, requests: Requests::default(), connections, jobs: Mutex::default() }
    }

    /// Counts what happens in the log, until the gateway stops. Runs once.
    pub(crate) async fn run(&self, mut stopping: watch::Receiver<bool>) {
        let me = self.replica.id();
        let mut events = self.replica.subscribe();
        loop {
            let happening = tokio::select! {
                () = stopped(&mut stopping) => return,
                happening = events.next() => happening,
            };
            match happening {
                Ok(Some(happening)) => {
                    let leads = self.replica.is_leader();
                    let mut jobs = self.jobs();
                    happening.events.iter().for_each(|event| jobs.note(event, me, leads));
                }
                Ok(None) => self.jobs().missed += 1,
                Err(Error::ShuttingDown) => return,
                Err(error) => return tracing::debug!(%error, "nothing is counted any more"),
            }
        }
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
