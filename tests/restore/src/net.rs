//! The network: who is alive, and messages that take their time.
//!
//! What was sent arrives, also when its sender has crashed meanwhile. An answer to the dead is lost.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openraft::AsyncRuntime as _;
use openraft::OptionalSend;
use openraft::errors::{RPCError, RaftError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::type_config::alias::SnapshotOf;

use crate::dice::Dice;
use crate::disk::Handle;
use crate::{Raft, Runtime, Types, Vote};

/// How long a message takes, in microseconds. The runtime's clock makes whole milliseconds of that: one
/// or two.
const LATENCY_US: (u64, u64) = (100, 1_500);

/// All nodes that are alive, each with the number of its start.
#[derive(Clone)]
pub(crate) struct Hub {
    nodes: Arc<Mutex<BTreeMap<u64, (u64, Raft)>>>,
    dice: Arc<Mutex<Dice>>,
}

impl Hub {
    pub(crate) fn new(dice: Dice) -> Self {
        Self { nodes: Arc::default(), dice: Arc::new(Mutex::new(dice)) }
    }

    fn nodes(&self) -> MutexGuard<'_, BTreeMap<u64, (u64, Raft)>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, node: u64, life: u64, raft: Raft) {
        self.nodes().insert(node, (life, raft));
    }

    pub(crate) fn remove(&self, node: u64) -> Option<Raft> {
        self.nodes().remove(&node).map(|(_, raft)| raft)
    }

    pub(crate) fn node(&self, node: u64) -> Option<(u64, Raft)> {
        self.nodes().get(&node).cloned()
    }

    pub(crate) fn all(&self) -> Vec<(u64, Raft)> {
        self.nodes().iter().map(|(node, (_, raft))| (*node, raft.clone())).collect()
    }

    async fn travel(&self) {
        let (low, high) = LATENCY_US;
        let latency = self.dice.lock().unwrap_or_else(PoisonError::into_inner).us(low, high);
        Runtime::sleep(latency).await;
    }
}

/// Makes the ways of one life of a node, which ends with its disk.
pub(crate) struct Network {
    pub(crate) hub: Hub,
    pub(crate) disk: Handle,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Way;

    async fn new_client(&mut self, target: u64, _node: &()) -> Way {
        Way { hub: self.hub.clone(), disk: self.disk.clone(), target }
    }
}

pub(crate) struct Way {
    hub: Hub,
    disk: Handle,
    target: u64,
}

type Rpc<T> = Result<T, RPCError<Types>>;

fn unreachable(why: &str) -> RPCError<Types> {
    RPCError::Unreachable(Unreachable::from_string(why))
}

impl Way {
    /// Carries a call there, and its answer back.
    async fn carry<T, F>(&self, call: impl FnOnce(Raft) -> F + Send + 'static) -> Rpc<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RaftError<Types>>> + Send,
    {
        if !self.disk.is_alive() {
            return Err(unreachable("the sender has crashed"));
        }
        let (hub, target) = (self.hub.clone(), self.target);
        let sent = Runtime::spawn(async move {
            hub.travel().await;
            let (life, raft) = hub.node(target).ok_or_else(|| unreachable("it is down"))?;
            let answer = call(raft).await;
            if hub.node(target).is_none_or(|(now, _)| now != life) {
                return Err(unreachable("it has crashed"));
            }
            hub.travel().await;
            answer.map_err(|error| unreachable(&error.to_string()))
        });
        sent.await.map_err(|error| unreachable(&error.to_string()))?
    }
}

impl RaftNetworkV2<Types> for Way {
    type SnapshotData = ();

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Rpc<AppendEntriesResponse<Types>> {
        self.carry(move |raft| async move { raft.append_entries(rpc).await }).await
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Rpc<VoteResponse<Types>> {
        self.carry(move |raft| async move { raft.vote(rpc).await }).await
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Rpc<VoteResponse<Types>> {
        self.carry(move |raft| async move { raft.pre_vote(rpc).await }).await
    }

    async fn full_snapshot(
        &mut self,
        _vote: Vote,
        _snapshot: SnapshotOf<Types, ()>,
        _cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        Err(unreachable("there are no snapshots here").into())
    }
}
