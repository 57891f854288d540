//! Calls of peers, answered by this replica.

use std::pin::Pin;
use std::sync::{Arc, PoisonError, Weak};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use openraft::raft::{
    AppendEntriesRequest, StreamAppendError, StreamAppendResult, TransferLeaderRequest, VoteRequest,
};
use openraft::type_config::alias::{SnapshotMetaOf, SnapshotOf};
use stint_failpoint::failpoint;
use stint_proto::log::v1::Vote;
use stint_proto::peer::v1 as pb;
use stint_proto::peer::v1::peer_server::Peer;
use stint_storage::{CheckpointHeader, Received};
use tokio::time::Instant;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::blocking::blocking;
use crate::codec::{Garbled, level_of_header};
use crate::error::Error;
use crate::inbound::Sender;
use crate::inner::Inner;
use crate::limits::REFUSAL_LOG_INTERVAL;
use crate::snapshot::SnapshotData;
use crate::types::{
    Types, decode_entry, log_id_of, log_id_to_wire, stored_membership_of, vote_of, vote_to_wire,
};

/// The peer service of one replica. Connections outlive a replica that stops, and must not keep
/// its disk from the next one.
pub(crate) struct PeerService(pub(crate) Weak<Inner>);

type Answered<T> = Result<Response<T>, Status>;

impl PeerService {
    fn inner(&self) -> Result<Arc<Inner>, Status> {
        let inner = self.0.upgrade().filter(|inner| !*inner.stopping.borrow());
        inner.ok_or_else(|| failed(Error::ShuttingDown))
    }

    /// The replica, if a message to this target is one for it.
    fn if_for_us(&self, sender: Sender, cluster: &[u8], target: u64) -> Result<Arc<Inner>, Status> {
        let inner = self.inner()?;
        is_for_us(&inner, sender, cluster, target)?;
        Ok(inner)
    }

    fn if_of_ours(&self, sender: Sender, cluster: &[u8]) -> Result<Arc<Inner>, Status> {
        let inner = self.inner()?;
        is_of_ours(&inner, sender, cluster)?;
        Ok(inner)
    }
}

/// A message for another replica or another cluster is not obeyed: an address was wrong.
pub(crate) fn is_addressed(
    inner: &Inner,
    sender: Sender,
    cluster: &[u8],
    target: u64,
) -> Result<(), Status> {
    is_of_ours(inner, sender, cluster)?;
    if target == inner.id.get() {
        return Ok(());
    }
    Err(Status::failed_precondition(format!("this is replica {}, not {target:012x}", inner.id)))
}

pub(crate) fn is_same_cluster(inner: &Inner, cluster: &[u8]) -> Result<(), Status> {
    if cluster == inner.cluster.as_ref() {
        return Ok(());
    }
    let why = "this replica belongs to another cluster, or to what was restored or repaired of it";
    note_stranger(inner, why);
    Err(Status::failed_precondition(why))
}

/// A message is not obeyed either before this replica may speak under its id.
fn is_for_us(inner: &Inner, sender: Sender, cluster: &[u8], target: u64) -> Result<(), Status> {
    is_addressed(inner, sender, cluster, target)?;
    if *inner.admitted.borrow() {
        return Ok(());
    }
    Err(Status::unavailable("this replica does not take part yet"))
}

fn is_of_ours(inner: &Inner, sender: Sender, cluster: &[u8]) -> Result<(), Status> {
    is_same_cluster(inner, cluster)?;
    match sender.0 {
        Some(id) if !inner.is_member(id) => {
            Err(refused(format!("replica {id:012x} is not a member of this cluster")))
        }
        Some(_) | None => Ok(()),
    }
}

/// Nobody speaks for another: where a message names the replica that sends it, that is the one whose
/// certificate opened the connection.
fn is_of_sender(sender: Sender, vote: Option<&Vote>) -> Result<(), Status> {
    let named = vote.and_then(|vote| vote.leader.as_ref()).map(|leader| leader.replica);
    match (sender.0, named) {
        (Some(sender), Some(named)) if sender != named => {
            Err(refused(format!("replica {sender:012x} speaks as replica {named:012x}")))
        }
        _ => Ok(()),
    }
}

/// Says no to a peer that may not say what it says.
fn refused(message: String) -> Status {
    tracing::warn!(message, "a message of a peer was refused");
    Status::permission_denied(message)
}

