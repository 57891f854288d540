//! At most one lease: at every index of the log a job has at most one, each is given once and to one,
//! nothing is taken from who has an older one, and none is over before its time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use stint_consensus::Timing;
use stint_core::{Epoch, Event, JobId, LeaseId, WorkerId, WorkerStatus};

use crate::replica::TTL;
use crate::trace::Seen;

pub(super) fn check(seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    check_lengths(seen, &mut wrong);
    let mut last = LeaseId::default();
    let mut given: BTreeMap<LeaseId, (JobId, WorkerId)> = BTreeMap::new();
    let mut before: BTreeMap<JobId, LeaseId> = BTreeMap::new();
    for (index, entry) in &seen.entries {
        for event in entry.events.iter() {
            match event {
                Event::Claimed(job) => {
                    let Some(run) = job.run() else {
                        wrong
                            .push(format!("entry {index}: job {} was claimed for nothing", job.id));
                        continue;
                    };
                    if run.lease <= last {
                        let lease = run.lease;
                        wrong.push(format!("entry {index}: lease {lease} was given after {last}"));
                    }
                    last = last.max(run.lease);
                    given.insert(run.lease, (job.id, run.worker));
                }
                Event::LinesAppended { job, lines, .. } => {
                    for line in lines {
                        let of =
                            line.text.split_once(' ').and_then(|(lease, _)| lease.parse().ok());
                        let holder = before.get(&job.id).copied();
                        if of.map(LeaseId) != holder {
                            wrong.push(format!(
                                "entry {index}: job {} takes {:?}, and its lease is {holder:?}",
                                job.id, line.text
                            ));
                        }
                    }
                }
                _ => {}
            }
        }
        let mut jobs = BTreeSet::new();
        let mut leases = BTreeSet::new();
        for hold in &entry.holds {
            if !jobs.insert(hold.job) {
                wrong.push(format!("entry {index}: job {} has two leases", hold.job));
            }
            if !leases.insert(hold.lease) {
                wrong.push(format!("entry {index}: lease {} lives twice", hold.lease));
            }
            if given.get(&hold.lease) != Some(&(hold.job, hold.worker)) {
                wrong.push(format!("entry {index}: nobody has given {hold:?}"));
            }
        }
        before = entry.holds.iter().map(|hold| (hold.job, hold.lease)).collect();
    }
    wrong
}

/// A worker that has renewed its lease has it for its whole length and the margin, counted from when the
/// renewal was in the log, on the simulation's own time.
fn check_lengths(seen: &Seen, wrong: &mut Vec<String>) {
    let length = TTL + Timing::default().lease_margin;
    let mut renewed: BTreeMap<(WorkerId, Epoch), (u64, Duration, WorkerStatus)> = BTreeMap::new();
    for (index, entry) in &seen.entries {
        for having in &entry.workers {
            let life = (having.worker, having.epoch);
            let new = (having.renewal, entry.at, having.status);
            let (renewal, at, status) = renewed.entry(life).or_insert(new);
            let has_expired =
                (*status, having.status) == (WorkerStatus::Running, WorkerStatus::Dead);
            if has_expired && (*renewal != having.renewal || entry.at < *at + length) {
                let (worker, lasted) = (having.worker, entry.at.saturating_sub(*at));
                wrong.push(format!(
                    "entry {index}: the lease of worker {worker} is over after {lasted:?}"
                ));
            }
            if *renewal == having.renewal {
                *status = having.status;
            } else {
                (*renewal, *at, *status) = new;
            }
        }
    }
}
