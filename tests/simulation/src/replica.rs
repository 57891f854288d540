//! One replica as a host: store, Raft, gateway and worker, all of them the real ones.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use stint_consensus::{Config, Keep, Member, Replica, Timing, WallClock};
use stint_core::{Attempt, Job, WorkerId};
use stint_gateway::Gateway;
use stint_storage::{Identity, Store};
use stint_worker::{Action, CommandLine, RunOutput, Runner, Worker};

use crate::disk::Medium;
use crate::net;
use crate::trace::{Run, Trace, fingerprint, now};

pub(crate) const PEERS: u16 = 7000;
pub(crate) const CLIENTS: u16 = 8000;
/// What jobs of the simulation are.
pub(crate) const ACTION: &str = "work";
/// Of this, each worker has so much, and each job takes one.
pub(crate) const CAPACITY: (&str, u64) = ("place", 2);

const CLUSTER: [u8; 16] = [7; 16];
/// Leases that are short, so that a seed sees many of them end.
const TTL: Duration = Duration::from_secs(3);
/// How often a state is compared with those of the others.
const LOOK: Duration = Duration::from_millis(50);

/// A host of the simulation, with what outlives its process.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) id: WorkerId,
    pub(crate) medium: Medium,
    /// How far its wall clock is ahead, in milliseconds.
    pub(crate) skew_ms: Arc<AtomicI64>,
    pub(crate) founders: BTreeMap<WorkerId, Member>,
    pub(crate) trace: Trace,
    /// How much of the log it keeps.
    pub(crate) keep: Keep,
}

pub(crate) type Outcome = Result<(), Box<dyn std::error::Error>>;

impl Host {
    /// One life of the replica: until the host is crashed, or the replica fails by itself.
    pub(crate) async fn live(self) -> Outcome {
        let identity = Identity { replica: self.id.get(), cluster: CLUSTER };
        self.trace.say(now(), &self.name, "starts");
        let store = Store::open_on(&self.medium.dir(), identity, &self.medium.disk())?;
        let skew = Arc::clone(&self.skew_ms);
        let config = Config {
            id: self.id,
            cluster: CLUSTER,
            founders: self.founders.clone(),
            peer_listener: net::door(PEERS).await?,
            wall_clock: WallClock::simulated(move || skewed(skew.load(Ordering::Relaxed))),
            peer_tls: None,
            timing: Timing::default(),
            keep: self.keep,
        };
        let replica = Replica::start(config, store).await?;
        let doors = stint_gateway::Config {
            is_open: true,
            // By default it depends on the machine.
            pages_at_once: 2,
            ..stint_gateway::Config::default()
        };
        let _gateway = Gateway::start(net::door(CLIENTS).await?, replica.clone(), doors, None)?;
        let worker = Worker::start(replica.clone(), self.worker()?)?;
        tokio::select! {
            () = self.watch(&replica) => {}
            () = self.compare(&replica) => {}
            error = worker.failed() => self.trace.say(now(), &self.name, &format!("fails: {error}")),
        }
        // Whoever started it would start it again.
        std::future::pending::<()>().await;
        Ok(())
    }

    fn worker(&self) -> Result<stint_worker::Config, stint_worker::Error> {
        let mut config = stint_worker::Config::new(self.medium.dir());
        let command = CommandLine::parse(&["/simulated".to_owned()])?;
        config.actions.insert(ACTION.to_owned(), Action::new(command));
        config.capacity = [(CAPACITY.0.to_owned(), CAPACITY.1)].into_iter().collect();
        config.ttl = TTL;
        config.runner = Some(Arc::new(Work { trace: self.trace.clone() }));
        Ok(config)
    }

    async fn watch(&self, replica: &Replica) {
        let mut events = replica.subscribe();
        while let Ok(happening) = events.next().await {
            if let Some(happening) = happening {
                self.trace.applied(&self.name, happening.index, &happening.events);
            }
        }
        self.trace.say(now(), &self.name, "applies nothing any more");
    }

    async fn compare(&self, replica: &Replica) {
        let mut last = None;
        loop {
            replica.with_applied(|index, state| {
                let Some(index) = index.filter(|_| index != last) else { return };
                last = Some(index);
                let parts = state.parts();
                let fingerprint = fingerprint(&format!("{parts:?}"));
                self.trace.state(&self.name, index, parts.jobs.len(), &fingerprint);
                if let Err(violation) = stint_core::invariant::check(state) {
                    self.trace.violation(format!("{} after entry {index}: {violation}", self.name));
                }
            });
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn skewed(by_ms: i64) -> SystemTime {
    let by = Duration::from_millis(by_ms.unsigned_abs());
    if by_ms < 0 { SystemTime::now() - by } else { SystemTime::now() + by }
}

/// Runs jobs: each for as long as its parameter says, with a line now and then.
#[derive(Debug)]
struct Work {
    trace: Trace,
}

impl Runner for Work {
    fn run(
        &self,
        job: &Job,
        attempt: &Attempt,
        mut output: RunOutput,
    ) -> std::pin::Pin<Box<dyn Future<Output = i32> + Send>> {
        let number = |name: &str| {
            let text = job.spec.parameters.as_ref().and_then(|all| all.get(name));
            text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0)
        };
        let (ms, lines, code) = (number("ms"), number("lines"), number("code"));
        let lease = attempt.lease;
        let running = Running::begin(&self.trace, job, attempt);
        Box::pin(async move {
            for line in 0..lines {
                tokio::time::sleep(Duration::from_millis(ms / lines.max(1))).await;
                // The pipe holds all that a run may write.
                drop(output.line(&format!("{lease} {line}")));
            }
            if lines == 0 {
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
            drop(running);
            i32::try_from(code).unwrap_or(1)
        })
    }
}

/// A run that goes on, until this is dropped.
struct Running {
    trace: Trace,
    at: usize,
}

impl Running {
    fn begin(trace: &Trace, job: &Job, attempt: &Attempt) -> Self {
        let (job, lease) = (job.id, attempt.lease);
        trace.say(now(), "run", &format!("begins {job} {lease}"));
        let mut seen = trace.seen();
        seen.runs.push(Run { job, lease, began: now(), ended: None });
        let at = seen.runs.len() - 1;
        Self { trace: trace.clone(), at }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut seen = self.trace.seen();
        let Some(run) = seen.runs.get_mut(self.at) else { return };
        run.ended = Some(now());
        let (job, lease) = (run.job, run.lease);
        drop(seen);
        self.trace.say(now(), "run", &format!("ends {job} {lease}"));
    }
}