/// A replica of another cluster knocks many times a second, for as long as it runs.
fn note_stranger(inner: &Inner, why: &str) {
    let mut told = inner.stranger_told.lock().unwrap_or_else(PoisonError::into_inner);
    if told.is_none_or(|at| at.elapsed() >= REFUSAL_LOG_INTERVAL) {
        tracing::warn!(why, "messages of a stranger are refused");
        *told = Some(Instant::now());
    }
}

/// Says that entries were refused, unless it has been said.
fn note_refused_entries(status: &Status) {
    if !matches!(status.code(), Code::PermissionDenied | Code::FailedPrecondition) {
        tracing::warn!(%status, "entries of a peer were refused");
    }
}

fn bad(garbled: &Garbled) -> Status {
    Status::invalid_argument(garbled.to_string())
}

fn missing(what: &str) -> Status {
    Status::invalid_argument(format!("the request has no {what}"))
}

fn append_of(request: pb::AppendEntriesRequest) -> Result<AppendEntriesRequest<Types>, Status> {
    let entries = request.entries.into_iter().map(decode_entry).collect::<Result<_, _>>();
    Ok(AppendEntriesRequest {
        vote: vote_of(&request.vote.ok_or_else(|| missing("vote"))?),
        prev_log_id: request.prev_log_id.as_ref().map(log_id_of),
        entries: entries.map_err(|garbled| bad(&garbled))?,
        leader_commit: request.leader_commit.as_ref().map(log_id_of),
    })
}

fn append_answer(answer: &StreamAppendResult<Types>) -> pb::AppendEntriesResponse {
    use pb::append_entries_response::Result as Wire;
    let (result, log_id) = match answer {
        Ok(log_id) => (Wire::Success(true), log_id.as_ref()),
        Err(StreamAppendError::Conflict(log_id)) => (Wire::Conflict(true), Some(log_id)),
        Err(StreamAppendError::HigherVote(vote)) => (Wire::HigherVote(vote_to_wire(vote)), None),
    };
    pb::AppendEntriesResponse { result: Some(result), log_id: log_id.map(log_id_to_wire) }
}

fn vote_request(request: &pb::VoteRequest) -> Result<VoteRequest<Types>, Status> {
    Ok(VoteRequest {
        vote: vote_of(request.vote.as_ref().ok_or_else(|| missing("vote"))?),
        last_log_id: request.last_log_id.as_ref().map(log_id_of),
        leadership_transfer: request.is_leader_transfer,
    })
}

fn vote_answer(answer: &openraft::raft::VoteResponse<Types>) -> pb::VoteResponse {
    pb::VoteResponse {
        vote: Some(vote_to_wire(&answer.vote)),
        last_log_id: answer.last_log_id.as_ref().map(log_id_to_wire),
        is_granted: answer.vote_granted,
    }
}

fn failed(error: impl std::fmt::Display) -> Status {
    Status::unavailable(error.to_string())
}

#[tonic::async_trait]
impl Peer for PeerService {
    type AppendEntriesStream =
        Pin<Box<dyn Stream<Item = Result<pb::AppendEntriesResponse, Status>> + Send>>;

    async fn append_entries(
        &self,
        request: Request<Streaming<pb::AppendEntriesRequest>>,
    ) -> Answered<Self::AppendEntriesStream> {
        let sender = Sender::of(&request);
        let inner = self.inner()?;
        let asked = Arc::clone(&inner);
        // A message that cannot be read ends the stream; the leader begins another.
        let appends = request.into_inner().map(move |message| {
            let message = message.ok()?;
            let append = is_for_us(&asked, sender, &message.cluster, message.target)
                .and_then(|()| is_of_sender(sender, message.vote.as_ref()))
                .inspect(|()| asked.note_word(message.vote.as_ref()))
                .and_then(|()| asked.has_reserve())
                .and_then(|()| failpoint!("consensus::peer::append").map_err(failed))
                .and_then(|()| append_of(message));
            append.inspect_err(note_refused_entries).ok()
        });
        let appends = appends.take_while(|append| std::future::ready(append.is_some()));
        // Raft waits for the next of them, which may come for as long as the leader lives.
        let appends = appends.filter_map(std::future::ready).take_until(inner.stopped());
        let answers = inner.raft.stream_append(Box::pin(appends)).map(|answer| match answer {
            Ok(answer) => Ok(append_answer(&answer)),
            Err(fatal) => Err(failed(fatal)),
        });
        Ok(Response::new(Box::pin(answers.take_until(inner.stopped()))))
    }

