//! Reads by id are linearizable: for each job there is one order of its versions, that of the log.
//! Whoever asks after somebody else was answered never sees an older one, and nobody sees one that was
//! never committed.

use std::collections::BTreeMap;
use std::time::Instant;

use super::super::commits::is_gap;
use super::super::history::{Operation, Outcome, Wish};
use super::Found;

/// What a version looks like from outside.
type Version = (String, u64);

/// A version that a client was told, as the first and the last place where it stands in the log.
struct Told<'a> {
    began: Instant,
    ended: Instant,
    first: usize,
    last: usize,
    operation: &'a Operation,
}

pub(super) fn check(found: &Found, wrong: &mut Vec<String>) {
    let has_gap = found.events.iter().any(is_gap);
    let mut versions: BTreeMap<&str, Vec<Version>> = BTreeMap::new();
    for event in &found.events {
        if event.kind == "job_deleted" {
            let attempt = event.job.as_ref().map(|job| u64::from(job.attempt));
            let of = versions.entry(&event.name).or_default();
            let attempt = attempt.or_else(|| of.last().map(|version| version.1)).unwrap_or(0);
            of.push(("deleted".to_owned(), attempt));
        } else if let Some(job) = &event.job {
            let version = (job.status.clone(), u64::from(job.attempt));
            versions.entry(&job.id).or_default().push(version);
        }
    }
    let mut told: BTreeMap<&str, Vec<Told<'_>>> = BTreeMap::new();
    for operation in &found.operations {
        let Outcome::Done(job) = &operation.outcome else { continue };
        let Some(id) = job["id"].as_str() else { continue };
        let is = |version: &Version| {
            job["status"] == version.0.as_str()
                && (version.0 == "deleted" || job["attempt"].as_u64() == Some(version.1))
        };
        let of = versions.get(id).map(Vec::as_slice).unwrap_or_default();
        let places = (of.iter().position(is), of.iter().rposition(is));
        if let (Some(first), Some(last)) = places {
            let (began, ended) = (operation.began, operation.ended);
            told.entry(id).or_default().push(Told { began, ended, first, last, operation });
        } else if !has_gap {
            wrong.push(format!("a version that was never committed, of {of:?}: {operation:?}"));
        }
    }
    for of_one in told.values_mut() {
        of_one.sort_by_key(|told| told.began);
        for (at, later) in of_one.iter().enumerate() {
            let older = of_one[..at].iter().filter(|told| told.ended < later.began);
            if let Some(newer) =
                older.filter(|told| told.first > later.last).max_by_key(|told| told.first)
            {
                wrong.push(format!(
                    "a stale read: {:?} after {:?}",
                    later.operation, newer.operation
                ));
            }
        }
    }
    after_changes(found, wrong);
}

/// What was answered as done is seen by all who ask afterwards.
fn after_changes(found: &Found, wrong: &mut Vec<String>) {
    let mut accepted: BTreeMap<&str, Instant> = BTreeMap::new();
    let mut deleted: BTreeMap<&str, Instant> = BTreeMap::new();
    for operation in &found.operations {
        let Outcome::Done(job) = &operation.outcome else { continue };
        let (known, id) = match &operation.wish {
            Wish::Submit { .. } => (&mut accepted, job["id"].as_str().unwrap_or_default()),
            Wish::Delete { id } => (&mut deleted, id.as_str()),
            Wish::Cancel { .. } | Wish::Read { .. } => continue,
        };
        let at = known.entry(id).or_insert(operation.ended);
        *at = operation.ended.min(*at);
    }
    for operation in &found.operations {
        let Wish::Read { id } = &operation.wish else { continue };
        let is_after = |known: &BTreeMap<&str, Instant>| {
            known.get(id.as_str()).is_some_and(|at| *at < operation.began)
        };
        match &operation.outcome {
            Outcome::Refused(404, _) if is_after(&accepted) => {
                wrong.push(format!("it was accepted before, and is not there: {operation:?}"));
            }
            Outcome::Done(job)
                if is_after(&deleted)
                    && ["waiting", "running"].iter().any(|status| job["status"] == *status) =>
            {
                wrong.push(format!("it was deleted before, and goes on: {operation:?}"));
            }
            Outcome::Done(_) | Outcome::Refused(..) | Outcome::Unknown(_) => {}
        }
    }
}
