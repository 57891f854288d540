//! Replicas in a temporary directory, and what tests ask of them.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};
use stint_consensus::{Config as ReplicaConfig, Events, Member, Replica, Timing};
use stint_core::{
    AttemptEnd, CapacityMap, Command, Event, Job, JobId, JobSpec, Line, NewJob, Policy, State,
    Status, Stream, Timeout, WorkerId,
};
use stint_storage::{Identity, Store};
use stint_worker::{Action, CommandLine, Config, Worker};
use tempfile::TempDir;

/// Long enough for the slowest machine; a test that works waits for a small part of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

const CLUSTER: [u8; 16] = [5; 16];

pub(crate) fn id(number: u64) -> WorkerId {
    WorkerId::new(number).expect("a small number")
}

/// A place for one replica: its directory and its address stay when it is stopped.
pub(crate) struct Site {
    pub(crate) dir: TempDir,
    id: WorkerId,
    address: String,
    founders: BTreeMap<WorkerId, Member>,
}

impl Site {
    /// Places for replicas of one cluster, and the listeners that hold their addresses.
    pub(crate) fn of_cluster(count: u64) -> Vec<(Self, TcpListener)> {
        let listeners: Vec<_> = (1..=count).map(|number| (id(number), listen())).collect();
        let founders: BTreeMap<_, _> = listeners
            .iter()
            .map(|(id, listener)| {
                let peer_address = address(listener);
                (*id, Member { peer_address, client_address: "127.0.0.1:1".to_owned() })
            })
            .collect();
        listeners
            .into_iter()
            .map(|(id, listener)| {
                let dir = tempfile::tempdir().expect("a temporary directory");
                let address = address(&listener);
                (Self { dir, id, address, founders: founders.clone() }, listener)
            })
            .collect()
    }

    pub(crate) async fn start(&self, peer_listener: TcpListener) -> Replica {
        let store_dir = self.dir.path().join("store");
        let identity = Identity { replica: self.id.get(), cluster: CLUSTER };
        // A replica that has stopped may still be letting go of it.
        let store = eventually("the store is free", || async {
            let store_dir = store_dir.clone();
            let opening = tokio::task::spawn_blocking(move || Store::open(&store_dir, identity));
            match opening.await.expect("no panic") {
                Err(stint_storage::Error::Locked { .. }) => None,
                opened => Some(opened.expect("a store")),
            }
        })
        .await;
        let config = ReplicaConfig {
            id: self.id,
            cluster: CLUSTER,
            founders: self.founders.clone(),
            peer_listener: peer_listener.into(),
            wall_clock: stint_consensus::WallClock::default(),
            peer_tls: None,
            timing: Timing { request: Duration::from_secs(2), ..Timing::default() },
            keep: stint_consensus::Keep::default(),
        };
        Replica::start(config, store).await.expect("a replica")
    }

    /// Starts the replica again at its old address.
    pub(crate) async fn start_again(&self) -> Replica {
        let listener = eventually("its old address is free", || async {
            TcpListener::bind(&self.address).ok()
        });
        self.start(listener.await).await
    }

    pub(crate) fn worker_dir(&self) -> PathBuf {
        self.dir.path().join("worker")
    }

    /// A configuration whose actions are shell scripts. Its lease is longer than a slow machine
    /// stalls: a test that wants one to run out asks for a short one.
    pub(crate) fn config(&self, scripts: &[(&str, &str)]) -> Config {
        let mut config = Config::new(self.worker_dir());
        config.program = Some(env!("CARGO_BIN_EXE_stint-guardian-under-test").into());
        config.drain_limit = PATIENCE;
        for (name, script) in scripts {
            config.actions.insert((*name).to_owned(), shell(script));
        }
        config
    }
}

/// A cluster of one replica with a worker.
pub(crate) struct Bench {
    pub(crate) site: Site,
    pub(crate) replica: Replica,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let (site, listener) = Site::of_cluster(1).pop().expect("one site");
        let replica = site.start(listener).await;
        Self { site, replica }
    }

    /// A replica, and a worker that offers these scripts as actions.
    pub(crate) async fn with(scripts: &[(&str, &str)]) -> (Self, Worker) {
        let bench = Self::new().await;
        let worker = bench.work(bench.site.config(scripts));
        (bench, worker)
    }

    pub(crate) fn work(&self, config: Config) -> Worker {
        Worker::start(self.replica.clone(), config).expect("a worker")
    }
}

pub(crate) fn shell(script: &str) -> Action {
    let elements = ["sh", "-c", &script.replace('{', "{{").replace('}', "}}")];
    let command = CommandLine::parse(&elements.map(str::to_owned)).expect("a command");
    Action::new(command)
}

pub(crate) fn action(elements: &[&str]) -> Action {
    let elements: Vec<_> = elements.iter().map(|&text| text.to_owned()).collect();
    Action::new(CommandLine::parse(&elements).expect("a command"))
}

/// Stops the worker, which must not take for ever.
pub(crate) async fn stop(worker: Worker) {
    tokio::time::timeout(2 * PATIENCE, worker.shutdown()).await.expect("the worker does not stop");
}

/// A script that says its number in a file, and then does the rest.
pub(crate) fn in_file(file: &Path, rest: &str) -> String {
    format!("echo $$ > {0}.new; mv {0}.new {0}; {rest}", file.display())
}

