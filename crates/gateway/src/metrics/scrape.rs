//! All that is on the page, read from where it is.

use std::collections::BTreeMap;

use stint_consensus::{ClusterStatus, Measures};
use stint_core::{State, Timestamp, WorkerId, WorkerStatus};

use super::Metrics;
use super::jobs::{Jobs, OfAction};
use super::page::{self, Family};
use super::process::{Process, number};
use crate::VERSION;

impl Metrics {
    /// The page. What it costs does not depend on how many jobs there are.
    pub(crate) fn text(&self) -> String {
        let status = self.replica.status();
        let now = self.replica.now();
        let me = self.replica.id();
        let measures = self.replica.measures();
        let mut all = raft(&status, &measures);
        all.extend(log(&status, &measures));
        all.extend(disk(&status));
        all.extend({
            let mut jobs = self.jobs();
            let mut families = self.replica.with_state(|state| {
                let mut families = cluster(state, now, &mut jobs);
                families.extend(worker(state, me, now));
                families
            });
            families.extend(counted(&jobs));
            families.extend(ticks(&jobs));
            families
        });
        all.extend(self.requests());
        all.extend(process());
        page::text(all)
    }

    fn requests(&self) -> [Family; 4] {
        let counts = self.requests.counts().into_iter().map(|(route, code, count)| {
            (vec![("route", route.to_owned()), ("code", code)], number(count))
        });
        let times = self.requests.times();
        let times =
            times.into_iter().map(|(route, times)| (vec![("route", route.to_owned())], times));
        [
            Family::counters(
                "stint_requests",
                "Requests of clients that were answered, by HTTP status or gRPC code",
                counts,
            ),
            Family::times(
                "stint_request_seconds",
                "From the head of a request to that of its answer",
                times,
            ),
            Family::gauge(
                "stint_connections",
                "Connections of clients that are open",
                number(self.connections.open()),
            ),
            Family::counter(
                "stint_connections_refused",
                "Connections that were closed at once, because their address had too many",
                number(self.connections.refused()),
            ),
        ]
    }
}

/// The part of this replica in Raft.
fn raft(status: &ClusterStatus, measures: &Measures) -> Vec<Family> {
    let flag = |is: bool| if is { 1.0 } else { 0.0 };
    // Each member once in the cluster: as the leader knows it, and itself.
    let leads = status.leader == Some(status.id);
    let lags = status.members.iter().filter_map(|member| {
        let lag = member.lag.filter(|_| leads && member.id != status.id)?;
        Some((member.id.to_string(), number(lag)))
    });
    let reachable = status.members.iter().filter_map(|member| {
        let is = member.is_reachable.filter(|_| leads || member.id == status.id)?;
        Some((member.id.to_string(), flag(is)))
    });
    let voters = status.members.iter().filter(|member| member.is_voter).count();
    let build = [(VERSION.to_owned(), 1.0)];
    vec![
        Family::gauges("stint_build_info", "The version of this replica", "version", build),
        Family::gauge(
            "stint_raft_is_leader",
            "Whether this replica leads",
            flag(status.leader == Some(status.id)),
        ),
        Family::gauge(
            "stint_raft_has_leader",
            "Whether this replica knows a leader that is still heard of",
            flag(status.leader.is_some()),
        ),
        Family::gauge(
            "stint_raft_leader_silence_seconds",
            "For how long no leader has been heard of, once that is longer than an election; else 0",
            status.silence.map_or(0.0, |silence| silence.lasts.as_secs_f64()),
        ),
        Family::gauge("stint_raft_term", "The term of Raft", number(status.term)),
        Family::gauge("stint_raft_voters", "Members that vote", number(voters)),
        Family::counter(
            "stint_raft_leader_changes",
            "How often another leader was heard of",
            number(measures.leader_changes),
        ),
        Family::gauges(
            "stint_raft_member_lag_entries",
            "Entries that the leader has and a member has not, on the leader",
            "member",
            lags,
        ),
        Family::gauges(
            "stint_raft_member_reachable",
            "Whether a member has been heard of lately, as far as this replica knows",
            "member",
            reachable,
        ),
    ]
}

