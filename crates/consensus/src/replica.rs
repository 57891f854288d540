//! The handle on one replica: propose, read, follow, stop.

mod count;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use openraft::Raft;
use stint_core::{
    Command, Event, Job, JobId, Line, Refusal, Reply, Retention, State, Timestamp, WorkerId,
};
use stint_proto::peer::v1::peer_server::PeerServer;
use stint_storage::Store;
use stint_tls::{Door, Listener};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::audit::{AuditFilter, AuditPage, Origin};
use crate::backlog;
use crate::backup::Backup;
use crate::clock::{Clock, WallClock};
use crate::compaction::Outdated;
use crate::condition::Conditions;
use crate::disks;
use crate::error::Error;
use crate::failure::Failure;
use crate::inner::Inner;
use crate::level::Builds;
use crate::log_store::LogStore;
use crate::measures::{Counts, Measures};
use crate::network::Network;
use crate::page::{JobPage, List, Place};
use crate::peer_service::PeerService;
use crate::peers::Peers;
use crate::restored::restored;
use crate::snapshot::Incoming;
use crate::state_machine::StateMachine;
use crate::status::ClusterStatus;
use crate::watch::Watcher;
use crate::witness::Witness;
use crate::{inbound, limits, raft};

/// The replicas that found a cluster.
pub(crate) type Founders = BTreeMap<WorkerId, Member>;

/// How one replica takes part in its cluster.
#[derive(Debug)]
pub struct Config {
    /// The replica's id, which is also its worker's.
    pub id: WorkerId,
    /// The cluster's id: replicas of another cluster are not answered.
    pub cluster: [u8; 16],
    /// The replicas that found the cluster. Used once, while the log is empty. A replica that is not
    /// among them has joined by an invitation ([`crate::join`]).
    pub founders: BTreeMap<WorkerId, Member>,
    /// Where peers connect to, bound by the caller.
    pub peer_listener: Door,
    /// What the machine takes for the time.
    pub wall_clock: WallClock,
    /// How connections to and of peers are encrypted; in plain text if `None`.
    pub peer_tls: Option<stint_tls::Peers>,
    /// The pace of Raft.
    pub timing: Timing,
    /// How much of the log is kept.
    pub keep: Keep,
}

/// How much of the log is kept before and after a checkpoint of the state takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// A checkpoint is written after so many entries,
    pub checkpoint_entries: u64,
    /// or after so many bytes of them.
    pub checkpoint_bytes: u64,
    /// So many entries stay in the log after a checkpoint, for followers that are a little behind,
    pub entries: u64,
    /// but only as many as have about so many bytes.
    pub bytes: u64,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            checkpoint_entries: limits::CHECKPOINT_ENTRIES,
            checkpoint_bytes: limits::CHECKPOINT_BYTES,
            entries: limits::ENTRIES_KEPT,
            bytes: limits::BYTES_KEPT,
        }
    }
}

/// Where a replica is reached, as `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// By its peers.
    pub peer_address: String,
    /// By clients.
    pub client_address: String,
}

/// The pace of Raft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How often a leader speaks to its followers.
    pub heartbeat: Duration,
    /// A follower that hears nothing stands for election: after `election_max`, for which it trusts the
    /// leader, and a random time in this range. So many heartbeats may be lost as fit both.
    pub election_min: Duration,
    /// See `election_min`.
    pub election_max: Duration,
    /// How long a proposal or a read waits for a leader and for its outcome.
    pub request: Duration,
    /// The time that a worker's lease is given beyond its ttl before it is expired.
    pub lease_margin: Duration,
    /// Bytes of snapshots that are sent to one peer in a second, at most.
    pub snapshot_bytes_per_second: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(150),
            election_min: Duration::from_millis(300),
            election_max: Duration::from_millis(600),
            request: Duration::from_secs(5),
            lease_margin: Duration::from_secs(1),
            snapshot_bytes_per_second: limits::SNAPSHOT_BYTES_PER_SECOND,
        }
    }
}

/// What one applied entry did.
#[derive(Debug, Clone)]
pub struct Happening {
    /// The index of the entry in the log.
    pub index: u64,
    /// What happened, in order; never empty.
    pub events: Arc<[Event]>,
}

/// The events of this replica's applied entries from the subscription on, in the order of the log.
#[derive(Debug)]
pub struct Events {
    happenings: backlog::Listener,
    stopping: watch::Receiver<bool>,
}

impl Events {
    /// The next happening. `None` says that some were missed because this reader was too slow:
    /// read the state anew and go on. An error says that the replica has stopped.
    pub async fn next(&mut self) -> Result<Option<Happening>, Error> {
        tokio::select! {
            biased;
            happening = self.happenings.next() => happening.map_err(|_| Error::ShuttingDown),
            _ = self.stopping.wait_for(|stopping| *stopping) => Err(Error::ShuttingDown),
        }
    }
}

