//! What has to be true of all that was seen.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::Value;
use stint_core::{Event, Job, JobId, LeaseId, Status};

use crate::client::ask;
use crate::replica::Outcome;
use crate::trace::{Seen, Trace, What, now};

const LOOK: Duration = Duration::from_millis(200);

/// Waits until all is at rest, and looks at every job then, on every replica.
pub(crate) async fn audit(trace: Trace, hosts: Vec<String>) -> Outcome {
    while !trace.seen().is_at_rest(hosts.len()) {
        tokio::time::sleep(LOOK).await;
    }
    trace.say(now(), "auditor", "all is at rest");
    let accepted: Vec<JobId> = trace.seen().accepted().into_keys().collect();
    for job in accepted {
        for host in &hosts {
            let (status, body) = insist(host, &format!("/jobs/{job}")).await;
            let found = body.get("status").and_then(Value::as_str).unwrap_or("none").to_owned();
            trace.say(now(), "auditor", &format!("{job} is {found} on {host}"));
            if status == StatusCode::NOT_FOUND {
                // Only what was deleted is not there any more.
                let is_deleted = trace
                    .seen()
                    .calls
                    .iter()
                    .any(|call| call.job == job && call.what == What::Deleted)
                    || trace.seen().has_deletion(job);
                if !is_deleted {
                    trace.violation(format!("accepted means kept: {host} has no job {job}"));
                }
                continue;
            }
            if !["done", "error", "cancel", "deleted"].contains(&found.as_str()) {
                trace.violation(format!("job {job} is {found} on {host}, though all is at rest"));
            }
            if found != "deleted" {
                let (_, lines) = insist(host, &format!("/jobs/{job}/logs")).await;
                check_lines(&trace, host, job, &lines);
            }
        }
    }
    Ok(())
}

