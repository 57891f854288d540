//! What is to be said of a cluster before somebody has to find it out, in words.
//!
//! What is wrong with one replica's own disk, certificates or clock it says of itself; this is what one
//! replica knows of all of them, and of the work. Who follows knows less than who leads.

use std::collections::BTreeSet;
use std::time::Duration;

use stint_consensus::{ClusterStatus, MemberStatus};
use stint_core::{State, WorkerStatus};

use crate::api::health;
use crate::limits::{LAG_WARNED, LEARNER_PATIENCE, SHAPES_LOOKED_AT, WARNINGS_EACH_MAX};

/// All of it, the worst first.
pub(crate) fn of(status: &ClusterStatus, state: &State) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(no_leader) = health::no_leader(status) {
        all.push(format!(
            "{no_leader}: nothing is accepted or read here. If that lasts, bring back replicas, and \
             the network between them, until most of those that vote hear of each other"
        ));
    }
    all.extend(margin(status));
    some(&mut all, status.members.iter().filter_map(|member| silence(status, member)));
    some(&mut all, status.members.iter().filter_map(slowness));
    all.extend(versions(status));
    some(&mut all, status.level_warnings.iter().cloned());
    some(&mut all, status.members.iter().filter_map(clock));
    all.extend(voters(status));
    some(&mut all, workers(status, state));
    some(&mut all, queues(state));
    some(&mut all, stuck(state));
    all
}

/// The first few of one kind, and how many others there are.
fn some(all: &mut Vec<String>, mut found: impl Iterator<Item = String>) {
    all.extend(found.by_ref().take(WARNINGS_EACH_MAX));
    let others = found.count();
    if others > 0 {
        all.push(format!("and {others} more of these"));
    }
}

/// That one loss more is one too many.
fn margin(status: &ClusterStatus) -> Option<String> {
    let voters: Vec<_> = status.members.iter().filter(|member| member.is_voter).collect();
    let heard = voters.iter().filter(|member| member.is_reachable == Some(true)).count();
    let needed = voters.len() / 2 + 1;
    if status.leader != Some(status.id) || heard > needed {
        return None;
    }
    if voters.len() == 1 {
        return Some(
            "one replica votes: without it nothing works, and what is on its disk is nowhere else. \
             Add two"
                .to_owned(),
        );
    }
    Some(format!(
        "of {} replicas that vote {heard} are heard of, and {needed} are needed: one more loss stops \
         all writes",
        voters.len()
    ))
}

fn silence(status: &ClusterStatus, member: &MemberStatus) -> Option<String> {
    let is_silent = member.id != status.id && member.is_reachable == Some(false);
    is_silent.then(|| match member.heard_ago {
        Some(ago) => format!("replica {} has not been heard of for {}", member.id, span(ago)),
        None => {
            format!("replica {} has not been heard of since replica {} leads", member.id, status.id)
        }
    })
}

fn slowness(member: &MemberStatus) -> Option<String> {
    let behind = |lag| format!("it is {lag} entries behind");
    match (member.lag, member.learner_for) {
        (lag, Some(since)) if since >= LEARNER_PATIENCE => Some(format!(
            "replica {} follows without a vote for {} and has not caught up: {}. A large snapshot \
             may be on its way; otherwise its log says what keeps it",
            member.id,
            span(since),
            lag.map_or_else(|| "it has not answered yet".to_owned(), behind)
        )),
        (Some(lag), None) if lag > LAG_WARNED && member.is_reachable != Some(false) => {
            Some(format!("replica {} lags: {}", member.id, behind(lag)))
        }
        _ => None,
    }
}

fn versions(status: &ClusterStatus) -> Option<String> {
    let of = |member: &MemberStatus| Some((member.build.clone()?.version, member.id));
    let known: Vec<_> = status.members.iter().filter_map(of).collect();
    let different: BTreeSet<_> = known.iter().map(|(version, _)| version).collect();
    (different.len() > 1).then(|| {
        let each = known.iter().map(|(version, id)| format!("{id} runs {version}"));
        let each: Vec<_> = each.take(WARNINGS_EACH_MAX).collect();
        format!("replicas run different versions: {}; finish the upgrade", each.join(", "))
    })
}

fn clock(member: &MemberStatus) -> Option<String> {
    let ahead = member.clock_ahead_ms?;
    let off = span(Duration::from_millis(ahead.unsigned_abs()));
    let how = if ahead > 0 { "ahead of" } else { "behind" };
    Some(format!(
        "the clock of replica {} is {off} {how} that of the cluster; look after its NTP",
        member.id
    ))
}

fn voters(status: &ClusterStatus) -> Option<String> {
    stint_consensus::even_voters(status.members.iter().filter(|member| member.is_voter).count())
}

/// Workers that take nothing: because somebody wants that, or because their leases are over.
fn workers(status: &ClusterStatus, state: &State) -> impl Iterator<Item = String> {
    state.workers().filter_map(|worker| match (worker.status, worker.draining) {
        (WorkerStatus::Running, Some(_)) => Some(format!(
            "worker {} is draining and takes no jobs; it has {} left. `stint worker resume {}` \
             ends that",
            worker.id,
            worker.runs.len(),
            worker.id
        )),
        (WorkerStatus::Dead, _) if status.members.iter().any(|member| member.id == worker.id) => {
            Some(format!("worker {} is dead: its lease is over, and it runs nothing", worker.id))
        }
        (WorkerStatus::Running | WorkerStatus::Dead | WorkerStatus::Shutdown, _) => None,
    })
}

fn queues(state: &State) -> impl Iterator<Item = String> {
    state.paused().map(|(action, pause)| {
        let by = if pause.by.is_empty() { String::new() } else { format!(" by {}", pause.by) };
        let why =
            if pause.reason.is_empty() { String::new() } else { format!(" ({})", pause.reason) };
        format!(
            "the queue of the action \"{action}\" is paused{by}{why}: none of its jobs is claimed"
        )
    })
}

fn stuck(state: &State) -> impl Iterator<Item = String> {
    state.stuck(SHAPES_LOOKED_AT).into_iter().map(|stuck| {
        let (count, action) = (stuck.count, stuck.action);
        let (jobs, fit) = if count == 1 { ("job", "fits") } else { ("jobs", "fit") };
        format!("{count} {jobs} of the action \"{action}\" {fit} nowhere: {}", stuck.reason)
    })
}

/// A length of time as people say it.
fn span(of: Duration) -> String {
    match of.as_secs() {
        0 => format!("{} ms", of.as_millis()),
        seconds @ 1..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests;
