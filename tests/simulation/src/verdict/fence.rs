//! Runs are fenced: on the simulation's own time, which no clock in it can set, no run of a job begins
//! before the former one has ended, and none without its lease.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use stint_core::{Event, JobId, LeaseId, WorkerId};

use crate::trace::{Run, Seen};

pub(super) fn check(seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut claims: BTreeMap<LeaseId, (JobId, WorkerId, Duration)> = BTreeMap::new();
    for (_, entry, event) in seen.events() {
        if let Event::Claimed(job) = event
            && let Some(run) = job.run()
        {
            claims.insert(run.lease, (job.id, run.worker, entry.at));
        }
    }
    let mut begun = BTreeSet::new();
    let mut of_job: BTreeMap<JobId, Vec<&Run>> = BTreeMap::new();
    for run in &seen.runs {
        if !begun.insert(run.lease) {
            wrong.push(format!("lease {} of job {} was run twice", run.lease, run.job));
        }
        let is_given = claims.get(&run.lease).is_some_and(|(job, worker, at)| {
            (*job, *worker) == (run.job, run.worker) && *at <= run.began
        });
        if !is_given {
            wrong.push(format!("{run:?} had no lease"));
        }
        of_job.entry(run.job).or_default().push(run);
    }
    for runs in of_job.values_mut() {
        runs.sort_by_key(|run| (run.began, run.lease));
        for (one, next) in runs.iter().zip(runs.iter().skip(1)) {
            if one.ended.is_none_or(|end| end > next.began) {
                wrong.push(format!("{one:?} and {next:?} overlap"));
            }
        }
    }
    wrong
}
