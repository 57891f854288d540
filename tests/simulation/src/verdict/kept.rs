//! Accepted means kept: what was answered with 202 is in the log before that, once, and what the log
//! has become of it is what every member shows at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use stint_core::{Event, JobId, Status};

use crate::replica::KEY;
use crate::trace::{Answer, Ask, Seen};

pub(super) fn check(seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    // Of each job that was submitted: the entry's first appearance, and the client's key.
    let mut submitted: BTreeMap<JobId, (Duration, Option<&str>)> = BTreeMap::new();
    let mut by_key: BTreeMap<&str, JobId> = BTreeMap::new();
    for (index, entry, event) in seen.events() {
        let Event::Submitted(job) = event else { continue };
        let parameters = job.spec.parameters.as_ref();
        let key = parameters.and_then(|all| all.get(KEY)).map(String::as_str);
        if submitted.insert(job.id, (entry.at, key)).is_some() {
            wrong.push(format!("entry {index} submits job {} again", job.id));
        }
        let Some(key) = key.filter(|_| job.retry_from == job.id) else { continue };
        if let Some(other) = by_key.insert(key, job.id) {
            wrong.push(format!("submission {key} is two jobs, {other} and {}", job.id));
        }
        let is_asked = |call: &&crate::trace::Call| {
            call.ask == Ask::Submit(key.to_owned()) && call.began <= entry.at
        };
        if !seen.calls.iter().any(|call| is_asked(&call)) {
            wrong.push(format!("nobody had asked for job {} of entry {index}", job.id));
        }
    }
    for call in seen.calls.iter().filter(|call| call.answer == Answer::Done) {
        let (Ask::Submit(key), Some(job)) = (&call.ask, call.job) else { continue };
        match submitted.get(&job) {
            Some((at, Some(of))) if *at <= call.ended && of == key => {}
            Some((at, of)) => wrong.push(format!("{call:?} tells of a job of {of:?} at {at:?}")),
            None => wrong.push(format!("job {job} was accepted, and is in no entry")),
        }
    }
    check_ends(seen, &mut wrong);
    wrong
}

/// What every member shows at the end.
fn check_ends(seen: &Seen, wrong: &mut Vec<String>) {
    if seen.finals.is_empty() {
        // It did not come to rest, which is said already.
        return;
    }
    let statuses = seen.statuses();
    let mut shown: BTreeMap<(&str, JobId), Option<&str>> = BTreeMap::new();
    for end in &seen.finals {
        shown.insert((&end.host, end.job), end.status.as_deref());
    }
    // A submission whose client has long gone may come into the log when all was looked at.
    let came_later = |job: JobId| {
        let mut events = seen.events();
        let first = events.find_map(|(_, entry, event)| {
            matches!(event, Event::Submitted(new) if new.id == job).then_some(entry.at)
        });
        seen.audited_at.is_some() && first >= seen.audited_at
    };
    for (job, status) in statuses {
        if seen.rest_from.is_some() && came_later(job) {
            continue;
        }
        let is_over =
            matches!(status, Status::Done | Status::Error | Status::Cancel | Status::Deleted);
        if seen.rest_from.is_some() && !is_over {
            wrong.push(format!("job {job} is {status}, though all is at rest"));
        }
        for host in &seen.members {
            match shown.get(&(host.as_str(), job)) {
                Some(Some(found)) if *found == status.name() => {}
                // Its tombstone may be gone, too.
                Some(None) if status == Status::Deleted => {}
                found => wrong.push(format!("job {job} is {status}, and {found:?} on {host}")),
            }
        }
    }
}
