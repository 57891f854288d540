//! The health of each replica, in the words of the API.

use std::collections::BTreeMap;

use stint_consensus::{ClusterStatus, MemberStatus};

/// What v0 says of a replica that is well.
const WELL: &str = "OK";

/// `OK`, or what is wrong, by replica id, as the answering replica knows it.
pub(crate) fn of_all(status: &ClusterStatus) -> BTreeMap<String, String> {
    let mut all: BTreeMap<_, _> =
        status.members.iter().map(|member| (member.id.to_string(), of_member(member))).collect();
    all.insert(status.id.to_string(), of_this(status));
    all
}

fn of_this(status: &ClusterStatus) -> String {
    let no_leader = no_leader(status);
    let wrong: Vec<_> = no_leader
        .as_deref()
        .into_iter()
        .chain(status.warnings.iter().map(String::as_str))
        .collect();
    if wrong.is_empty() { WELL.to_owned() } else { wrong.join("; ") }
}

/// That this replica knows no leader, and since when.
pub(crate) fn no_leader(status: &ClusterStatus) -> Option<String> {
    match (&status.silence, status.leader) {
        (Some(silence), _) => Some(silence.to_string()),
        (None, None) => Some("no leader is known".to_owned()),
        (None, Some(_)) => None,
    }
}

fn of_member(member: &MemberStatus) -> String {
    match member.is_reachable {
        Some(false) => "it has not been heard of lately".to_owned(),
        Some(true) => match &member.condition {
            Some(own) if !own.warnings.is_empty() => own.warnings.join("; "),
            Some(_) | None => WELL.to_owned(),
        },
        None => "unknown: ask the leader".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use stint_consensus::Member;
    use stint_core::{Level, WorkerId};

    use super::*;

    fn status(leader: Option<u64>, warnings: &[&str]) -> ClusterStatus {
        let id = |number| WorkerId::new(number).unwrap();
        let member = |number, is_reachable| MemberStatus {
            id: id(number),
            member: Member { peer_address: String::new(), client_address: String::new() },
            is_voter: true,
            lag: None,
            is_reachable,
            heard_ago: None,
            learner_for: None,
            clock_ahead_ms: None,
            build: None,
            condition: None,
        };
        ClusterStatus {
            id: id(1),
            leader: leader.map(id),
            silence: None,
            term: 3,
            level: Level::FIRST,
            level_warnings: Vec::new(),
            last_log_index: 7,
            committed_index: 7,
            applied_index: 7,
            members: vec![
                member(1, Some(false)),
                member(2, Some(true)),
                member(3, Some(false)),
                member(4, None),
            ],
            disk: None,
            warnings: warnings.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn each_replica_is_ok_or_says_what_is_wrong() {
        let all = of_all(&status(Some(2), &[]));
        assert_eq!(all["000000000001"], "OK", "of itself a replica knows better");
        assert_eq!(all["000000000002"], "OK");
        assert_eq!(all["000000000003"], "it has not been heard of lately");
        assert_eq!(all["000000000004"], "unknown: ask the leader");
        let all = of_all(&status(None, &["the disk is full"]));
        assert_eq!(all["000000000001"], "no leader is known; the disk is full");
    }
}
