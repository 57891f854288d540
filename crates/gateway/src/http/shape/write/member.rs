//! A member of the cluster, as JSON.

use serde::Serialize;
use stint_consensus::MemberStatus;
use stint_core::WorkerId;

use super::Text;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member<'a> {
    id: Text<WorkerId>,
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
    pub(super) fn of(member: &'a MemberStatus, leader: Option<WorkerId>) -> Self {
        let disk = member.condition.as_ref().and_then(|own| own.disk);
        Self {
            id: Text(member.id),
            peer_address: &member.member.peer_address,
            client_address: &member.member.client_address,
            is_voter: member.is_voter,
            is_leader: leader == Some(member.id),
            lag: member.lag,
            version: member.build.as_ref().map(|build| build.version.as_str()),
            newest_feature_level: member.build.as_ref().map(|build| build.newest_level.get()),
            disk_free_bytes: disk.map(|(free, _)| free),
            disk_total_bytes: disk.map(|(_, total)| total),
        }
    }
}
