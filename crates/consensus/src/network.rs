//! Raft's calls to peers.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use openraft::OptionalSend;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError,
    StreamAppendResult, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::type_config::alias::SnapshotOf;
use stint_proto::peer::v1 as pb;
use stint_storage::StateStore;
use tonic::{Request, Status};

use crate::blocking::blocking;
use crate::heartbeat::Session;
use crate::limits::{SNAPSHOT_TIMEOUT, SNAPSHOT_TURN_TIMEOUT};
use crate::peers::{Client, Lane, Peers};
use crate::snapshot::{self, Sending, SnapshotData};
use crate::types::{
    Node, Types, Vote, encode_entry, log_id_of, log_id_to_wire, stored_membership_to_wire, vote_of,
    vote_to_wire,
};

type Boxed<'a, T> = futures_util::future::BoxFuture<'a, T>;
type BoxedStream<'a, T> = futures_util::stream::BoxStream<'a, T>;

/// Makes openraft's ways to peers.
pub(crate) struct Network {
    pub(crate) cluster: Bytes,
    pub(crate) peers: Arc<Peers>,
}

impl Network {
    fn way(&self, target: u64, node: &Node, lane: Lane) -> Way {
        Way {
            cluster: self.cluster.clone(),
            target,
            address: node.peer_address.clone(),
            peers: Arc::clone(&self.peers),
            lane,
            session: None,
        }
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Way;

    async fn new_client(&mut self, target: u64, node: &Node) -> Way {
        self.way(target, node, Lane::Append)
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &Node) -> Way {
        self.way(target, node, Lane::Control)
    }

    async fn new_snapshot_client(&mut self, target: u64, node: &Node) -> Way {
        self.way(target, node, Lane::Bulk)
    }
}

/// The way to one peer, for one purpose.
pub(crate) struct Way {
    cluster: Bytes,
    target: u64,
    address: String,
    peers: Arc<Peers>,
    lane: Lane,
    /// What the last heartbeat went over, if it was answered.
    session: Option<Session>,
}

type Rpc<T> = Result<T, RPCError<Types>>;

fn unreachable(status: &Status) -> RPCError<Types> {
    RPCError::Unreachable(Unreachable::from_string(status))
}

fn within<T>(message: T, limit: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request
}

impl Way {
    fn client(&self, lane: Lane) -> Rpc<Client> {
        self.peers.client(self.target, &self.address, lane).map_err(|status| unreachable(&status))
    }

    /// The answer of the peer, with a note of whether there was one.
    fn noted<T>(&self, answer: Result<T, Status>) -> Rpc<T> {
        match &answer {
            Ok(_) => self.peers.troubles.end(self.target),
            Err(status) => self.peers.troubles.note(self.target, status),
        }
        answer.map_err(|status| unreachable(&status))
    }

    /// The snapshot at this index, and the frame with which it begins: where it was cut off, if both
    /// ends still have what is needed for that.
    async fn sending(&self, store: StateStore, index: u64) -> Rpc<(Sending, u32)> {
        if let Some(sending) = self.peers.outgoing.take(self.target, index).await {
            let request = within(
                pb::SnapshotPlaceRequest {
                    cluster: self.cluster.to_vec(),
                    target: self.target,
                    transfer: sending.transfer,
                },
                SNAPSHOT_TURN_TIMEOUT * 2,
            );
            match self.client(Lane::Bulk)?.snapshot_place(request).await {
                Ok(place) if sending.has(place.get_ref().next_frame) => {
                    let from = place.get_ref().next_frame;
                    let peer = format!("{:012x}", self.target);
                    tracing::info!(peer, from, "a snapshot goes on where it was cut off");
                    return Ok((sending, from));
                }
                Ok(_) => {}
                Err(status) => {
                    self.peers.outgoing.keep(self.target, sending);
                    return Err(unreachable(&status));
                }
            }
        }
        let mut transfer = [0; 8];
        let drawn = getrandom::fill(&mut transfer);
        let transfer = u64::from_ne_bytes(transfer);
        let begun = blocking(move || Sending::begin(&store, transfer)).await;
        let failed = |error: &dyn std::fmt::Display| {
            unreachable(&Status::internal(format!("the snapshot: {error}")))
        };
        drawn.map_err(|error| failed(&error))?;
        let sending = begun.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        Ok((sending.ok_or_else(|| failed(&"there is none"))?, 0))
    }