/// One replica of the cluster. Clones are the same replica.
#[derive(Clone)]
pub struct Replica(Arc<Handle>);

/// What clones share. Only here is `inner` kept for as long as somebody has the replica: all others
/// let go of it when it stops.
struct Handle {
    inner: Arc<Inner>,
    tasks: Mutex<Option<Tasks>>,
}

/// Everything that runs, and what stops it.
struct Tasks {
    running: JoinSet<()>,
    peer_service: JoinHandle<()>,
}

impl std::fmt::Debug for Replica {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Replica({})", self.0.inner.id)
    }
}

impl Replica {
    /// Opens the log, restores the state, listens to peers and takes part in elections.
    ///
    /// If the log is empty, the founders found the cluster. Returns before there is a leader.
    pub async fn start(config: Config, store: Store) -> Result<Self, Error> {
        Self::start_seen(config, store, None).await
    }

    /// The same, where somebody is to see each entry as it is applied.
    pub async fn start_seen(
        config: Config,
        store: Store,
        witness: Option<Arc<dyn Witness>>,
    ) -> Result<Self, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Failed(error.to_string());
        let failure = Failure::new(config.id);
        let lineage = store.lineage().map_err(|error| failed(&error))?;
        let cluster = Bytes::copy_from_slice(&lineage.unwrap_or(config.cluster));
        let log = LogStore::new(store.log.clone(), store.level().clone(), failure.clone());
        let stopping = watch::Sender::new(false);
        let store_log = store.log.clone();
        let store = Arc::new(store);
        let applied = restored(store, failure.clone(), witness).await?;
        let applied = Arc::new(applied);
        let network = config.peer_listener.network();
        let pace = config.timing.snapshot_bytes_per_second;
        let peers = Arc::new(Peers::new(config.peer_tls.clone(), network, pace));
        let network = Network { cluster: cluster.clone(), peers: Arc::clone(&peers) };
        let raft = Raft::new(
            config.id.get(),
            Arc::new(raft::config(&config.timing, &config.keep)?),
            network,
            log.clone(),
            StateMachine(Arc::clone(&applied)),
        )
        .await
        .map_err(|error| failure.seen().unwrap_or_else(|| failed(&error)))?;
        let is_new = !raft.is_initialized().await.map_err(|error| failed(&error))?;
        let has_joined = disks::has_joined(&store_log)?;
        if is_new && !has_joined && !config.founders.contains_key(&config.id) {
            return Err(raft::not_invited(config.id));
        }