/// Asks until there is an answer: all is mended.
async fn insist(host: &str, path: &str) -> (StatusCode, Value) {
    loop {
        match ask(host, Method::GET, path, None, None).await {
            Ok((status, body))
                if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS =>
            {
                return (status, body);
            }
            Ok(_) | Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Lines are numbered from 0 without gap, and those of each run are in its order, from its first.
fn check_lines(trace: &Trace, host: &str, job: JobId, lines: &Value) {
    let Some(lines) = lines.as_array() else {
        return trace.violation(format!("job {job} has no lines on {host}: {lines}"));
    };
    let mut next: BTreeMap<String, u64> = BTreeMap::new();
    for (number, line) in (0_u64..).zip(lines) {
        if line.get("lineNum").and_then(Value::as_u64) != Some(number) {
            trace.violation(format!("line {number} of job {job} is {line} on {host}"));
        }
        let data = line.get("data").and_then(Value::as_str).unwrap_or_default();
        let Some((lease, at)) = data.split_once(' ') else { continue };
        let expected = next.entry(lease.to_owned()).or_default();
        if at.parse() != Ok(*expected) {
            trace.violation(format!(
                "job {job} on {host}: {data:?} where its line {expected} was due"
            ));
        }
        *expected += 1;
    }
}

/// Judges what was seen once all is over.
pub(crate) fn judge(trace: &Trace) {
    let mut wrong = Vec::new();
    {
        let seen = trace.seen();
        check_lives(&seen, &mut wrong);
        check_runs(&seen, &mut wrong);
        check_accepted(&seen, &mut wrong);
        check_reads(&seen, &mut wrong);
    }
    for what in wrong {
        trace.violation(what);
    }
}

fn jobs_of(event: &Event) -> Option<&Job> {
    match event {
        Event::Submitted(job)
        | Event::Claimed(job)
        | Event::CancelRequested(job)
        | Event::WorkerLost(job)
        | Event::Resurrected(job)
        | Event::Ended(job) => Some(job),
        _ => None,
    }
}

/// The table of statuses, and that a lease is given once, to one at a time.
fn check_lives(seen: &Seen, wrong: &mut Vec<String>) {
    let mut status: BTreeMap<JobId, Status> = BTreeMap::new();
    let mut last_lease = LeaseId::default();
    for (index, (_, events)) in &seen.events {
        for event in events.iter() {
            let Some(job) = jobs_of(event) else { continue };
            match (status.insert(job.id, job.status), event) {
                (None, Event::Submitted(_)) => {}
                (None, _) => {
                    wrong.push(format!("entry {index}: job {} comes from nowhere", job.id));
                }
                (Some(before), _) if before == job.status => {}
                (Some(before), _) if before.may_become(job.status) => {}
                // Its worker is back, and confirms in the same entry that nothing of it runs.
                (Some(before), Event::Resurrected(_))
                    if before.may_become(Status::WorkerResurrection)
                        && Status::WorkerResurrection.may_become(job.status) => {}
                // Whose deletion was asked for while it ran is canceled, or ends, and is gone at once.
                (Some(before), _)
                    if job.status == Status::Deleted
                        && job.delete_requested
                        && before.is_running() => {}
                (Some(before), _) => wrong.push(format!(
                    "entry {index}: job {} became {} after {before}",
                    job.id, job.status
                )),
            }
            if let (Event::Claimed(_), Some(lease)) = (event, job.lease()) {
                if lease <= last_lease {
                    wrong
                        .push(format!("entry {index}: lease {lease} was given after {last_lease}"));
                }
                last_lease = lease;
                let live = job.attempts.iter().filter(|attempt| attempt.end.is_none()).count();
                if live != 1 {
                    wrong.push(format!("entry {index}: job {} has {live} live leases", job.id));
                }
            }
        }
    }
}

/// Runs are fenced: no run of a job begins before the former one has ended.
fn check_runs(seen: &Seen, wrong: &mut Vec<String>) {
    for (at, run) in seen.runs.iter().enumerate() {
        for other in seen.runs.iter().skip(at + 1).filter(|other| other.job == run.job) {
            let is_over = run.ended.is_some_and(|end| end <= other.began);
            if !is_over {
                wrong.push(format!("runs are fenced: {run:?} and {other:?} overlap"));
            }
        }
    }
}

/// Accepted means kept: each job that was accepted is in the log, and ends there.
fn check_accepted(seen: &Seen, wrong: &mut Vec<String>) {
    for job in seen.accepted().keys() {
        let of_job = seen.events.values().flat_map(|(_, events)| events.iter());
        let of_job = of_job.filter_map(jobs_of).filter(|one| one.id == *job);
        if of_job.count() == 0 {
            wrong.push(format!("accepted means kept: job {job} is in no entry"));
        }
    }
}

/// Reads by id are linearizable: a read shows what the log says, no older than what was committed when
/// it began or than what a call that had ended before has shown, and nothing that is not committed.
fn check_reads(seen: &Seen, wrong: &mut Vec<String>) {
    // Of each job, its versions: the entry, when it was first applied anywhere, the status.
    let mut versions: BTreeMap<JobId, Vec<(u64, Duration, Status)>> = BTreeMap::new();
    for (index, (at, events)) in &seen.events {
        for event in events.iter() {
            if let Some(job) = jobs_of(event) {
                versions.entry(job.id).or_default().push((*index, *at, job.status));
            }
            if let Event::Deleted(id) = event {
                versions.entry(*id).or_default().push((*index, *at, Status::Deleted));
            }
        }
    }
    let mut calls: Vec<_> = seen.calls.iter().collect();
    calls.sort_by_key(|call| call.ended);
    // Of each call that has ended: the job, when, and the oldest entry that it can have shown.
    let mut shown: Vec<(JobId, Duration, u64)> = Vec::new();
    for call in calls {
        let empty = Vec::new();
        let all = versions.get(&call.job).unwrap_or(&empty);
        let floor = shown.iter().filter(|(job, ended, _)| *job == call.job && *ended < call.began);
        // What some replica had applied was committed, whether anybody had been shown it or not.
        let committed = all.iter().filter(|(_, at, _)| *at < call.began).map(|(index, ..)| *index);
        let floor = floor.map(|(_, _, index)| *index).chain(committed).max().unwrap_or(0);
        let fits = |(index, at, status): &&(u64, Duration, Status)| {
            let is_that = match &call.what {
                What::Accepted | What::Deleted => true,
                What::Read(name, _) => shows(*status, name),
                What::NotFound => *status == Status::Deleted,
                What::Canceled => matches!(status, Status::Cancel | Status::CancelRequest),
            };
            is_that && *index >= floor_of(all, floor) && *at <= call.ended
        };
        match all.iter().find(fits) {
            Some((index, ..)) => shown.push((call.job, call.ended, *index)),
            None if matches!(call.what, What::Canceled | What::Deleted) => {}
            None => wrong.push(format!(
                "reads are linearizable: {call:?} shows what job {} was not after entry {floor}: {all:?}",
                call.job
            )),
        }
    }
}

/// Whether a job of this status is shown so. That its dead worker is back is no event of its own.
fn shows(status: Status, name: &str) -> bool {
    let is_back = status == Status::WorkerDead && name == Status::WorkerResurrection.name();
    status.name() == name || is_back
}

/// The entry of the version that holds at this one.
fn floor_of(all: &[(u64, Duration, Status)], floor: u64) -> u64 {
    all.iter().map(|(index, ..)| *index).filter(|index| *index <= floor).max().unwrap_or(0)
}
