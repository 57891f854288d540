//! What this replica counts, and how it shows that: the page that Prometheus reads.
//!
//! Counters add up over the replicas: what happens in the log is counted by one of them, the run of
//! a job by the replica whose worker has it, all else by the leader. Gauges of the cluster's state
//! are the same on all replicas. Every set of labels is bounded.

mod jobs;
mod page;
mod process;
mod requests;
mod samples;
mod scrape;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stint_consensus::{Error, Replica};
use stint_core::{State, Timestamp};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::api::stopped;
use crate::connections::Connections;
use crate::limits;
pub(crate) use page::CONTENT_TYPE;
pub(crate) use requests::{Code, Route};
pub(crate) use samples::Sample;

use jobs::Jobs;
use requests::Requests;
use samples::Samples;

/// The numbers of one replica.
pub(crate) struct Metrics {
    replica: Replica,
    pub(crate) requests: Requests,
    pub(crate) connections: Arc<Connections>,
    /// Only who follows the log and who reads the page take it.
    jobs: Mutex<Jobs>,
    samples: Mutex<Samples>,
}

impl Metrics {
    pub(crate) fn new(replica: Replica, connections: Arc<Connections>) -> Self {
        Self {
            replica,
            requests: Requests::default(),
            connections,
            jobs: Mutex::default(),
            samples: Mutex::default(),
        }
    }

    /// Counts what happens in the log, until the gateway stops. Runs once.
    pub(crate) async fn run(&self, mut stopping: watch::Receiver<bool>) {
        let me = self.replica.id();
        let mut events = self.replica.subscribe();
        let mut steps = tokio::time::interval(limits::SAMPLE_INTERVAL);
        steps.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let happening = tokio::select! {
                () = stopped(&mut stopping) => return,
                _ = steps.tick() => {
                    let queues = self.replica.with_state(State::queues);
                    self.samples().close(self.replica.now(), &queues);
                    continue;
                }
                happening = events.next() => happening,
            };
            match happening {
                Ok(Some(happening)) => {
                    let leads = self.replica.is_leader();
                    let (mut jobs, mut samples) = (self.jobs(), self.samples());
                    for event in happening.events.iter() {
                        jobs.note(event, me, leads);
                        samples.note(event);
                    }
                }
                Ok(None) => self.jobs().missed += 1,
                Err(Error::ShuttingDown) => return,
                Err(error) => return tracing::debug!(%error, "nothing is counted any more"),
            }
        }
    }

    /// What happened lately, in the steps that ended after `since`, oldest first.
    pub(crate) fn samples_since(&self, since: Option<Timestamp>) -> Vec<Sample> {
        self.samples().since(since)
    }

    fn samples(&self) -> MutexGuard<'_, Samples> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
