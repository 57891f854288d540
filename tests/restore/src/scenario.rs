//! One run: nodes, clients and crashes; then a time in which all is up, and has to agree.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use openraft::{AsyncRuntime as _, Config, SnapshotPolicy};
use tokio::time::Instant;

use crate::dice::Dice;
use crate::disk::Disk;
use crate::log_store::LogStore;
use crate::machine::Machine;
use crate::net::{Hub, Network};
use crate::plan::{Fault, NODES, Plan, TROUBLE_MS, Victim};
use crate::trace::{Outcome, Trace, Violation};
use crate::{LogId, Raft, Runtime, Value};

const CLIENTS: u64 = 3;
/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long the nodes have to agree when all is mended.
const REST: Duration = Duration::from_secs(20);

/// Plays a plan. The same plan has the same outcome.
pub fn run(plan: &Plan) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without threads needs nothing that could be missing");
    runtime.block_on(Runtime::scope(plan.seed, carry_out(plan.clone())))
}

struct Cluster {
    plan: Plan,
    hub: Hub,
    trace: Trace,
    disks: Vec<Disk>,
    began: Instant,
}

async fn carry_out(plan: Plan) -> Outcome {
    let trace = Trace::new();
    let hub = Hub::new(Dice::new(plan.seed, 2));
    let sync = Duration::from_micros(plan.sync_us);
    let disks = NODES.map(|node| Disk::new(node, sync, trace.clone())).into();
    let cluster =
        Arc::new(Cluster { hub, trace: trace.clone(), disks, began: Instant::now(), plan });
    for node in NODES {
        cluster.start(node).await;
    }
    if let Some((_, raft)) = cluster.hub.node(1)
        && let Err(error) = raft.initialize(BTreeSet::from(NODES)).await
    {
        trace.violation(Violation::Stuck(format!("there is no cluster: {error}")));
    }
    let clients: Vec<_> =
        (0..CLIENTS).map(|client| Runtime::spawn(Arc::clone(&cluster).write(client))).collect();
    for fault in cluster.plan.faults.clone() {
        let at = Duration::from_micros(fault.at_us);
        Runtime::sleep(at.saturating_sub(cluster.began.elapsed())).await;
        cluster.crash(fault);
    }
    for client in clients {
        if let Err(error) = client.await {
            trace.violation(Violation::Stuck(format!("a client has ended: {error}")));
        }
    }
    cluster.rest().await;
    trace.judge();
    trace.outcome()
}

impl Cluster {
    fn config(&self) -> Config {
        Config {
            heartbeat_interval: 100,
            election_timeout_min: 300,
            election_timeout_max: 600,
            snapshot_policy: SnapshotPolicy::Never,
            enable_leader_restore: Some(self.plan.is_restoring),
            enable_pre_vote: Some(self.plan.has_pre_vote),
            ..Config::default()
        }
    }

    async fn start(&self, node: u64) {
        let Some(disk) = self.disks.iter().find(|disk| disk.node == node) else { return };
        let disk = disk.start();
        let store = LogStore {
            disk: disk.clone(),
            votes: self.plan.votes,
            keeps_committed: self.plan.keeps_committed,
        };
        let network = Network { hub: self.hub.clone(), disk: disk.clone() };
        let machine = Machine::new(disk.clone());
        let config = Arc::new(self.config());
        match Raft::new(node, config, network, store, machine).await {
            Ok(raft) => self.hub.add(node, disk.life(), raft),
            Err(error) => {
                let text = format!("node {node} does not start: {error}");
                self.trace.violation(Violation::Stuck(text));
            }
        }
    }

    /// The victim crashes, if it is up, and is started again in time.
    fn crash(self: &Arc<Self>, fault: Fault) {
        let is_leading = |raft: &Raft| raft.metrics().borrow_watched().state.is_leader();
        let node = match fault.victim {
            Victim::Node(node) => Some(node),
            Victim::Leader => {
                self.hub.all().into_iter().find(|(_, raft)| is_leading(raft)).map(|(node, _)| node)
            }
        };
        let Some((node, raft)) = node.and_then(|node| Some((node, self.hub.remove(node)?))) else {
            return;
        };
        for disk in self.disks.iter().filter(|disk| disk.node == node) {
            disk.crash();
        }
        let cluster = Arc::clone(self);
        drop(Runtime::spawn(async move {
            // Its tasks reach neither disk nor network any more; this only takes them away.
            drop(Runtime::spawn(async move { raft.shutdown().await }));
            Runtime::sleep(Duration::from_micros(fault.down_us)).await;
            cluster.start(node).await;
        }));
    }

    /// A client: writes one value after another, to whom it takes for the leader.
    async fn write(self: Arc<Self>, client: u64) {
        let mut dice = Dice::new(self.plan.seed, 10 + client);
        let mut target = dice.between(1, 3);
        let mut number = 0;
        while self.began.elapsed() < Duration::from_millis(TROUBLE_MS) {
            number += 1;
            let value = Value(client * 1_000_000 + number);
            if self.put(&mut target, value).await.is_none() && dice.one_in(2) {
                target = dice.between(1, 3);
            }
            Runtime::sleep(dice.us(0, 10_000)).await;
        }
    }

    /// Where the value was acknowledged; otherwise the next one to ask.
    async fn put(&self, target: &mut u64, value: Value) -> Option<LogId> {
        let node = *target;
        let Some((life, raft)) = self.hub.node(node) else {
            *target = node % 3 + 1;
            return None;
        };
        let answer = Runtime::timeout(PATIENCE, raft.client_write(value)).await;
        // What is answered by one that has crashed meanwhile is not heard.
        let is_alive = self.hub.node(node).is_some_and(|(now, _)| now == life);
        match answer {
            Ok(Ok(done)) if is_alive => {
                self.trace.acknowledged(node, done.log_id, value);
                return Some(done.log_id);
            }
            _ => {
                let leader = raft.metrics().borrow_watched().current_leader;
                *target = leader.unwrap_or(node % 3 + 1);
            }
        }
        None
    }

    /// All is mended: one more value has to reach everyone.
    async fn rest(&self) {
        let mended = Instant::now();
        let (mut target, mut last, mut number) = (1, None, 9_000_000);
        while mended.elapsed() < REST {
            if last.is_none() && self.hub.all().len() == NODES.len() {
                number += 1;
                last = self.put(&mut target, Value(number)).await;
            }
            if last.is_some_and(|id| NODES.iter().all(|node| self.trace.has_applied(*node, id))) {
                return;
            }
            Runtime::sleep(Duration::from_millis(50)).await;
        }
        let states: Vec<_> = self
            .hub
            .all()
            .iter()
            .map(|(node, raft)| {
                let metrics = raft.metrics();
                let metrics = metrics.borrow_watched();
                format!(
                    "node {node}: {:?}, applied {:?}",
                    metrics.running_state, metrics.last_applied
                )
            })
            .collect();
        self.trace.violation(Violation::Stuck(states.join("; ")));
    }
}