        let (forwards, to_forward) = mpsc::channel(limits::FORWARD_QUEUE_MAX);
        let (barriers, to_answer) = mpsc::channel(limits::FORWARD_QUEUE_MAX);
        let inner = Arc::new(Inner {
            id: config.id,
            cluster,
            cluster_named: config.cluster,
            timing: config.timing,
            clock: Clock::new(config.wall_clock),
            raft,
            applied,
            log,
            peers,
            incoming: Incoming::new(),
            disk: disks::own(&store_log)?,
            disks: disks::Disks::read(&store_log)?,
            builds: Builds::default(),
            conditions: Conditions::default(),
            admitted: watch::Sender::new(!is_new || has_joined),
            founders: config.founders.keys().map(|id| id.get()).collect(),
            heard: Mutex::default(),
            learners: Mutex::default(),
            word: crate::silence::Word::default(),
            failure,
            counts: Counts::default(),
            stopping,
            forwards,
            barriers,
            stranger_told: Mutex::default(),
            notices: Mutex::default(),
        });
        let doors = (listen(config.peer_listener)?, config.peer_tls);
        let mut tasks = spawn(&inner, doors, config.keep, to_forward, to_answer);
        if is_new && !has_joined {
            tasks.running.spawn(disks::admit(Arc::clone(&inner), config.founders));
        }
        Ok(Self(Arc::new(Handle { inner, tasks: Mutex::new(Some(tasks)) })))
    }

    /// The replica's id.
    pub fn id(&self) -> WorkerId {
        self.0.inner.id
    }

    /// Has `command` carried out by the cluster, on whichever replica leads, and gives its answer
    /// once the entry is applied there *and* here: what this replica shows afterwards includes it.
    ///
    /// Waits for a leader for as long as [`Timing::request`], if one was heard of lately. A command
    /// is proposed anew only where it is known not to be in the log, or where twice changes nothing.
    pub async fn propose(&self, command: Command) -> Result<Result<Reply, Refusal>, Error> {
        self.0.inner.propose(command, None).await
    }

    /// The same for a client: the audit log keeps who it was, and how it ended.
    pub async fn propose_for(
        &self,
        origin: &Origin,
        command: Command,
    ) -> Result<Result<Reply, Refusal>, Error> {
        self.0.inner.propose(command, Some(origin)).await
    }

    /// What clients have changed, the newest first, from `start` on, of what the filter wants.
    /// Linearizable; the oldest is forgotten at some bound.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        start: usize,
        limit: usize,
    ) -> Result<AuditPage, Error> {
        self.0.inner.audit(filter, start, limit).await
    }

    /// The time as this replica would stamp an entry now: the cluster's clock, but no instant before
    /// the last entry. For what has to be worked out before it is proposed, such as a cron's first tick.
    pub fn now(&self) -> Timestamp {
        let now = self.0.inner.clock.now().unwrap_or_else(|| self.0.inner.clock.wall());
        now.max(self.with_state(State::now))
    }

    /// Looks at the applied state of this replica, which may lag behind. Must not block.
    pub fn with_state<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.inner.applied.read().state)
    }

    /// The same, with the index of the last entry that it is the result of.
    pub fn with_applied<T>(&self, look: impl FnOnce(Option<u64>, &State) -> T) -> T {
        let view = self.0.inner.applied.read();
        look(view.applied.as_ref().map(|id| id.index), &view.state)
    }

    /// Returns once this replica has applied all that was committed anywhere when it was called:
    /// what [`Self::with_state`] shows next is linearizable.
    pub async fn barrier(&self) -> Result<(), Error> {
        self.0.inner.barrier().await
    }

    /// A job, live or over, linearizable. A deleted one has the status `Deleted`.
    pub async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, Error> {
        self.0.inner.job(id).await
    }

    /// A page of the jobs that match, live and over, in the order of the list: which they are is settled,
    /// and each is read as it is wanted. Linearizable.
    pub async fn page_jobs(&self, list: &List) -> Result<JobPage, Error> {
        self.0.inner.page_jobs(list).await
    }

    /// The same at once, for pages that are small, with where the list goes on.
    pub async fn list_jobs(&self, list: &List) -> Result<(Vec<Arc<Job>>, Option<Place>), Error> {
        let mut page = self.page_jobs(list).await?;
        let mut all = Vec::new();
        while !page.is_at_end() {
            all.extend(page.next().await?);
        }
        Ok((all, page.rest()))
    }

    /// Which jobs are to go from history by this rule, the oldest first, at most `limit`; as this
    /// replica knows it, which may lag behind. Costs what it answers.
    pub async fn outdated(&self, by: Retention, limit: usize) -> Result<Outdated, Error> {
        self.0.inner.outdated(by, limit).await
    }

    /// Lines of a job's output from `first` on, with the number of the first of them: at least one
    /// if there are any there, at most `lines_max`, and no more than a bounded number of bytes. The
    /// number is larger than `first` if no replica that answers has the lines in between.
    /// What this replica does not have it fetches from a peer. Not a linearizable read by itself:
    /// `job` says up to which line to read.
    pub async fn lines(
        &self,
        job: &Job,
        first: u64,
        lines_max: usize,
    ) -> Result<Vec<(u64, Line)>, Error> {
        self.0.inner.lines(job, first, lines_max).await
    }

    /// All that the cluster keeps, as of one entry of the log that is no older than the call: what is
    /// not over, the history, the audit log and the output. Work goes on meanwhile, and memory stays
    /// flat; the disk space of what is removed meanwhile comes back when the stream has ended.
    pub async fn backup(&self) -> Result<Backup, Error> {
        Inner::backup(&self.0.inner).await
    }

    /// Follows what this replica applies from now on.
    pub fn subscribe(&self) -> Events {
        let (happenings, stopping) =
            (self.0.inner.applied.listen(), self.0.inner.stopping.subscribe());
        Events { happenings, stopping }
    }

    /// Watches what this replica applies from the entry of index `from` on, or from now on. The
    /// latest of what it has applied is kept in memory; it is the same on every replica.
    pub fn watch(&self, from: Option<u64>) -> Watcher {
        Watcher::new(Arc::clone(&self.0.inner.applied.watched), from)
    }

    /// Removes a replica from the cluster, for a client. It need not be alive. Its id is nobody's from
    /// then on.
    pub async fn remove(&self, origin: &Origin, replica: WorkerId) -> Result<(), Error> {
        self.0.inner.remove(origin, replica).await
    }

    /// Has a replica lead, for a client.
    pub async fn transfer_leader(&self, origin: &Origin, to: WorkerId) -> Result<(), Error> {
        self.0.inner.transfer(origin, to).await
    }

    /// The cluster's id, as the configurations of its replicas have it, also of those that are to join;
    /// by which lineage a restored one is known they learn when they do.
    pub fn cluster(&self) -> [u8; 16] {
        self.0.inner.cluster_named
    }

    /// What this replica knows of its cluster.
    pub fn status(&self) -> ClusterStatus {
        crate::status::of(&self.0.inner)
    }

    /// Has the status say these things too, in place of those that were said of this topic before:
    /// what is wrong with this process, and not with its disk or Raft. It is as ready as it was.
    pub fn notice(&self, topic: &'static str, notices: Vec<String>) {
        let all = &self.0.inner.notices;
        all.lock().unwrap_or_else(PoisonError::into_inner).insert(topic, notices);
    }

    /// What it has counted since its start, and what its log and its disk are like now.
    pub fn measures(&self) -> Measures {
        crate::measures::of(&self.0.inner)
    }

    /// Whether it leads, as far as it knows.
    pub fn is_leader(&self) -> bool {
        self.0.inner.raft.is_leader()
    }

    /// Returns when the replica has failed by itself (disk, Raft, impossible state), with why.
    pub async fn failed(&self) -> Error {
        self.0.inner.failure.wait().await
    }

    /// Hands leadership over if it has it, stops taking part, and returns when all is on disk.
    /// When the last handle is dropped after that, the data directory is free.
    pub async fn shutdown(&self) -> Result<(), Error> {
        let tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Tasks { mut running, mut peer_service }) = tasks else { return Ok(()) };
        self.0.inner.hand_over().await;
        self.0.inner.stopping.send_replace(true);
        self.0.inner.failure.stop();
        let stopped = self.0.inner.raft.shutdown().await;
        running.abort_all();
        while running.join_next().await.is_some() {}
        if tokio::time::timeout(limits::GOODBYE_TIMEOUT, &mut peer_service).await.is_err() {
            peer_service.abort();
        }
        self.0.inner.write_down_the_rest().await;
        Inner::wait_until_let_go(&self.0.inner).await;
        stopped.map_err(|error| Error::Failed(error.to_string()))
    }
}

