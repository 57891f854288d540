//! Accepted means kept, refused means not done, a key is one job, and replicas agree.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::history::{Operation, Outcome, Wish};
use super::Found;

pub(super) fn check(found: &Found, wrong: &mut Vec<String>) {
    let listed: BTreeMap<&str, &Value> =
        found.listed.first().into_iter().flatten().map(|job| (text(job, "id"), job)).collect();
    let mut by_number: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in &found.operations {
        if let Wish::Submit { number, .. } = &operation.wish {
            by_number.entry(number).or_default().push(operation);
        }
    }
    // Of the jobs that were deleted only the log knows the parameters.
    let mut created: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for event in found.events.iter().filter(|event| event.kind == "job_submitted") {
        let Some(job) = &event.job else { continue };
        let number = job.parameters.as_ref().and_then(|map| map.entries.get("N"));
        if let (Some(number), true) = (number, job.retry_from_id == job.id) {
            created.entry(number).or_default().insert(&job.id);
        }
    }
    for (number, operations) in by_number {
        let jobs = created.get(number).cloned().unwrap_or_default();
        submission(found, &listed, (number, &operations), &jobs, wrong);
    }
    for job in listed.values() {
        end(found, job, wrong);
    }
    let mut replicas = found.listed.iter().map(|jobs| sorted(jobs));
    let first = replicas.next().unwrap_or_default();
    for (i, other) in replicas.enumerate() {
        let differing = first.iter().zip(&other).find(|(one, other)| one != other);
        if first != other {
            let (one, two) = (first.len(), other.len());
            wrong.push(format!(
                "replicas 0 and {} are not equal: {one} and {two} jobs, first {differing:?}",
                i + 1
            ));
        }
    }
}

fn submission(
    found: &Found,
    listed: &BTreeMap<&str, &Value>,
    (number, operations): (&str, &[&Operation]),
    jobs: &BTreeSet<&str>,
    wrong: &mut Vec<String>,
) {
    let accepted: BTreeSet<_> = operations
        .iter()
        .filter_map(|operation| match &operation.outcome {
            Outcome::Done(job) => Some(text(job, "id")),
            Outcome::Refused(..) | Outcome::Unknown(_) => None,
        })
        .collect();
    if accepted.len() > 1 || jobs.len() > 1 {
        wrong.push(format!("submission {number} has become several jobs: {accepted:?}, {jobs:?}"));
    }
    let is_refused =
        operations.iter().all(|operation| matches!(operation.outcome, Outcome::Refused(..)));
    if is_refused && !jobs.is_empty() {
        wrong.push(format!("submission {number} was refused, and is {jobs:?}: {operations:?}"));
    }
    for id in accepted {
        let job = listed.get(id).copied().or_else(|| found.unlisted.get(id));
        let Some(job) = job else {
            wrong.push(format!("job {id} of submission {number} was accepted, and is lost"));
            continue;
        };
        if text(job, "status") == "deleted" {
            if !found.was_wished_away(id, true) {
                wrong.push(format!("nobody has deleted this: {job}"));
            }
        } else if job["parameters"]["N"] != number {
            wrong.push(format!("submission {number} has become another job: {job}"));
        }
    }
    // What was deleted is deleted.
    for operation in &found.operations {
        if let (Wish::Delete { id }, Outcome::Done(_)) = (&operation.wish, &operation.outcome)
            && jobs.contains(id.as_str())
            && listed.contains_key(id.as_str())
        {
            wrong.push(format!("job {id} was deleted, and is in a list"));
        }
    }
}

/// Whether a job has ended as somebody has wished, or by itself.
fn end(found: &Found, job: &Value, wrong: &mut Vec<String>) {
    let is_explained = match text(job, "status") {
        "done" => true,
        "cancel" => found.was_wished_away(text(job, "id"), false),
        "error" => found.may_fail,
        _ => false,
    };
    // The jobs that beat are canceled by the test itself.
    if !is_explained && job["action"] != "beat" {
        wrong.push(format!("nobody has wished this: {job}"));
    }
}

fn sorted(jobs: &[Value]) -> Vec<&Value> {
    let mut jobs: Vec<_> = jobs.iter().collect();
    jobs.sort_by_key(|job| text(job, "id").to_owned());
    jobs
}

fn text<'a>(job: &'a Value, name: &str) -> &'a str {
    job[name].as_str().unwrap_or_default()
}
