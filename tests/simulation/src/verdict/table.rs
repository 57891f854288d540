//! The table of statuses: each change of a job's status in the log is one that may be.

use std::collections::BTreeMap;

use stint_core::{Event, JobId, Status};

use crate::trace::{Seen, status_of};

pub(super) fn check(seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut statuses: BTreeMap<JobId, Status> = BTreeMap::new();
    for (index, _, event) in seen.events() {
        let Some((job, status)) = status_of(event) else { continue };
        let before = statuses.insert(job, status);
        if !may_become(before, status, event) {
            let before = before.map_or("nothing", Status::name);
            wrong.push(format!("entry {index}: job {job} became {status} after {before}"));
        }
    }
    wrong
}

fn may_become(before: Option<Status>, status: Status, event: &Event) -> bool {
    let Some(before) = before else {
        return matches!(event, Event::Submitted(_)) && status == Status::Waiting;
    };
    if matches!(event, Event::Submitted(_)) {
        return false;
    }
    if before.may_become(status) {
        return true;
    }
    match event {
        // Whose deletion was asked for while it ran is canceled, or ends, and is gone at once.
        Event::Ended(job) if status == Status::Deleted => {
            job.delete_requested && before.may_become(Status::Cancel)
        }
        // To ask again is to ask once; and what is due waits as before, but no longer for its time.
        Event::CancelRequested(_) | Event::Deleted(_) | Event::Due(_) => before == status,
        _ => false,
    }
}