fn listen(door: Door) -> Result<Listener, Error> {
    door.listen().map_err(|error| Error::Failed(format!("the peer address: {error}")))
}

fn spawn(
    inner: &Arc<Inner>,
    (listener, tls): (Listener, Option<stint_tls::Peers>),
    keep: Keep,
    to_forward: mpsc::Receiver<crate::propose::Forward>,
    to_answer: mpsc::Receiver<crate::read::Waiting>,
) -> Tasks {
    let (opened, incoming) = mpsc::channel(1);
    let incoming = tokio_stream::wrappers::ReceiverStream::new(incoming);
    let stopping = &inner.stopping;
    let mut running = JoinSet::new();
    running.spawn(inbound::accept(listener, tls, opened));
    let service = PeerServer::new(PeerService(Arc::downgrade(inner)))
        .max_decoding_message_size(limits::MESSAGE_BYTES_MAX)
        .max_encoding_message_size(limits::MESSAGE_BYTES_MAX);
    let failure = inner.failure.clone();
    let mut until = stopping.subscribe();
    let stop = async move { drop(until.wait_for(|stopping| *stopping).await) };
    let peer_service = tokio::spawn(async move {
        let server = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(limits::CALLER_PING_INTERVAL))
            .http2_keepalive_timeout(Some(limits::CALLER_PING_INTERVAL))
            .initial_stream_window_size(4 * 1024 * 1024)
            .initial_connection_window_size(8 * 1024 * 1024)
            .add_service(service)
            .serve_with_incoming_shutdown(incoming, stop);
        if let Err(error) = server.await {
            failure.note(Error::Failed(format!("the peer service: {error}")));
        }
    });
    running.spawn(Arc::clone(inner).forward(to_forward));
    running.spawn(Arc::clone(inner).answer_barriers(to_answer));
    running.spawn(crate::clock::run(Arc::clone(inner), stopping.subscribe()));
    running.spawn(crate::condition::run(Arc::clone(inner), stopping.subscribe()));
    running.spawn(crate::pulse::run(Arc::clone(inner), stopping.subscribe()));
    running.spawn(crate::ticker::run(Arc::clone(inner), stopping.subscribe()));
    running.spawn(raft::watch(Arc::clone(inner), stopping.subscribe()));
    running.spawn(crate::upkeep::run(Arc::clone(inner), keep));
    running.spawn(crate::refill::run(Arc::clone(inner)));
    running.spawn(crate::sweep::run(Arc::clone(inner)));
    running.spawn(crate::members::run(Arc::clone(inner)));
    running.spawn(crate::level::run(Arc::clone(inner)));
    Tasks { running, peer_service }
}
