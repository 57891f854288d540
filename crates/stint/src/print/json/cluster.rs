//! The cluster as the answering replica knows it.

use std::collections::BTreeMap;

use serde::Serialize;
use stint_client::v0;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are those of the API")]
pub(in crate::print) struct Cluster<'a> {
    #[serde(rename = "replica_health")]
    replica_health: &'a BTreeMap<String, String>,
    #[serde(rename = "replicaID")]
    replica: &'a str,
    #[serde(rename = "leaderID")]
    leader: &'a str,
    term: u64,
    members: Vec<Member<'a>>,
    last_log_index: u64,
    committed_index: u64,
    applied_index: u64,
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<Disk>,
    warnings: &'a [String],
    cluster_warnings: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are those of the API, with their unit")]
struct Disk {
    free_bytes: u64,
    total_bytes: u64,
    log_bytes: u64,
    state_bytes: u64,
    output_bytes: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::print) struct Invitation<'a> {
    invitation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

impl<'a> Invitation<'a> {
    pub(in crate::print) fn of(invited: &'a v0::InviteReplicaResponse) -> Self {
        let expires_at = invited.expires_at.as_ref().map(super::time);
        Self { invitation: &invited.invitation, expires_at }
    }
}

impl<'a> Cluster<'a> {
    pub(in crate::print) fn of(status: &'a v0::GetClusterStatusResponse) -> Self {
        Self {
            replica_health: &status.replica_health,
            replica: &status.replica,
            leader: &status.leader,
            term: status.term,
            members: status.members.iter().map(Member::of).collect(),
            last_log_index: status.last_log_index,
            committed_index: status.committed_index,
            applied_index: status.applied_index,
            version: &status.version,
            disk: status.disk.as_ref().map(|disk| Disk {
                free_bytes: disk.free_bytes,
                total_bytes: disk.total_bytes,
                log_bytes: disk.log_bytes,
                state_bytes: disk.state_bytes,
                output_bytes: disk.output_bytes,
            }),
            warnings: &status.warnings,
            cluster_warnings: &status.cluster_warnings,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Member<'a> {
    id: &'a str,
    peer_address: &'a str,
    client_address: &'a str,
    is_voter: bool,
    is_leader: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag: Option<u64>,
}

impl<'a> Member<'a> {
    fn of(member: &'a v0::Member) -> Self {
        Self {
            id: &member.id,
            peer_address: &member.peer_address,
            client_address: &member.client_address,
            is_voter: member.is_voter,
            is_leader: member.is_leader,
            lag: member.lag,
        }
    }
}
