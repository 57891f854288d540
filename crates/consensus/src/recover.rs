//! A replica whose checkpoint or history is damaged, and whose log is not, gets both from another one.
//!
//! What it has promised to the others is in its log: votes, and entries that it has acknowledged. That
//! stays as it is, and so it stays the same replica, with its id. What is fetched is what all replicas
//! have alike, as of an entry that is committed, and no older than what the log still goes on from.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use openraft::EntryPayload;
use stint_core::{Level, WorkerId};
use stint_proto::peer::v1 as pb;
use stint_storage::{Identity, Received, StateAnew, StateStore};
use tokio::time::{Instant, timeout};
use tonic::Status;

use crate::blocking::blocking;
use crate::codec::{decode_header, level_of_header, wire_level};
use crate::error::Error;
use crate::inner::Inner;
use crate::level::check_level;
use crate::limits::{
    EXAMINE_BYTES, RECOVER_CHECKPOINT_LOOK, RECOVER_CHECKPOINT_TIMEOUT, SNAPSHOT_BYTES_PER_SECOND,
    SNAPSHOT_FRAME_TIMEOUT,
};
use crate::peers::{Lane, Peers};
use crate::restore::unfit;
use crate::snapshot::{Sending, frames};
use crate::types::{LogId, Membership, decode_entry, log_id_of};

/// A replica that does not run, and is to get checkpoint and history anew.
#[derive(Debug)]
pub struct Recovering {
    /// Its data directory.
    pub dir: PathBuf,
    /// Whose that is.
    pub identity: Identity,
    /// Where others are reached by their peers. Those that its log names come on top.
    pub peers: Vec<(WorkerId, String)>,
    /// How connections to peers are encrypted; in plain text if `None`.
    pub peer_tls: Option<stint_tls::Peers>,
}

/// What a replica has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// From whom.
    pub from: WorkerId,
    /// The last entry that is in it.
    pub index: u64,
    /// The last entry of its own log, with which it goes on.
    pub last: u64,
    /// The file as it was, unless it was gone.
    pub kept: Option<PathBuf>,
}

/// Fetches checkpoint and history from another replica. Nothing in the directory is changed before all
/// of it has come and was checked.
///
/// # Errors
/// [`Error::Unfit`] if the log is damaged, too; [`Error::Unavailable`] if no other replica has it.
pub async fn recover(recovering: Recovering) -> Result<Recovered, Error> {
    let Recovering { dir, identity, mut peers, peer_tls } = recovering;
    check_level(&dir)?;
    let opened = {
        let dir = dir.clone();
        blocking(move || {
            let bad = |error| of_log(error, identity);
            let store = StateAnew::open(&dir, identity).map_err(bad)?;
            let lineage = store.lineage()?;
            let members = read_log(&store, identity)?;
            Ok::<_, Error>((store, lineage, members))
        })
    };
    let (store, lineage, members) = opened.await.map_err(|error| ended(&error))??;
    for (id, node) in members.iter().flat_map(Membership::nodes) {
        if let Some(id) = WorkerId::new(*id)
            && !peers.iter().any(|known| *known == (id, node.peer_address.clone()))
        {
            peers.push((id, node.peer_address.clone()));
        }
    }
    peers.retain(|(id, _)| id.get() != identity.replica);
    if peers.is_empty() {
        return Err(unfit(
            "no other replica is known here: name one by --peer ID=HOST:PORT, its peer address as \
             `stint cluster status -o json` shows it",
        ));
    }
    let cluster = Bytes::copy_from_slice(&lineage.unwrap_or(identity.cluster));
    let purged = store.log.purged().map_or(0, |(index, _)| index);
    let ways = Peers::new(peer_tls, None, SNAPSHOT_BYTES_PER_SECOND);
    let mut refusals = Vec::new();
    for (id, address) in &peers {
        let request = pb::FetchSnapshotRequest {
            cluster: cluster.to_vec(),
            target: id.get(),
            replica: identity.replica,
            index: purged,
        };
        match fetch(&ways, address, request, &store).await {
            Ok(received) => return finish(store, received, *id).await,
            Err(status) => refusals.push(format!("{id} at {address}: {}", status.message())),
        }
    }
    Err(Error::Unavailable(format!(
        "no other replica gave its state: {}. Nothing was changed",
        refusals.join("; ")
    )))
}

fn ended(error: &dyn std::fmt::Display) -> Error {
    Error::Failed(error.to_string())
}

/// What the log is not fit for if it is damaged, too, with what is to be done then.
fn of_log(error: stint_storage::Error, identity: Identity) -> Error {
    match WorkerId::new(identity.replica) {
        Some(replica) if error.is_damage() && !error.is_of_state() => {
            unfit(format!("the log: {}", crate::damage::in_words(&error, replica)))
        }
        _ => error.into(),
    }
}

/// Reads all of the log, and gives the last members that it names.
fn read_log(store: &StateAnew, identity: Identity) -> Result<Option<Membership>, Error> {
    let log = &store.log;
    let mut found = None;
    let mut next = log.first_index().unwrap_or(u64::MAX);
    let end = log.last_index().map_or(0, |last| last + 1);
    while next < end {
        let entries = log.read(next, end, EXAMINE_BYTES);
        let entries = entries.map_err(|error| of_log(error, identity))?;
        for (index, bytes) in entries {
            next = index + 1;
            if let EntryPayload::Membership(members) = decode_entry(Bytes::from(bytes))?.payload {
                found = Some(members);
            }
        }
    }
    Ok(found)
}