    /// Asks over the stream of the heartbeat before, or over a new one. What is not answered in time is
    /// given up together with its stream, so that no later question gets its answer.
    async fn beat(&mut self, rpc: &AppendEntriesRequest<Types>) -> Rpc<StreamAppendResult<Types>> {
        let request = append_request(&self.cluster, self.target, rpc);
        if let Some(mut session) = self.session.take() {
            // The peer may have ended it meanwhile, by itself or with its process.
            if let Ok(answer) = session.ask(request.clone()).await {
                return self.beaten(session, answer);
            }
        }
        let asked = Session::begin(self.client(self.lane)?, request).await;
        let (session, answer) = self.noted(asked)?;
        self.beaten(session, answer)
    }

    /// Takes a heartbeat's answer. After any other than a plain one the peer ends the stream.
    fn beaten(
        &mut self,
        session: Session,
        answer: pb::AppendEntriesResponse,
    ) -> Rpc<StreamAppendResult<Types>> {
        let answer = append_answer(answer)?;
        if answer.is_ok() {
            self.session = Some(session);
        }
        Ok(answer)
    }

    fn vote_request(&self, rpc: &VoteRequest<Types>) -> pb::VoteRequest {
        pb::VoteRequest {
            cluster: self.cluster.to_vec(),
            target: self.target,
            vote: Some(vote_to_wire(&rpc.vote)),
            last_log_id: rpc.last_log_id.as_ref().map(log_id_to_wire),
            is_leader_transfer: rpc.leadership_transfer,
        }
    }
}

fn append_request(
    cluster: &Bytes,
    target: u64,
    rpc: &AppendEntriesRequest<Types>,
) -> pb::AppendEntriesRequest {
    pb::AppendEntriesRequest {
        cluster: cluster.to_vec(),
        target,
        vote: Some(vote_to_wire(&rpc.vote)),
        prev_log_id: rpc.prev_log_id.as_ref().map(log_id_to_wire),
        entries: rpc.entries.iter().map(|entry| Bytes::from(encode_entry(entry))).collect(),
        leader_commit: rpc.leader_commit.as_ref().map(log_id_to_wire),
    }
}

fn append_answer(answer: pb::AppendEntriesResponse) -> Rpc<StreamAppendResult<Types>> {
    use pb::append_entries_response::Result as Wire;
    let log_id = answer.log_id.as_ref().map(log_id_of);
    match answer.result {
        Some(Wire::Success(_)) => Ok(Ok(log_id)),
        Some(Wire::Conflict(_)) => match log_id {
            Some(id) => Ok(Err(StreamAppendError::Conflict(id))),
            None => Err(unreachable(&Status::data_loss("a conflict without a place"))),
        },
        Some(Wire::HigherVote(vote)) => Ok(Err(StreamAppendError::HigherVote(vote_of(&vote)))),
        None => Err(unreachable(&Status::data_loss("an empty answer to an append"))),
    }
}

fn required_vote(vote: Option<&stint_proto::log::v1::Vote>) -> Rpc<Vote> {
    vote.map(vote_of).ok_or_else(|| unreachable(&Status::data_loss("an answer without a vote")))
}

fn vote_answer(answer: &pb::VoteResponse) -> Rpc<VoteResponse<Types>> {
    Ok(VoteResponse {
        vote: required_vote(answer.vote.as_ref())?,
        vote_granted: answer.is_granted,
        last_log_id: answer.last_log_id.as_ref().map(log_id_of),
    })
}

impl RaftNetworkV2<Types> for Way {
    type SnapshotData = SnapshotData;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Rpc<AppendEntriesResponse<Types>> {
        let limit = option.hard_ttl();
        let request = append_request(&self.cluster, self.target, &rpc);
        let mut client = self.client(self.lane)?;
        let call = async {
            let requests = futures_util::stream::iter([request]);
            let mut answers = client.append_entries(requests).await?.into_inner();
            answers.message().await?.ok_or_else(|| Status::unavailable("no answer to an append"))
        };
        let answer = tokio::time::timeout(limit, call)
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("an append was not answered")));
        append_answer(self.noted(answer)?).map(AppendEntriesResponse::from)
    }

    fn stream_append<'s, S>(
        &'s mut self,
        mut input: S,
        _option: RPCOption,
    ) -> Boxed<'s, Rpc<BoxedStream<'s, Rpc<StreamAppendResult<Types>>>>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        if self.lane == Lane::Control {
            let beats =
                futures_util::stream::unfold((self, input), |(way, mut input)| async move {
                    let rpc = input.next().await?;
                    Some((way.beat(&rpc).await, (way, input)))
                });
            return Box::pin(std::future::ready(Ok(beats.boxed())));
        }
        Box::pin(async move {
            // openraft's pause after a failure is in the stream of requests: to call before the
            // first of them is there is to call a dead peer without pause.
            let Some(first) = input.next().await else {
                return Ok(futures_util::stream::empty().boxed());
            };
            let (cluster, target) = (self.cluster.clone(), self.target);
            let requests = futures_util::stream::once(std::future::ready(first)).chain(input);
            let requests = requests.map(move |rpc| append_request(&cluster, target, &rpc));
            let mut client = self.client(self.lane)?;
            let answers = client.append_entries(requests).await;
            let answers = self.noted(answers)?.into_inner();
            let answers: BoxedStream<'s, _> = Box::pin(answers.map(|answer| {
                answer.map_err(|status| unreachable(&status)).and_then(append_answer)
            }));
            Ok(answers)
        })
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Rpc<VoteResponse<Types>> {
        let request = within(self.vote_request(&rpc), option.hard_ttl());
        let answer = self.client(Lane::Control)?.vote(request).await;
        vote_answer(self.noted(answer)?.get_ref())
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Rpc<VoteResponse<Types>> {
        let request = within(self.vote_request(&rpc), option.hard_ttl());
        let answer = self.client(Lane::Control)?.pre_vote(request).await;
        vote_answer(self.noted(answer)?.get_ref())
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: SnapshotOf<Types, SnapshotData>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let SnapshotData::Stored(store) = snapshot.snapshot else {
            let status = Status::internal("a snapshot that is not ours to send");
            return Err(unreachable(&status).into());
        };
        let header = pb::SnapshotHeader {
            cluster: self.cluster.to_vec(),
            target: self.target,
            vote: Some(vote_to_wire(&vote)),
            last_log_id: snapshot.meta.last_log_id.as_ref().map(log_id_to_wire),
            last_membership: Some(stored_membership_to_wire(&snapshot.meta.last_membership)),
            ..pb::SnapshotHeader::default()
        };
        let index = snapshot.meta.last_log_id.as_ref().map_or(0, |id| id.index);
        let (sending, from) = self.sending(store, index).await?;
        let outgoing = Arc::clone(&self.peers.outgoing);
        let frames = snapshot::frames(sending, (self.target, from), header, outgoing);
        let mut client = self.client(Lane::Bulk)?;
        let send = client.install_snapshot(within(frames, SNAPSHOT_TIMEOUT));
        tokio::select! {
            closed = cancel => Err(StreamingError::Closed(closed)),
            answer = send => match answer {
                Ok(answer) => {
                    self.peers.outgoing.forget(self.target);
                    let vote = required_vote(answer.get_ref().vote.as_ref())?;
                    Ok(SnapshotResponse::new(vote))
                }
                Err(status) => Err(unreachable(&status).into()),
            },
        }
    }

    async fn transfer_leader(
        &mut self,
        rpc: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Rpc<TransferLeaderResponse<Types>> {
        let request = pb::TransferLeaderRequest {
            cluster: self.cluster.to_vec(),
            target: self.target,
            from_leader: Some(vote_to_wire(rpc.from_leader())),
            to: *rpc.to_node_id(),
            last_log_id: rpc.last_log_id().map(log_id_to_wire),
        };
        let request = within(request, option.hard_ttl());
        let answer = self.client(Lane::Control)?.transfer_leader(request).await;
        self.noted(answer).map(|_| Ok(()))
    }
}
