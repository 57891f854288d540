//! What a replica knows of its cluster.

use std::sync::PoisonError;
use std::time::Duration;

use openraft::Instant as _;
use openraft::async_runtime::WatchReceiver as _;
use stint_core::{Level, WorkerId};
use stint_storage::Usage;

use crate::condition::{Condition, SILENT_AFTER};
use crate::inner::Inner;
use crate::level::{Build, Known};
use crate::replica::Member;
use crate::silence::{self, Silence};

/// What a replica knows of its cluster.
#[derive(Debug, Clone)]
pub struct ClusterStatus {
    /// The replica that says so.
    pub id: WorkerId,
    /// The leader, if it knows one that is still heard of.
    pub leader: Option<WorkerId>,
    /// That none has been heard of for longer than an election takes.
    pub silence: Option<Silence>,
    /// The Raft term.
    pub term: u64,
    /// The feature level of the cluster, as far as it has applied the log.
    pub level: Level,
    /// What is to be said of members that do not all know the same level, in words.
    pub level_warnings: Vec<String>,
    /// The last entry of its log.
    pub last_log_index: u64,
    /// The last entry that it knows to be committed.
    pub committed_index: u64,
    /// The last entry that it has applied.
    pub applied_index: u64,
    /// All members, in the order of their ids.
    pub members: Vec<MemberStatus>,
    /// What is wrong with this replica's own disk or Raft, and what it was told of, in words.
    pub warnings: Vec<String>,
    /// The room on its disk; `None` if it cannot be told.
    pub disk: Option<Usage>,
}

/// One member as the answering replica knows it.
#[derive(Debug, Clone)]
pub struct MemberStatus {
    /// The member.
    pub id: WorkerId,
    /// Where it is reached.
    pub member: Member,
    /// Whether it votes, and its vote is as good as that of any other: while votes change hands, that of
    /// one who gets or loses his is not.
    pub is_voter: bool,
    /// Entries that the leader has and it has not; where another one answers, by what both have said
    /// about a second ago.
    pub lag: Option<u64>,
    /// Whether it has been heard of lately: on the leader by its acknowledgements, elsewhere by
    /// the answering replica's own connections; `None` where that is not known.
    pub is_reachable: Option<bool>,
    /// How long ago its last acknowledgement was, or elsewhere than on the leader its last answer; of
    /// those that have given one.
    pub heard_ago: Option<Duration>,
    /// For how long the leader has known it without a vote; known on the leader only.
    pub learner_for: Option<Duration>,
    /// By how many milliseconds its wall clock is ahead of the cluster's time, if that is too much.
    pub clock_ahead_ms: Option<i64>,
    /// What it runs, if it has said so to the answering replica since that started.
    pub build: Option<Build>,
    /// How it is by its own words, if it has said so to the answering replica since that started.
    pub condition: Option<Condition>,
}

impl MemberStatus {
    fn known(&self) -> Known {
        let is_away = self.is_reachable == Some(false);
        Known { id: self.id, build: self.build.clone(), is_away }
    }
}

/// What this one knows.
pub(crate) fn of(inner: &Inner) -> ClusterStatus {
    let metrics = inner.raft.metrics();
    let metrics = metrics.borrow_watched();
    let index = |id: Option<u64>| id.unwrap_or(0);
    let last_log_index = index(metrics.last_log_index);
    let membership = metrics.membership_config.membership();
    // While votes change hands, both what was and what comes needs its majority: who is in one of them
    // only does not yet make up for another, or does not any more.
    let configs = membership.get_joint_config();
    let is_voter = |id: &u64| configs.iter().all(|voters| voters.contains(id));
    let silence = silence::of(inner, &metrics);
    let astray = inner.clock.astray(inner.id.get());
    let learners = inner.learners.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let disk = inner.applied.store().usage().ok();
    let warnings = own_warnings(inner, disk);
    let leader = metrics.current_leader.filter(|_| metrics.replication.is_none());
    let newest = leader.and_then(|id| Some(inner.conditions.of(id)?.0.last_log_index));
    let members = membership
        .nodes()
        .filter_map(|(id, node)| {
            let is_us = *id == inner.id.get();
            let matched = metrics.replication.as_ref().and_then(|known| known.get(id));
            let lag = matched.map(|at| last_log_index - at.as_ref().map_or(0, |at| at.index));
            let heard = metrics.heartbeat.as_ref().and_then(|known| known.get(id));
            let said = inner.conditions.of(*id);
            let said_ago = said.as_ref().map(|(_, at)| at.elapsed());
            let is_reachable = match heard {
                _ if is_us => Some(true),
                Some(Some(at)) => Some(at.elapsed() < 2 * inner.timing.election_max),
                Some(None) => Some(false),
                None => said_ago.map(|ago| ago < SILENT_AFTER),
            };
            let own = || Condition::new(last_log_index, disk, warnings.clone());
            let condition = if is_us { Some(own()) } else { said.map(|(condition, _)| condition) };
            // Who does not lead takes what each, and the leader, has said.
            let lag =
                lag.or_else(|| Some(newest?.saturating_sub(condition.as_ref()?.last_log_index)));
            Some(MemberStatus {
                id: WorkerId::new(*id)?,
                member: Member {
                    peer_address: node.peer_address.clone(),
                    client_address: node.client_address.clone(),
                },
                is_voter: is_voter(id),
                lag,
                is_reachable,
                heard_ago: match heard {
                    Some(at) => at.as_ref().map(|at| at.elapsed()),
                    None => said_ago.filter(|_| !is_us),
                },
                learner_for: learners.get(id).map(tokio::time::Instant::elapsed),
                clock_ahead_ms: astray.get(id).copied(),
                build: if is_us { Some(Build::own()) } else { inner.builds.of(*id) },
                condition,
            })
        })
        .collect::<Vec<_>>();
    let level = inner.applied.read().state.level();
    let known: Vec<_> = members.iter().map(MemberStatus::known).collect();
    let level_warnings = crate::level::warnings(level, &known);
    ClusterStatus {
        id: inner.id,
        leader: metrics.current_leader.and_then(WorkerId::new).filter(|_| silence.is_none()),
        silence,
        term: metrics.current_term,
        level,
        level_warnings,
        last_log_index,
        committed_index: index(metrics.local_committed.as_ref().map(|id| id.index)),
        applied_index: index(metrics.last_applied.as_ref().map(|id| id.index)),
        members,
        warnings,
        disk,
    }
}

/// What is wrong with this replica's own disk or Raft, and what it was told of, in words.
pub(crate) fn own_warnings(inner: &Inner, disk: Option<Usage>) -> Vec<String> {
    let mut warnings: Vec<String> = inner.failure.seen().iter().map(ToString::to_string).collect();
    warnings.extend(inner.room().err().map(|error| error.to_string()));
    warnings.extend(crate::upkeep::slowness(inner));
    let is_full = inner.room().is_err();
    warnings
        .extend(disk.filter(|_| !is_full).and_then(|disk| crate::upkeep::shortage(inner, disk)));
    for loss in inner.applied.store().output.losses() {
        warnings.push(format!("output of day {} was lost: {}", loss.period, loss.reason));
    }
    let notices = inner.notices.lock().unwrap_or_else(PoisonError::into_inner);
    warnings.extend(notices.values().flatten().cloned());
    warnings
}
