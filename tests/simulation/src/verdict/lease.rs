//! At most one lease: at every index of the log a job has at most one, each is given once and to one,
//! and nothing is taken from who has an older one.

use std::collections::{BTreeMap, BTreeSet};

use stint_core::{Event, JobId, LeaseId, WorkerId};

use crate::trace::Seen;

pub(super) fn check(seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
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