/// The log of this replica, and what is proposed to it.
fn log(status: &ClusterStatus, measures: &Measures) -> Vec<Family> {
    vec![
        Family::gauge(
            "stint_log_last_index",
            "The last entry of the log",
            number(status.last_log_index),
        ),
        Family::gauge(
            "stint_log_committed_index",
            "The last entry known to be committed",
            number(status.committed_index),
        ),
        Family::gauge(
            "stint_log_applied_index",
            "The last entry that is applied",
            number(status.applied_index),
        ),
        Family::gauge(
            "stint_log_checkpoint_index",
            "The last entry in a checkpoint",
            number(measures.checkpoint_index),
        ),
        Family::gauge(
            "stint_log_purged_index",
            "The last entry that is not in the log any more",
            number(measures.purged_index),
        ),
        Family::times(
            "stint_log_commit_seconds",
            "Commits of the log, until fdatasync has returned",
            [(Vec::new(), measures.commits.clone())],
        ),
        Family::times(
            "stint_proposal_seconds",
            "Proposals of this replica, until they are applied here",
            [(Vec::new(), measures.proposals.clone())],
        ),
        Family::counter(
            "stint_proposals_failed",
            "Proposals of this replica that failed, or whose outcome is not known",
            number(measures.proposals_failed),
        ),
    ]
}

/// What its disk has, and what is wrong with it.
fn disk(status: &ClusterStatus) -> Vec<Family> {
    let disk = status.disk;
    vec![
        Family::gauge(
            "stint_warnings",
            "What is wrong with this replica; `stint cluster status` says it in words",
            number(status.warnings.len()),
        ),
        Family::gauge(
            "stint_disk_free_bytes",
            "Room on the disk of the data directory",
            disk.map(|disk| number(disk.free_bytes)),
        ),
        Family::gauge(
            "stint_disk_size_bytes",
            "The disk of the data directory",
            disk.map(|disk| number(disk.total_bytes)),
        ),
        Family::gauges(
            "stint_disk_file_bytes",
            "The files of the log, of the state with the history, and of the output",
            "file",
            disk.into_iter().flat_map(|disk| {
                [
                    ("log", disk.log_bytes),
                    ("state", disk.state_bytes),
                    ("output", disk.output_bytes),
                ]
                .map(|(file, bytes)| (file.to_owned(), number(bytes)))
            }),
        ),
    ]
}

/// The state of the cluster as this replica has applied it.
fn cluster(state: &State, now: Timestamp, jobs: &mut Jobs) -> Vec<Family> {
    let mut due: BTreeMap<String, (f64, f64)> =
        jobs.by_action.keys().map(|action| (action.clone(), (0.0, 0.0))).collect();
    for (action, count, since) in state.due_by_action() {
        let age = seconds_between(since, now);
        // It is one of the counted from now on, and not sometimes there and sometimes not.
        jobs.of(action);
        let (sum, oldest) = due.entry(jobs.name(action).to_owned()).or_default();
        *sum += number(count);
        *oldest = oldest.max(age);
    }
    let ages: Vec<_> = due.iter().map(|(action, (_, age))| (action.clone(), *age)).collect();
    let due: Vec<_> = due.into_iter().map(|(action, (count, _))| (action, count)).collect();
    let status = |status: WorkerStatus| {
        let count = state.workers().filter(|worker| worker.status == status).count();
        (status.name().to_owned(), number(count))
    };
    let statuses = [WorkerStatus::Running, WorkerStatus::Dead, WorkerStatus::Shutdown].map(status);
    vec![
        Family::gauges(
            "stint_jobs_due",
            "Jobs that are due and not claimed, the same on all replicas",
            "action",
            due,
        ),
        Family::gauges(
            "stint_jobs_due_age_seconds",
            "For how long the first of these has been due",
            "action",
            ages,
        ),
        Family::gauge(
            "stint_jobs_scheduled",
            "Jobs that wait for their time, the same on all replicas",
            number(state.later_count()),
        ),
        Family::gauge(
            "stint_jobs_live",
            "Jobs that are not over, the same on all replicas",
            number(state.jobs().len()),
        ),
        Family::gauges(
            "stint_workers",
            "Workers by their status, the same on all replicas",
            "status",
            statuses,
        ),
        Family::gauge(
            "stint_crons",
            "Crons, the same on all replicas",
            number(state.crons().len()),
        ),
    ]
}

/// The worker of this replica, while it lives.
fn worker(state: &State, me: WorkerId, now: Timestamp) -> [Family; 4] {
    let own = state.worker(me).filter(|worker| worker.status == WorkerStatus::Running);
    let lease = own.map(|own| seconds_between(now, own.heartbeat_expiration));
    let amounts = |map: Option<&stint_core::CapacityMap>| {
        let amounts = map.into_iter().flat_map(stint_core::CapacityMap::iter);
        amounts.map(|(name, amount)| (name.to_owned(), number(amount))).collect::<Vec<_>>()
    };
    [
        Family::gauge(
            "stint_worker_runs",
            "Jobs that the worker of this replica runs",
            own.map(|own| number(own.runs.len())),
        ),
        Family::gauge(
            "stint_worker_lease_seconds",
            "How long the lease of this replica's worker lasts without a renewal",
            lease,
        ),
        Family::gauges(
            "stint_worker_capacity",
            "What the worker of this replica has",
            "name",
            amounts(own.map(|own| own.capacity())),
        ),
        Family::gauges(
            "stint_worker_capacity_in_use",
            "What its running jobs take of that",
            "name",
            amounts(own.map(|own| &own.capacity_in_use)),
        ),
    ]
}

