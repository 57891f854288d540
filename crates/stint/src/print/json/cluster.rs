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
    feature_level: u32,
    newest_feature_level: u32,
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::print) struct Statistics<'a> {
    #[serde(rename = "replicaID")]
    replica: &'a str,
    interval_seconds: u64,
    samples: Vec<Sample<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    jobs: &'a BTreeMap<String, u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sample<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    submitted: u64,
    ended: &'a BTreeMap<String, u64>,
    due: u64,
    running: u64,
    scheduled: u64,
    oldest_due_ms: u64,
}

impl<'a> Statistics<'a> {
    pub(in crate::print) fn of(statistics: &'a v0::GetStatisticsResponse) -> Self {
        let samples = statistics.samples.iter().map(|sample| Sample {
            at: sample.at.as_ref().map(super::time),
            submitted: sample.submitted,
            ended: &sample.ended,
            due: sample.due,
            running: sample.running,
            scheduled: sample.scheduled,
            oldest_due_ms: sample.oldest_due_ms,
        });
        Self {
            replica: &statistics.replica,
            interval_seconds: statistics.interval_seconds,
            samples: samples.collect(),
            jobs: &statistics.jobs,
        }
    }
}

/// Who calls.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::print) struct Caller<'a> {
    user: &'a str,
    role: &'a str,
    #[serde(rename = "tokenID")]
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

impl<'a> Caller<'a> {
    pub(in crate::print) fn of(caller: &'a v0::Caller) -> Self {
        let v0::Caller { user, role, token_id, expires_at } = caller;
        Self { user, role, token: token_id, expires_at: expires_at.as_ref().map(super::time) }
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
            feature_level: status.feature_level,
            newest_feature_level: status.newest_feature_level,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    newest_feature_level: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_free_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_total_bytes: Option<u64>,
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
            version: member.version.as_deref(),
            newest_feature_level: member.newest_feature_level,
            disk_free_bytes: member.disk_free_bytes,
            disk_total_bytes: member.disk_total_bytes,
        }
    }
}