    async fn vote(&self, request: Request<pb::VoteRequest>) -> Answered<pb::VoteResponse> {
        let (sender, request) = (Sender::of(&request), request.get_ref());
        let inner = self.if_for_us(sender, &request.cluster, request.target)?;
        is_of_sender(sender, request.vote.as_ref())?;
        failpoint!("consensus::peer::vote").map_err(failed)?;
        let answer = inner.raft.vote(vote_request(request)?).await.map_err(failed)?;
        Ok(Response::new(vote_answer(&answer)))
    }

    async fn pre_vote(&self, request: Request<pb::VoteRequest>) -> Answered<pb::VoteResponse> {
        let (sender, request) = (Sender::of(&request), request.get_ref());
        let inner = self.if_for_us(sender, &request.cluster, request.target)?;
        is_of_sender(sender, request.vote.as_ref())?;
        let answer = inner.raft.pre_vote(vote_request(request)?).await.map_err(failed)?;
        Ok(Response::new(vote_answer(&answer)))
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<pb::SnapshotFrame>>,
    ) -> Answered<pb::SnapshotResponse> {
        let sender = Sender::of(&request);
        let mut frames = request.into_inner();
        let first = frames.message().await?.ok_or_else(|| missing("frame"))?;
        let header = first.header.ok_or_else(|| missing("header"))?;
        let inner = self.if_for_us(sender, &header.cluster, header.target)?;
        is_of_sender(sender, header.vote.as_ref())?;
        let place = (header.transfer, header.from_frame);
        let vote = vote_of(&header.vote.ok_or_else(|| missing("vote"))?);
        let membership = stored_membership_of(header.last_membership.unwrap_or_default());
        let meta = SnapshotMetaOf::<Types> {
            last_log_id: header.last_log_id.as_ref().map(log_id_of),
            last_membership: membership.map_err(|garbled| bad(&garbled))?,
        };
        // With its connection a request is dropped, wherever it is; what has come is kept all the same.
        let receiving = tokio::spawn(receive(Arc::clone(&inner), place, frames)).await;
        let received = receiving.map_err(|error| Status::internal(error.to_string()))??;
        let index = meta.last_log_id.as_ref().map_or(0, |id| id.index);
        if received.checkpoint().index != index {
            // The sender wrote a newer checkpoint between naming this one and reading it.
            return Err(Status::aborted("the snapshot is another than the one announced"));
        }
        let snapshot = SnapshotData::Received(Box::new(received));
        let snapshot = SnapshotOf::<Types, SnapshotData> { meta, snapshot };
        let answer = inner.raft.install_full_snapshot(vote, snapshot).await.map_err(failed)?;
        Ok(Response::new(pb::SnapshotResponse { vote: Some(vote_to_wire(&answer.vote)) }))
    }

    type FetchSnapshotStream =
        Pin<Box<dyn Stream<Item = Result<pb::SnapshotFrame, Status>> + Send>>;

    async fn fetch_snapshot(
        &self,
        request: Request<pb::FetchSnapshotRequest>,
    ) -> Answered<Self::FetchSnapshotStream> {
        let (sender, request) = (Sender::of(&request), request.into_inner());
        let inner = self.if_for_us(sender, &request.cluster, request.target)?;
        if sender.0.is_some_and(|sender| sender != request.replica) {
            return Err(refused(format!(
                "replica {:012x} asks for a snapshot, with the certificate of another one",
                request.replica
            )));
        }
        let frames = crate::recover::give(&inner, &request).await?;
        Ok(Response::new(Box::pin(frames.map(Ok).take_until(inner.stopped()))))
    }

    async fn snapshot_place(
        &self,
        request: Request<pb::SnapshotPlaceRequest>,
    ) -> Answered<pb::SnapshotPlaceResponse> {
        let (sender, request) = (Sender::of(&request), request.into_inner());
        let inner = self.if_for_us(sender, &request.cluster, request.target)?;
        let next_frame = inner.incoming.place(request.transfer).await?;
        Ok(Response::new(pb::SnapshotPlaceResponse { next_frame }))
    }

    async fn transfer_leader(
        &self,
        request: Request<pb::TransferLeaderRequest>,
    ) -> Answered<pb::TransferLeaderResponse> {
        let (sender, request) = (Sender::of(&request), request.into_inner());
        let inner = self.if_for_us(sender, &request.cluster, request.target)?;
        is_of_sender(sender, request.from_leader.as_ref())?;
        let from = vote_of(&request.from_leader.ok_or_else(|| missing("vote"))?);
        let last = request.last_log_id.as_ref().map(log_id_of);
        let transfer = TransferLeaderRequest::new(from, request.to, last);
        inner
            .raft
            .handle_transfer_leader(transfer)
            .await
            .map_err(failed)?
            .map_err(|error| Status::failed_precondition(error.to_string()))?;
        Ok(Response::new(pb::TransferLeaderResponse {}))
    }