/// What was counted of jobs.
fn counted(jobs: &Jobs) -> Vec<Family> {
    let label = |action: &str| ("action", action.to_owned());
    let by_action = |of: fn(&OfAction) -> u64| {
        jobs.by_action
            .iter()
            .map(move |(action, all)| (vec![label(action)], number(of(all))))
            .collect::<Vec<_>>()
    };
    let by_word = |word: &'static str, of: fn(&OfAction) -> &BTreeMap<&'static str, u64>| {
        let all = jobs.by_action.iter().flat_map(move |(action, all)| {
            of(all).iter().map(move |(value, count)| {
                (vec![label(action), (word, (*value).to_owned())], number(*count))
            })
        });
        all.collect::<Vec<_>>()
    };
    let times = |of: fn(&OfAction) -> &stint_measure::Times| {
        let all = jobs.by_action.iter().map(|(action, all)| (vec![label(action)], of(all).read()));
        all.filter(|(_, times)| times.count > 0).collect::<Vec<_>>()
    };
    vec![
        Family::counters(
            "stint_jobs_submitted",
            "Jobs that were submitted",
            by_action(|all| all.submitted),
        ),
        Family::counters(
            "stint_jobs_retried",
            "Retries that failed jobs have created",
            by_action(|all| all.retried),
        ),
        Family::counters(
            "stint_jobs_ended",
            "Jobs that are over",
            by_word("status", |all| &all.ended),
        ),
        Family::counters(
            "stint_claims",
            "Jobs that a worker has claimed",
            by_action(|all| all.claimed),
        ),
        Family::counters(
            "stint_runs",
            "Runs of jobs, by how they ended",
            by_word("end", |all| &all.runs),
        ),
        Family::times(
            "stint_run_seconds",
            "From a claim to the end of the run",
            times(|all| &all.run_times),
        ),
        Family::times(
            "stint_claim_wait_seconds",
            "From when a job was due to its first claim",
            times(|all| &all.waits),
        ),
        Family::counters("stint_output_lines", "Lines of output", by_action(|all| all.lines)),
        Family::counter(
            "stint_jobs_compacted",
            "Jobs that the bounds of the history have removed from it",
            number(jobs.compacted),
        ),
        Family::counter(
            "stint_events_missed",
            "How often counting fell behind the log, so that counters of jobs lack something",
            number(jobs.missed),
        ),
    ]
}

/// What was counted of ticks of crons.
fn ticks(jobs: &Jobs) -> [Family; 3] {
    let label = |action: &str| ("action", action.to_owned());
    let all = || jobs.by_action.iter().map(move |(action, of)| (label(action), &of.ticks));
    let ticking = || all().filter(|(_, ticks)| ticks.fired > 0 || !ticks.skipped.is_empty());
    let skipped = all().flat_map(|(action, ticks)| {
        ticks.skipped.iter().map(move |(reason, count)| {
            (vec![action.clone(), ("reason", (*reason).to_owned())], number(*count))
        })
    });
    let late = all().map(|(action, ticks)| (vec![action], ticks.lateness.read()));
    [
        Family::counters(
            "stint_cron_ticks_fired",
            "Ticks of crons that have become jobs",
            ticking().map(|(action, ticks)| (vec![action], number(ticks.fired))),
        ),
        Family::counters("stint_cron_ticks_skipped", "Ticks of crons that became no job", skipped),
        Family::times(
            "stint_cron_lateness_seconds",
            "From when a tick was due to when its job was there",
            late.filter(|(_, times)| times.count > 0),
        ),
    ]
}

fn process() -> [Family; 5] {
    let process = Process::read();
    [
        Family::counter("process_cpu_seconds", "CPU time of this process", process.cpu_seconds),
        Family::gauge(
            "process_resident_memory_bytes",
            "Memory that this process holds",
            process.resident_bytes,
        ),
        Family::gauge(
            "process_start_time_seconds",
            "When this process began, since 1970",
            process.start_seconds,
        ),
        Family::gauge("process_open_fds", "Files that this process has open", process.open_files),
        Family::gauge("process_max_fds", "Files that it may have open", process.open_files_max),
    ]
}

fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    std::time::Duration::from_millis(to.as_ms().saturating_sub(from.as_ms())).as_secs_f64()
}