/// The next of a replica's events.
pub(crate) async fn next(events: &mut Events) -> Vec<Event> {
    let next = tokio::time::timeout(PATIENCE, events.next()).await.expect("nothing happens");
    next.expect("events").expect("none missed").events.to_vec()
}

/// A job as a client would submit it.
pub(crate) fn spec(action: &str) -> JobSpec {
    JobSpec {
        action: action.to_owned(),
        parameters: None,
        capacity_map: None,
        deadline: None,
        stop_timeout: None,
    }
}

/// The same with parameters.
pub(crate) fn spec_with(action: &str, pairs: &[(&str, &str)]) -> JobSpec {
    let parameters = pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    JobSpec { parameters: Some(parameters.collect()), ..spec(action) }
}

pub(crate) fn capacity(pairs: &[(&str, u64)]) -> CapacityMap {
    pairs.iter().map(|&(name, amount)| (name.to_owned(), amount)).collect()
}

pub(crate) fn timeout(text: &str) -> Option<Timeout> {
    Timeout::parse(text).expect("a duration")
}

/// Submits a job once a worker offers its action.
pub(crate) async fn submit(replica: &Replica, spec: JobSpec, retries: u32) -> JobId {
    static LAST: AtomicU64 = AtomicU64::new(1);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let id = JobId::from_bytes(u128::from(number).to_be_bytes());
    let is_offered = || async { replica.with_state(|s| s.offers(&spec.action)).then_some(()) };
    eventually("the action is offered", is_offered).await;
    let drawn = replica.with_state(State::sequence);
    let policy = Policy::default();
    let retries = Some(retries);
    let job = NewJob {
        id,
        drawn,
        spec,
        scheduled_at: None,
        retries,
        policy,
        retry_from: None,
        parent: None,
    };
    replica.propose(Command::Submit(job)).await.expect("a cluster").expect("no refusal");
    id
}

/// The job once it is over.
pub(crate) async fn over(replica: &Replica, id: JobId) -> Arc<Job> {
    job_when(replica, id, |job| matches!(job.status, Status::Done | Status::Error | Status::Cancel))
        .await
}

pub(crate) async fn job_when(
    replica: &Replica,
    id: JobId,
    is_so: impl Fn(&Job) -> bool,
) -> Arc<Job> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let job = replica.job(id).await.expect("a cluster").expect("the job");
        if is_so(&job) {
            return job;
        }
        assert!(Instant::now() < deadline, "the job stays as {job:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How the job's last attempt ended.
pub(crate) fn end(job: &Job) -> AttemptEnd {
    let attempt = job.attempts.last().expect("an attempt");
    attempt.end.clone().expect("it has ended").1
}

/// All lines of a job. Their numbers have no gap.
pub(crate) async fn lines(replica: &Replica, job: &Job) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let count = usize::try_from(job.line_count).expect("few lines");
    while lines.len() < count {
        let first = u64::try_from(lines.len()).expect("few lines");
        let page = replica.lines(job, first, 1_000).await.expect("lines");
        assert!(!page.is_empty(), "line {first} of {count} is missing");
        for (number, line) in page {
            assert_eq!(number, u64::try_from(lines.len()).expect("few lines"));
            lines.push(line);
        }
    }
    lines
}

/// What the job wrote to its standard output, and what was noted. (On the other stream a shell
/// tells of children that a signal has ended.)
pub(crate) async fn texts(replica: &Replica, job: &Job) -> Vec<String> {
    let lines = lines(replica, job).await.into_iter();
    lines.filter(|line| line.stream != Stream::Err).map(|line| line.text).collect()
}

/// Waits for a file with a number in it, and gives the number.
pub(crate) async fn pid_in(file: &Path) -> Pid {
    let read = || async {
        let text = std::fs::read_to_string(file).ok()?;
        Pid::from_raw(text.strip_suffix('\n')?.parse().ok()?)
    };
    eventually(&format!("a number in {}", file.display()), read).await
}

/// Whether the process runs; one that only waits to be looked at does not.
pub(crate) fn runs(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let is_zombie = stat
        .is_ok_and(|text| text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')));
    !is_zombie && test_kill_process(pid).is_ok()
}

pub(crate) async fn gone(pid: Pid) {
    let what = format!("process {} is gone", pid.as_raw_nonzero());
    eventually(&what, || async { (!runs(pid)).then_some(()) }).await;
}

/// For how long somebody on this machine has waited for a processor or for a disk since it runs: a
/// span of time less what this grew by meanwhile is what it would have taken at most on a machine of
/// one's own. Nothing where the kernel does not count it.
pub(crate) fn stalls() -> Duration {
    let waited = |resource: &str| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/pressure/{resource}")).ok()?;
        text.lines().next()?.rsplit_once("total=")?.1.parse().ok()
    };
    Duration::from_micros(["cpu", "io"].into_iter().filter_map(waited).sum())
}

/// The files of the worker's notes.
pub(crate) fn notes(site: &Site) -> BTreeSet<String> {
    let dir = std::fs::read_dir(site.worker_dir().join("runs"));
    let entries = dir.into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    look: impl Fn() -> F,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "still not so: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port")
}

fn address(listener: &TcpListener) -> String {
    listener.local_addr().expect("an address").to_string()
}