    async fn clock(&self, request: Request<pb::ClockRequest>) -> Answered<pb::ClockResponse> {
        let (sender, request) = (Sender::of(&request), request.into_inner());
        let inner = self.inner()?;
        crate::members::answer_clock(&inner, sender, request).await.map(Response::new)
    }

    async fn join(&self, request: Request<pb::JoinRequest>) -> Answered<pb::JoinResponse> {
        let (sender, request) = (Sender::of(&request), request.into_inner());
        let inner = self.inner()?;
        if request.cluster != inner.cluster_named {
            return Err(Status::failed_precondition("this replica belongs to another cluster"));
        }
        if sender.0.is_some_and(|sender| sender != request.replica) {
            return Err(refused(format!(
                "replica {:012x} wants to join, with the certificate of another one",
                request.replica
            )));
        }
        let result = crate::join::accept(&inner, request).await;
        let lineage = inner.cluster.to_vec();
        Ok(Response::new(pb::JoinResponse { result: Some(result), lineage }))
    }

    async fn change_members(
        &self,
        request: Request<pb::ChangeMembersRequest>,
    ) -> Answered<pb::ChangeMembersResponse> {
        let (sender, request) = (Sender::of(&request), request.into_inner());
        let inner = self.if_of_ours(sender, &request.cluster)?;
        let change = request.change.ok_or_else(|| missing("change"))?;
        let result = crate::members::to_wire(inner.change_here(&change).await);
        Ok(Response::new(pb::ChangeMembersResponse { result: Some(result) }))
    }

    async fn propose(&self, request: Request<pb::ProposeRequest>) -> Answered<pb::ProposeResponse> {
        let (sender, request) = (Sender::of(&request), request.into_inner());
        let inner = self.if_of_ours(sender, &request.cluster)?;
        let results = inner.propose_for_peer(request.proposals).await;
        Ok(Response::new(pb::ProposeResponse {
            results: results.into_iter().map(crate::propose::to_wire).collect(),
        }))
    }

    async fn read_index(
        &self,
        request: Request<pb::ReadIndexRequest>,
    ) -> Answered<pb::ReadIndexResponse> {
        use pb::read_index_response::Result as Wire;
        let inner = self.if_of_ours(Sender::of(&request), &request.get_ref().cluster)?;
        let result = match inner.read_index_here().await {
            Ok(index) => Wire::ReadIndex(index),
            Err(why) => Wire::Unavailable(why),
        };
        Ok(Response::new(pb::ReadIndexResponse { result: Some(result) }))
    }

    async fn fetch_output(
        &self,
        request: Request<pb::FetchOutputRequest>,
    ) -> Answered<pb::FetchOutputResponse> {
        let (sender, request) = (Sender::of(&request), request.into_inner());
        let inner = self.if_of_ours(sender, &request.cluster)?;
        let job = <[u8; 16]>::try_from(request.job.as_slice()).map_err(|_| missing("job"))?;
        let output = inner.applied.store().output.clone();
        let read = blocking(move || {
            let limit = crate::limits::LINES_BYTES_MAX;
            let batches = output.read(request.period, &job, request.first, limit)?;
            let next = if batches.is_empty() {
                output.next_line(request.period, &job, request.first)?
            } else {
                None
            };
            Ok::<_, stint_storage::Error>((batches, next))
        });
        let (batches, next) = read.await.map_err(failed)?.map_err(failed)?;
        Ok(Response::new(pb::FetchOutputResponse {
            next,
            batches: batches
                .into_iter()
                .map(|batch| pb::OutputBatch {
                    first: batch.first_line,
                    count: batch.line_count,
                    batch: Bytes::from(batch.bytes),
                })
                .collect(),
        }))
    }
}

/// A snapshot that is sent to this replica, as far as it can be used.
async fn receive(
    inner: Arc<Inner>,
    place: (u64, u32),
    frames: Streaming<pb::SnapshotFrame>,
) -> Result<Received, Status> {
    let judge = |head: &CheckpointHeader| {
        let known = level_of_header(&head.header);
        known.map(drop).map_err(|garbled| {
            drop(inner.failure.unreadable("a snapshot", &garbled));
            Status::failed_precondition(garbled.to_string())
        })
    };
    let state = &inner.applied.store().state;
    tokio::select! {
        received = inner.incoming.receive(state, place, frames, judge) => received,
        () = inner.stopped() => Err(failed(Error::ShuttingDown)),
    }
}
