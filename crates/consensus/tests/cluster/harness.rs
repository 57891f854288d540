//! Replicas in temporary directories, started, stopped, cut off and looked at.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use prost::Message as _;
use stint_consensus::{Config, Keep, Member, Replica, Timing, WallClock};
use stint_core::{Job, WorkerId};
use stint_proto::log::v1 as pb;
use stint_storage::{Identity, Log, Output, StateStore, Store};
use tempfile::TempDir;

use crate::relay::Relay;

/// Long enough for the slowest machine; a test that works waits for a small part of it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) const CLUSTER: [u8; 16] = [5; 16];

/// Checkpoints soon, and a log that is soon forgotten.
pub(crate) const SHORT: Keep =
    Keep { checkpoint_entries: 50, checkpoint_bytes: 1 << 30, entries: 10, bytes: 1 << 30 };

pub(crate) fn id(number: u64) -> WorkerId {
    WorkerId::new(number).expect("a small number")
}

/// The pace of most tests: calm enough for a slow machine.
pub(crate) fn timing() -> Timing {
    Timing {
        heartbeat: Duration::from_millis(100),
        election_min: Duration::from_millis(500),
        election_max: Duration::from_secs(1),
        request: Duration::from_secs(10),
        lease_margin: Duration::from_millis(500),
        ..Timing::default()
    }
}

/// What stays of a replica when it is stopped.
struct Site {
    dir: TempDir,
    address: String,
    founders: BTreeMap<WorkerId, Member>,
    /// Held for the replica until it starts.
    listener: Option<TcpListener>,
}

/// A replica that runs, and its disk.
pub(crate) struct Node {
    pub(crate) replica: Replica,
    pub(crate) output: Output,
    pub(crate) log: Log,
    pub(crate) state: StateStore,
}

/// Three replicas, numbered 0 to 2, of which some run.
pub(crate) struct Cluster {
    pub(crate) timing: Timing,
    pub(crate) keep: Keep,
    sites: Vec<Site>,
    nodes: Vec<Option<Node>>,
    relays: BTreeMap<(usize, usize), Relay>,
    /// How far the wall clocks of all are ahead of this machine's.
    ahead_ms: Arc<AtomicU64>,
}

impl Cluster {
    /// Three replicas that run and have a leader.
    pub(crate) async fn start(timing: Timing, keep: Keep) -> Self {
        let mut cluster = Self::prepare(timing, keep);
        cluster.start_all().await;
        cluster
    }

    /// The same, with a relay on each way from one to another.
    pub(crate) async fn with_relays(timing: Timing, keep: Keep) -> Self {
        let mut cluster = Self::prepare(timing, keep);
        for from in 0..3 {
            for to in (0..3).filter(|to| *to != from) {
                let target = cluster.sites[to].address.parse().expect("an address");
                let relay = Relay::to(target).await;
                let founders = &mut cluster.sites[from].founders;
                let member = founders.get_mut(&Self::id(to)).expect("a founder");
                member.peer_address.clone_from(&relay.address);
                cluster.relays.insert((from, to), relay);
            }
            cluster.found(from);
        }
        cluster.start_all().await;
        cluster
    }

    /// Writes the first entry of the log for a replica. Its log id is the same on all, so that
    /// nobody's is overwritten, and each keeps its own ways to the others.
    fn found(&self, number: usize) {
        let nodes = self.sites[number].founders.iter().map(|(id, member)| {
            let Member { peer_address, client_address } = member.clone();
            (id.get(), pb::Node { peer_address, client_address })
        });
        let voters = pb::VoterSet { replicas: (0..3).map(|n| Self::id(n).get()).collect() };
        let membership = pb::Membership { configs: vec![voters], nodes: nodes.collect() };
        let entry = pb::Entry {
            log_id: Some(pb::LogId { leader: Some(pb::LeaderId::default()), index: 0 }),
            payload: Some(pb::entry::Payload::Membership(membership)),
        };
        let store = self.open(number).expect("a store");
        let (written, is_written) = std::sync::mpsc::channel();
        store.log.append(vec![(0, entry.encode_to_vec())], move |outcome| {
            written.send(outcome).expect("the test waits");
        });
        is_written.recv().expect("an outcome").expect("its disk");
    }

    fn prepare(timing: Timing, keep: Keep) -> Self {
        let listeners: Vec<_> = (0..3).map(|_| listen()).collect();
        let founders: BTreeMap<_, _> = listeners
            .iter()
            .enumerate()
            .map(|(number, listener)| (Self::id(number), member(listener)))
            .collect();
        let site = |listener: TcpListener| Site {
            dir: tempfile::tempdir().expect("a temporary directory"),
            address: address(&listener),
            founders: founders.clone(),
            listener: Some(listener),
        };
        let sites = listeners.into_iter().map(site).collect();
        let nodes = (0..3).map(|_| None).collect();
        Self { timing, keep, sites, nodes, relays: BTreeMap::new(), ahead_ms: Arc::default() }
    }

    pub(crate) fn id(number: usize) -> WorkerId {
        id(u64::try_from(number).expect("a small number") + 1)
    }

    pub(crate) fn node(&self, number: usize) -> &Node {
        self.nodes[number].as_ref().expect("the replica runs")
    }

    pub(crate) fn replica(&self, number: usize) -> &Replica {
        &self.node(number).replica
    }

    /// The replicas that run.
    pub(crate) fn replicas(&self) -> impl Iterator<Item = &Replica> {
        self.nodes.iter().flatten().map(|node| &node.replica)
    }

    pub(crate) fn dir(&self, number: usize) -> &std::path::Path {
        self.sites[number].dir.path()
    }

    pub(crate) fn peer_address(&self, number: usize) -> &str {
        &self.sites[number].address
    }

