//! The history that was committed: each event once and in the order of the log, each change of status
//! one of the table, at most one lease for each job, no capacity overdrawn.

use std::collections::BTreeMap;

use stint_client::v0::{Job, WatchResponse};

use super::super::commits::is_gap;
use super::super::site::SLOTS;

/// What may follow a status; the table of ARCHITECTURE.md, written down once more.
const TABLE: &[(&str, &[&str])] = &[
    ("waiting", &["running", "cancel", "deleted"]),
    ("running", &["done", "error", "cancel_request", "worker_dead", "worker_shutdown"]),
    ("cancel_request", &["cancel", "done", "error", "worker_dead", "worker_shutdown"]),
    ("worker_dead", &["running", "worker_resurrection", "cancel", "deleted"]),
    ("worker_shutdown", &["running", "cancel", "deleted"]),
    ("worker_resurrection", &["waiting", "cancel"]),
    ("done", &["deleted"]),
    ("error", &["deleted"]),
    ("cancel", &["deleted"]),
    ("deleted", &[]),
];

/// What was true after the last event.
#[derive(Default)]
struct State<'a> {
    place: (u64, u32),
    jobs: BTreeMap<&'a str, &'a Job>,
    /// The highest lease that was given out.
    lease: u64,
    /// What is held of each worker.
    held: BTreeMap<&'a str, u64>,
    has_gap: bool,
}

pub(super) fn check(events: &[WatchResponse], wrong: &mut Vec<String>) {
    let mut state = State::default();
    for event in events {
        if is_gap(event) {
            state.jobs.clear();
            state.held.clear();
            state.has_gap = true;
            continue;
        }
        let place = (event.index, event.number);
        if place <= state.place {
            wrong.push(format!("{place:?} comes after {:?}", state.place));
        }
        state.place = place;
        if let Some(job) = &event.job {
            state.take(event, job, wrong);
        } else if event.kind.starts_with("job_") && event.kind != "job_deleted" {
            wrong.push(format!("an event without its job: {event:?}"));
        }
    }
}

impl<'a> State<'a> {
    fn take(&mut self, event: &'a WatchResponse, job: &'a Job, wrong: &mut Vec<String>) {
        let before = self.jobs.insert(&job.id, job);
        match before {
            None if event.kind == "job_submitted" => {
                if job.status != "waiting" {
                    wrong.push(format!("a new job is not waiting: {event:?}"));
                }
            }
            None if self.has_gap => {}
            None => wrong.push(format!("an event of a job that nobody has submitted: {event:?}")),
            Some(before) => {
                // Of two steps one event tells: where a job that was to be deleted has ended.
                let may_skip = event.kind == "job_deleted";
                let (from, to) = (before.status.as_str(), job.status.as_str());
                let by_way = || after(from).iter().any(|way| after(way).contains(&to));
                if from != to && !after(from).contains(&to) && !(may_skip && by_way()) {
                    wrong.push(format!("{from} became {to}: {event:?}"));
                }
            }
        }
        self.lease(event, job, wrong);
        self.capacity(before, event, job, wrong);
    }

    fn lease(&mut self, event: &WatchResponse, job: &Job, wrong: &mut Vec<String>) {
        let live = job.attempts.iter().filter(|attempt| attempt.end.is_empty()).count();
        let is_running = holds(job);
        if live > 1 || is_running != (live == 1) {
            wrong.push(format!("{live} live leases of a job that is {}: {event:?}", job.status));
        }
        if event.kind == "job_claimed" {
            let lease = job.attempts.last().map_or(0, |attempt| attempt.lease);
            if lease <= self.lease {
                wrong.push(format!("lease {lease} comes after {}: {event:?}", self.lease));
            }
            self.lease = lease;
        }
    }

    fn capacity(
        &mut self,
        before: Option<&'a Job>,
        event: &WatchResponse,
        job: &'a Job,
        wrong: &mut Vec<String>,
    ) {
        if let Some(before) = before.filter(|before| holds(before)) {
            let held = self.held.entry(&before.worker_id).or_default();
            *held = held.saturating_sub(slots(before));
        }
        if holds(job) {
            let held = self.held.entry(&job.worker_id).or_default();
            *held += slots(job);
            if *held > SLOTS {
                wrong.push(format!("{held} of {SLOTS} slots are taken by {event:?}"));
            }
        }
    }
}

/// What may follow this status.
fn after(status: &str) -> &'static [&'static str] {
    TABLE.iter().find(|(from, _)| *from == status).map_or(&[], |row| row.1)
}

fn holds(job: &Job) -> bool {
    matches!(job.status.as_str(), "running" | "cancel_request")
}

fn slots(job: &Job) -> u64 {
    let slots = job.capacity_map.as_ref().and_then(|map| map.entries.get("slots"));
    slots.and_then(|slots| u64::try_from(*slots).ok()).unwrap_or(0)
}