/// Receives the state of one peer beside the log.
async fn fetch(
    ways: &Peers,
    address: &str,
    request: pb::FetchSnapshotRequest,
    store: &StateAnew,
) -> Result<Received, Status> {
    let wanted = request.index;
    let mut client = ways.client(request.target, address, Lane::Bulk)?;
    let mut frames = client.fetch_snapshot(request).await?.into_inner();
    let state = store.state.clone();
    let failed = |error: stint_storage::Error| Status::aborted(error.to_string());
    let mut writer = work(move || state.receive()).await?.map_err(failed)?;
    loop {
        let frame = timeout(SNAPSHOT_FRAME_TIMEOUT, frames.message()).await;
        let frame = frame.map_err(|_| Status::deadline_exceeded("it does not go on"))??;
        let Some(frame) = frame else { break };
        if frame.header.is_some() {
            continue;
        }
        let is_head = writer.checkpoint().is_none();
        writer = work(move || writer.write_frame(&frame.data).map(|()| writer))
            .await?
            .map_err(failed)?;
        if is_head && let Some(head) = writer.checkpoint() {
            level_of_header(&head.header)
                .map_err(|garbled| Status::failed_precondition(garbled.to_string()))?;
        }
    }
    let received = work(move || writer.finish()).await?.map_err(failed)?;
    let index = received.checkpoint().index;
    if index < wanted {
        return Err(Status::unavailable(format!("it has entry {index}, and {wanted} is needed")));
    }
    Ok(received)
}

async fn work<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Status> {
    blocking(work).await.map_err(|error| Status::internal(error.to_string()))
}

/// Puts what was received in its place.
async fn finish(store: StateAnew, received: Received, from: WorkerId) -> Result<Recovered, Error> {
    let done = blocking(move || {
        let head = received.checkpoint().clone();
        let (_, applied, _) = decode_header(&head.header)?;
        let applied = applied.as_ref().map(log_id_of);
        let applied = applied.ok_or_else(|| unfit("the state that came is of no entry"))?;
        let level: Level = level_of_header(&head.header)?;
        store.level.raise(wire_level(level))?;
        // Which lines were there was in the file that is damaged; those of other replicas are asked for.
        crate::refill::mark(&store.log)?;
        store.state.install(received)?;
        cut_stale_tail(&store, &applied)?;
        let last = store.log.last_index().unwrap_or(0).max(applied.index);
        let kept = store.finish()?;
        Ok::<_, Error>(Recovered { from, index: applied.index, last, kept })
    });
    done.await.map_err(|error| ended(&error))?
}

/// What another leader's log had in the place of an entry that is committed was never committed, and
/// neither was what follows it. Raft cuts it where it receives a snapshot while it runs.
fn cut_stale_tail(store: &StateAnew, applied: &LogId) -> Result<(), Error> {
    let log = &store.log;
    let (Some(first), Some(last)) = (log.first_index(), log.last_index()) else { return Ok(()) };
    if !(first..=last).contains(&applied.index) {
        return Ok(());
    }
    let entries = log.read(applied.index, applied.index + 1, EXAMINE_BYTES)?;
    for (index, bytes) in entries {
        if decode_entry(Bytes::from(bytes))?.log_id != *applied {
            log.truncate_from(index)?;
        }
    }
    Ok(())
}

/// The state of this replica for a member that has lost its own: a checkpoint that has the entry which
/// that one needs, and the history.
pub(crate) async fn give(
    inner: &Arc<Inner>,
    request: &pb::FetchSnapshotRequest,
) -> Result<impl Stream<Item = pb::SnapshotFrame> + Send + use<>, Status> {
    let Some(replica) = WorkerId::new(request.replica).filter(|id| inner.is_member(id.get()))
    else {
        let why = format!("replica {:012x} is not a member of this cluster", request.replica);
        return Err(Status::permission_denied(why));
    };
    let applied = inner.applied.read().applied.as_ref().map_or(0, |id| id.index);
    if applied < request.index {
        return Err(Status::unavailable(format!(
            "it has entries up to {applied}, and {} is needed",
            request.index
        )));
    }
    let state = inner.applied.store().state.clone();
    let sending = begin(inner, request.index.max(1), state);
    let sending = timeout(RECOVER_CHECKPOINT_TIMEOUT, sending).await;
    let sending =
        sending.map_err(|_| Status::unavailable("its checkpoint is not written yet"))??;
    tracing::info!(%replica, index = sending.index(), "a replica that has lost its state fetches it");
    let header = pb::SnapshotHeader {
        cluster: request.cluster.clone(),
        target: request.replica,
        ..pb::SnapshotHeader::default()
    };
    // Nobody goes on with it where it was cut: it is asked for again.
    let outgoing = Arc::new(inner.peers.outgoing.apart());
    Ok(frames(sending, (request.replica, 0), header, outgoing))
}

/// A view of a checkpoint that has this entry; one is written if there is none.
async fn begin(inner: &Inner, index: u64, state: StateStore) -> Result<Sending, Status> {
    let mut asked: Option<Instant> = None;
    loop {
        let from = state.clone();
        let begun = inner.blocking(move || Sending::begin(&from, 0)).await;
        let begun = begun.map_err(|error| Status::unavailable(error.to_string()))?;
        if let Some(sending) = begun.filter(|sending| sending.index() >= index) {
            return Ok(sending);
        }
        // Raft passes over what is asked for while it writes one.
        if asked.is_none_or(|at| at.elapsed() >= RECOVER_CHECKPOINT_LOOK * 10) {
            asked = Some(Instant::now());
            let triggered = inner.raft.trigger().snapshot().await;
            triggered.map_err(|error| Status::unavailable(error.to_string()))?;
        }
        tokio::time::sleep(RECOVER_CHECKPOINT_LOOK).await;
    }
}
