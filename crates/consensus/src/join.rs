//! A new replica joins a cluster that runs: with an invitation, which only an administrator can make.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use stint_core::{Command, Level, MembersChange, TokenHash, TokenId, WorkerId};
use stint_failpoint::failpoint;
use stint_proto::log::v1::Node;
use stint_proto::peer::v1 as pb;
use stint_proto::peer::v1::change_members_request::Change;
use stint_proto::peer::v1::join_response::Result as Answer;
use stint_storage::{Lineage, Store};
use stint_tls::Network;
use tokio::time::Instant;

use crate::audit::Origin;
use crate::codec::disk_of;
use crate::disks;
use crate::error::Error;
use crate::inner::Inner;
use crate::level::{Build, VERSION};
use crate::limits::{JOIN_PAUSE, JOIN_TIMEOUT, SNAPSHOT_BYTES_PER_SECOND};
use crate::peers::{Lane, Peers};
use crate::replica::Member;

/// A replica that wants to be a member.
#[derive(Debug)]
pub struct Joining {
    /// The new replica's id, which nobody has had before.
    pub id: WorkerId,
    /// The cluster's id.
    pub cluster: [u8; 16],
    /// Where it will be reached.
    pub member: Member,
    /// The secret of the invitation, as text.
    pub secret: String,
    /// Where members are reached by their peers, by what each is called if that is known: a
    /// connection is encrypted to the replica that is meant.
    pub peers: Vec<(WorkerId, String)>,
    /// How connections to peers are encrypted; in plain text if `None`.
    pub peer_tls: Option<stint_tls::Peers>,
}

/// Has the cluster take this replica as a member, and keeps in `store` that it has. It may be asked
/// again with the same store: one invitation is for one disk. Gives the number of members.
pub async fn join(joining: Joining, store: &Store) -> Result<u32, Error> {
    join_over(None, joining, store).await
}

/// The same over this network, unless that is TCP.
pub async fn join_over(
    network: Option<Arc<dyn Network>>,
    joining: Joining,
    store: &Store,
) -> Result<u32, Error> {
    let disk = disks::own(&store.log)?;
    let peers = Peers::new(joining.peer_tls.clone(), network, SNAPSHOT_BYTES_PER_SECOND);
    let end = Instant::now() + JOIN_TIMEOUT;
    let mut whys = Vec::new();
    loop {
        whys.clear();
        for (id, address) in &joining.peers {
            match ask(&peers, &joining, disk, (*id, address)).await {
                Ok((Answer::Joined(members), lineage)) => {
                    if let Some(lineage) = lineage.filter(|id| *id != joining.cluster) {
                        store.begin_lineage(lineage)?;
                    }
                    failpoint!("consensus::join::note").map_err(stint_storage::Error::from)?;
                    let noted = disks::note_joined(&store.log);
                    noted.map_err(|error| Error::Failed(format!("the log: {error}")))?;
                    return Ok(members);
                }
                Ok((Answer::Refused(why), _)) => return Err(Error::MembersStay(why)),
                Ok((Answer::Unavailable(why), _)) => whys.push(format!("{address}: {why}")),
                Err(status) => whys.push(format!("{address}: {}", status.message())),
            }
        }
        if Instant::now() + JOIN_PAUSE >= end {
            let why = format!("no member took this replica in: {}", whys.join("; "));
            return Err(Error::Unavailable(why));
        }
        tokio::time::sleep(JOIN_PAUSE).await;
    }
}

async fn ask(
    peers: &Peers,
    joining: &Joining,
    disk: disks::Disk,
    (id, address): (WorkerId, &String),
) -> Result<(Answer, Option<Lineage>), tonic::Status> {
    let mut client = peers.client(id.get(), address, Lane::Request)?;
    let mut request = tonic::Request::new(pb::JoinRequest {
        cluster: joining.cluster.to_vec(),
        secret: joining.secret.clone(),
        replica: joining.id.get(),
        disk: disk.to_vec(),
        peer_address: joining.member.peer_address.clone(),
        client_address: joining.member.client_address.clone(),
        newest_level: Level::NEWEST.get(),
        version: VERSION.to_owned(),
    });
    request.set_timeout(JOIN_TIMEOUT);
    let answer = client.join(request).await?.into_inner();
    let lineage = Lineage::try_from(answer.lineage).ok();
    let result = answer.result.ok_or_else(|| tonic::Status::data_loss("the answer is empty"))?;
    Ok((result, lineage))
}

/// A replica with an invitation wants to be a member.
pub(crate) async fn accept(inner: &Inner, request: pb::JoinRequest) -> Answer {
    let parsed = WorkerId::new(request.replica).zip(disk_of(&request.disk).ok());
    let Some((replica, disk)) = parsed else {
        return Answer::Refused("the request has no id of a replica or of its disk".to_owned());
    };
    let hash = TokenHash(Sha256::digest(&request.secret).into());
    if let Err(error) = inner.barrier().await {
        return Answer::Unavailable(error.to_string());
    }
    let build = Build::of_wire(request.newest_level, &request.version);
    let level = inner.applied.read().state.level();
    if build.newest_level < level {
        tracing::warn!(%replica, ?build, level = level.get(), "a new replica runs too old a version");
        return Answer::Refused(format!(
            "the cluster has feature level {level}, and replica {replica} runs version {}, which knows \
             levels up to {}: have it run version {VERSION} or a later one, and join again with the \
             same invitation",
            build.version, build.newest_level
        ));
    }
    let is_again = inner.applied.read().state.has_taken(hash, replica, disk);
    if inner.members().0.contains(&replica.get()) && !is_again {
        return Answer::Refused(format!(
            "replica {replica} is a member already. If its disk is lost, remove it with `stint \
             cluster remove {replica}`, and join with a new id and a new data directory"
        ));
    }
    let origin = Origin {
        token: Some(TokenId::of(hash)),
        remote: request.peer_address.clone(),
        ..Origin::default()
    };
    let knows = build.newest_level;
    let taken = Command::Members(Box::new(MembersChange::Join { hash, replica, disk, knows }));
    match inner.propose(taken, Some(&origin)).await {
        Ok(Ok(_)) => {}
        Ok(Err(refusal)) => return Answer::Refused(refusal.to_string()),
        Err(error) => return Answer::Unavailable(error.to_string()),
    }
    if let Err(why) = failpoint!("consensus::join::taken") {
        return Answer::Unavailable(why.to_string());
    }
    let pb::JoinRequest { peer_address, client_address, .. } = request;
    let node = Some(Node { peer_address, client_address });
    let add = Change::Add(pb::NewMember { replica: replica.get(), node });
    match inner.change(&add, replica).await {
        Ok(()) => Answer::Joined(u32::try_from(inner.members().0.len()).unwrap_or(u32::MAX)),
        Err(Error::MembersStay(why)) => Answer::Refused(why),
        Err(error) => Answer::Unavailable(error.to_string()),
    }
}