    pub(crate) fn founders(&self) -> BTreeMap<WorkerId, Member> {
        self.sites[0].founders.clone()
    }

    /// Opens the data directory of a replica that does not run.
    pub(crate) fn open(&self, number: usize) -> Result<Store, stint_storage::Error> {
        let identity = Identity { replica: Self::id(number).get(), cluster: CLUSTER };
        Store::open(self.dir(number), identity)
    }

    pub(crate) async fn start_one(&mut self, number: usize) {
        let store = self.open(number).expect("a store");
        let (output, log, state) = (store.output.clone(), store.log.clone(), store.state.clone());
        let site = &mut self.sites[number];
        let listener = site.listener.take().unwrap_or_else(|| listen_again(&site.address));
        let config = Config {
            id: Self::id(number),
            cluster: CLUSTER,
            founders: site.founders.clone(),
            peer_listener: listener.into(),
            wall_clock: {
                let ahead_ms = Arc::clone(&self.ahead_ms);
                WallClock::simulated(move || {
                    SystemTime::now() + Duration::from_millis(ahead_ms.load(Ordering::Relaxed))
                })
            },
            peer_tls: None,
            timing: self.timing,
            keep: self.keep,
        };
        let replica = Replica::start(config, store).await.expect("a replica");
        self.nodes[number] = Some(Node { replica, output, log, state });
    }

    pub(crate) async fn start_all(&mut self) {
        for number in 0..3 {
            self.start_one(number).await;
        }
        self.leader().await;
    }

    /// Stops a replica; when this returns, its directory is free.
    pub(crate) async fn stop(&mut self, number: usize) {
        let node = self.nodes[number].take().expect("the replica runs");
        soon("a replica to stop", node.replica.shutdown()).await.expect("a clean end");
    }

    /// Stops all, the leader last, so that leadership is not handed round.
    pub(crate) async fn stop_all(&mut self) {
        let leader = self.leader().await;
        for number in (0..3).filter(|number| *number != leader).chain([leader]) {
            self.stop(number).await;
        }
    }

    /// The replica that leads, once one does that all replicas which run have heard of.
    pub(crate) async fn leader(&self) -> usize {
        self.leader_among(&[0, 1, 2]).await
    }

    /// The same, as those of these replicas say that run.
    pub(crate) async fn leader_among(&self, numbers: &[usize]) -> usize {
        let what = || {
            let runs = self.replicas().map(|replica| format!("\n{:?}", replica.status()));
            format!("a leader: {}", runs.collect::<String>())
        };
        eventually(what, async || {
            let nodes = numbers.iter().filter_map(|number| self.nodes[*number].as_ref());
            let said: Vec<_> = nodes.map(|node| node.replica.status().leader).collect();
            let leader = (*said.first()?)?;
            let runs =
                |number: &usize| Self::id(*number) == leader && self.nodes[*number].is_some();
            let number = numbers.iter().copied().find(runs)?;
            said.iter().all(|one| *one == Some(leader)).then_some(number)
        })
        .await
    }

    /// Some replica that does not lead.
    pub(crate) async fn follower(&self) -> usize {
        (self.leader().await + 1) % 3
    }

    /// From now on the wall clocks of all are so far ahead of this machine's.
    pub(crate) fn set_clocks_ahead(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).expect("not so far");
        self.ahead_ms.store(ms, Ordering::Relaxed);
    }

    /// Cuts a replica off from the others, both ways.
    pub(crate) fn cut_off(&self, number: usize) {
        self.relays_of(number).for_each(Relay::cut);
    }

    pub(crate) fn heal(&self, number: usize) {
        self.relays_of(number).for_each(Relay::heal);
    }

    /// Breaks the connections that others have made to a replica. They may connect again at once.
    pub(crate) fn sever(&self, number: usize) {
        self.relays_to(number).for_each(Relay::sever);
    }

    /// The bytes that others have sent to a replica.
    pub(crate) fn passed_to(&self, number: usize) -> u64 {
        self.relays_to(number).map(Relay::passed).sum()
    }

    fn relays_to(&self, number: usize) -> impl Iterator<Item = &Relay> {
        let is_to = move |(_, to): &(usize, usize)| *to == number;
        self.relays.iter().filter(move |(way, _)| is_to(way)).map(|(_, relay)| relay)
    }

    fn relays_of(&self, number: usize) -> impl Iterator<Item = &Relay> {
        let is_of = move |(from, to): &(usize, usize)| *from == number || *to == number;
        self.relays.iter().filter(move |(way, _)| is_of(way)).map(|(_, relay)| relay)
    }

    /// How many of the job's lines stand on the replica's own disk, from the first on.
    pub(crate) fn lines_here(&self, number: usize, job: &Job) -> u64 {
        let (day, id) = (job.created_at.day(), job.id.to_bytes());
        let batches = self.node(number).output.read(day, &id, 0, 1 << 20).expect("its disk");
        batches.iter().map(|batch| u64::from(batch.line_count)).sum()
    }
}

/// Waits for something to be there.
pub(crate) async fn eventually<T>(
    what: impl Fn() -> String,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {}", what());
        // Between two looks; the deadline above bounds them.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    eventually(|| what.to_owned(), async || is_so().await.then_some(())).await;
}

/// Waits for a future, but not for ever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

pub(crate) fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port")
}

/// The connections of a replica that has stopped do not keep its address from it.
fn listen_again(address: &str) -> TcpListener {
    TcpListener::bind(address).unwrap_or_else(|error| panic!("{address}: {error}"))
}

fn address(listener: &TcpListener) -> String {
    listener.local_addr().expect("an address").to_string()
}

pub(crate) fn member(listener: &TcpListener) -> Member {
    Member { peer_address: address(listener), client_address: "127.0.0.1:1".to_owned() }
}
