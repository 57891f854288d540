//! Results are those of their runs: what the log has as the end of an attempt is what the run under its
//! lease came to, and that run was over before.

use std::collections::{BTreeMap, BTreeSet};

use stint_core::{Attempt, AttemptEnd, LeaseId, WorkerStatus};

use crate::trace::{Entry, Run, Seen};

pub(super) fn check(seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    let runs: BTreeMap<LeaseId, &Run> = seen.runs.iter().map(|run| (run.lease, run)).collect();
    let mut told = BTreeSet::new();
    for (index, entry, event) in seen.events() {
        let Some(job) = event.job() else { continue };
        for attempt in &job.attempts {
            let Some((_, end)) = &attempt.end else { continue };
            if !told.insert(attempt.lease) {
                continue;
            }
            let run = runs.get(&attempt.lease).copied();
            if let Some(what) = contradiction(entry, attempt, end, run) {
                let id = job.id;
                wrong
                    .push(format!("entry {index}: job {id} under lease {}: {what}", attempt.lease));
            }
        }
    }
    wrong
}

/// What speaks against this end of an attempt.
fn contradiction(
    entry: &Entry,
    attempt: &Attempt,
    end: &AttemptEnd,
    run: Option<&Run>,
) -> Option<String> {
    let is_over = run.is_none_or(|run| run.ended.is_some_and(|ended| ended <= entry.at));
    match end {
        AttemptEnd::Exited(code) => {
            let ended_so = run.is_some_and(|run| is_over && run.code == Some(*code));
            (!ended_so).then(|| format!("it exited with {code}, and {run:?}"))
        }
        AttemptEnd::WorkerDead => {
            let having = entry.workers.iter().find(|having| having.worker == attempt.worker)?;
            // A worker that has registered anew says later that nothing of its former life runs.
            let has_expired = having.epoch == attempt.epoch && having.status == WorkerStatus::Dead;
            (has_expired && !is_over).then(|| format!("its lease is over, and {run:?}"))
        }
        AttemptEnd::CouldNotStart(_) => run.map(|run| format!("it was not started, and {run:?}")),
        AttemptEnd::Signaled(_)
        | AttemptEnd::DeadlineExceeded
        | AttemptEnd::Canceled
        | AttemptEnd::WorkerShutdown => (!is_over).then(|| format!("{end:?}, and {run:?}")),
    }
}
