//! One replica as a host: store, Raft, gateway and worker, all of them the real ones.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use prost::Message as _;
use stint_consensus::{Config, Joining, Keep, Member, Replica, Timing, WallClock, join_over};
use stint_core::{Attempt, Job, WorkerId};
use stint_gateway::Gateway;
use stint_proto::log::v1 as pb;
use stint_storage::{Identity, Store};
use stint_tls::Door;
use stint_worker::{Action, CommandLine, RunOutput, Runner, Worker};

use crate::disk::Medium;
use crate::net;
use crate::trace::{Run, Trace, now};
use crate::witness::Eyes;

pub(crate) const PEERS: u16 = 7000;
pub(crate) const CLIENTS: u16 = 8000;
/// What jobs of the simulation are.
pub(crate) const ACTION: &str = "work";
/// The parameter that names the submission a job is from.
pub(crate) const KEY: &str = "key";
/// The crons, each the only source of jobs of its action, and what more there is to say of them.
pub(crate) const CRONS: [(&str, &str); 3] = [
    ("beat", r#"{"schedule":"*/2 * * * * *"}"#),
    ("round", r#"{"schedule":"@every 5s","missed":"skip","overlap":"skip"}"#),
    ("rare", r#"{"schedule":"@every 1m","missed":"all","missedWindow":"2s"}"#),
];
/// Of this, each worker has so much, and each job takes one.
pub(crate) const CAPACITY: (&str, u64) = ("place", 2);

const CLUSTER: [u8; 16] = [7; 16];
/// Leases that are short, so that a seed sees many of them end.
pub(crate) const TTL: Duration = Duration::from_secs(3);
/// What it counts as that the cluster has taken one in.
const JOINED: &str = "member joined";
/// How long one that is to join waits for its invitation, at a time.
const PAUSE: Duration = Duration::from_millis(200);

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
    /// The last entry that it has ever applied.
    pub(crate) last: Arc<Mutex<Last>>,
    /// It has failed in this life, and waits for somebody to start it anew.
    pub(crate) has_failed: Arc<AtomicBool>,
    /// What it is invited with, if it is no founder.
    pub(crate) invitation: Option<Invitation>,
}

/// How far a host has ever come: the index of an entry that it has applied, and a term.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Last {
    pub(crate) index: u64,
    pub(crate) term: u64,
}

/// The secret by which a replica joins, once there is one.
pub(crate) type Invitation = Arc<Mutex<Option<String>>>;

pub(crate) type Outcome = Result<(), Box<dyn std::error::Error>>;

impl Host {
    /// One life of the replica: until the host is crashed, or the replica fails by itself.
    pub(crate) async fn live(self) -> Outcome {
        self.trace.say(now(), &self.name, "starts");
        self.has_failed.store(false, Ordering::Relaxed);
        let why = match self.clone().serve().await {
            Ok(why) => why,
            Err(why) => {
                if !self.medium.has_refused() {
                    self.trace.violation(format!("liveness: {} does not start: {why}", self.name));
                }
                why.to_string()
            }
        };
        // Where the disk is kept is another place each time.
        let why = why.replace(&self.medium.dir().display().to_string(), "");
        self.trace.say(now(), &self.name, &format!("fails: {why}"));
        self.has_failed.store(true, Ordering::Relaxed);
        // Whoever started it would start it again.
        std::future::pending::<()>().await;
        Ok(())
    }

    /// Serves until it fails, and says why it did.
    async fn serve(self) -> Result<String, Box<dyn std::error::Error>> {
        let identity = Identity { replica: self.id.get(), cluster: CLUSTER };
        let store = Store::open_on(&self.medium.dir(), identity, &self.medium.disk())?;
        self.check_vote(&store)?;
        let peer_listener = net::door(PEERS).await?;
        self.join(&store, &peer_listener).await?;
        let skew = Arc::clone(&self.skew_ms);
        let config = Config {
            id: self.id,
            cluster: CLUSTER,
            founders: self.founders.clone(),
            peer_listener,
            wall_clock: WallClock::simulated(move || skewed(skew.load(Ordering::Relaxed))),
            peer_tls: None,
            timing: Timing::default(),
            keep: self.keep,
        };
        let eyes = Arc::new(Eyes::new(&self.name, &self.trace, &self.last));
        let replica = Replica::start_seen(config, store, Some(eyes)).await?;
        let doors = stint_gateway::Config {
            is_open: true,
            // By default it depends on the machine.
            pages_at_once: 2,
            ..stint_gateway::Config::default()
        };
        let _gateway = Gateway::start(net::door(CLIENTS).await?, replica.clone(), doors, None)?;
        let worker = Worker::start(replica.clone(), self.worker()?)?;
        tokio::select! {
            error = replica.failed() => Ok(error.to_string()),
            error = worker.failed() => Ok(error.to_string()),
        }
    }

    fn worker(&self) -> Result<stint_worker::Config, stint_worker::Error> {
        let mut config = stint_worker::Config::new(self.medium.dir());
        let command = CommandLine::parse(&["/simulated".to_owned()])?;
        for action in CRONS.map(|(action, _)| action).into_iter().chain([ACTION]) {
            config.actions.insert(action.to_owned(), Action::new(command.clone()));
        }
        config.capacity = [(CAPACITY.0.to_owned(), CAPACITY.1)].into_iter().collect();
        config.ttl = TTL;
        config.runner = Some(Arc::new(Work { trace: self.trace.clone() }));
        Ok(config)
    }

    /// Whoever has an entry of a term has promised to follow no leader of an earlier one, and keeps that.
    fn check_vote(&self, store: &Store) -> Outcome {
        let bytes = store.log.get("vote")?;
        let vote = bytes.map(|bytes| pb::Vote::decode(bytes.as_slice())).transpose()?;
        let term = vote.and_then(|vote| vote.leader).map_or(0, |leader| leader.term);
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if term < last.term {
            let (name, of) = (&self.name, last.term);
            let what =
                format!("{name} starts in term {term}, and has applied an entry of term {of}");
            self.trace.violation(format!("one log: {what}"));
        }
        Ok(())
    }

    /// Has the cluster take it in, if it is no founder; once is enough, and again is the same.
    async fn join(&self, store: &Store, door: &Door) -> Outcome {
        let Some(invitation) = &self.invitation else { return Ok(()) };
        let text = loop {
            let text = invitation.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match text {
                Some(text) => break text,
                None => tokio::time::sleep(PAUSE).await,
            }
        };
        if self.trace.seen().faults.contains_key(JOINED) {
            return Ok(());
        }
        let invited = stint_gateway::Invitation::parse(&text)?;
        let joining = || Joining {
            id: self.id,
            cluster: CLUSTER,
            member: member(&self.name),
            secret: invited.secret.reveal(),
            peers: invited.peers.clone(),
            peer_tls: None,
        };
        while let Err(error) = join_over(door.network(), joining(), store).await {
            self.trace.say(now(), &self.name, &format!("does not join: {error}"));
            tokio::time::sleep(PAUSE).await;
        }
        self.trace.say(now(), &self.name, "has joined");
        self.trace.count(JOINED);
        // Once: one that was removed, and starts again, is none.
        self.trace.seen().members.insert(self.name.clone());
        Ok(())
    }
}

/// Where a host is reached.
pub(crate) fn member(name: &str) -> Member {
    let (peer_address, client_address) = (format!("{name}:{PEERS}"), format!("{name}:{CLIENTS}"));
    Member { peer_address, client_address }
}

/// How far the ticks of one of our schedules are apart.
pub(crate) fn period_of(schedule: &str) -> Option<u64> {
    match schedule {
        "*/2 * * * * *" => Some(2_000),
        "@every 5s" => Some(5_000),
        "@every 1m" => Some(60_000),
        _ => None,
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
            // What fails tells which run it was.
            let code = if code == 0 { 0 } else { 1 + i32::try_from(lease.0 % 200).unwrap_or(0) };
            running.end(code);
            code
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
        let (job, lease, worker) = (job.id, attempt.lease, attempt.worker);
        trace.say(now(), "run", &format!("begins {job} {lease}"));
        let mut seen = trace.seen();
        seen.runs.push(Run { job, lease, worker, began: now(), ended: None, code: None });
        let at = seen.runs.len() - 1;
        Self { trace: trace.clone(), at }
    }

    /// It has ended by itself.
    fn end(self, code: i32) {
        if let Some(run) = self.trace.seen().runs.get_mut(self.at) {
            run.code = Some(code);
        }
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
