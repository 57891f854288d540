//! Reads by id are linearizable, and so are the calls that change a job.
//!
//! The log says which versions a job has had, and in which order. A call takes effect at one of them,
//! which has to fit its answer, and lies between what was committed when the call began and what was
//! when it ended; calls of which one had ended when the other began are in this order. If each call is
//! given the oldest version that fits, in the order of their ends, every later one has the most to
//! choose from: an order exists if and only if this finds one, and there is no need to search.

use std::collections::BTreeMap;
use std::time::Duration;

use stint_core::{Event, JobId, Status, Timestamp};

use crate::client::instant;
use crate::trace::{Answer, Ask, Call, Seen, Shape};

/// What a job was from some entry on.
#[derive(Debug, Clone, Copy)]
struct Version {
    /// When some replica had applied it.
    at: Duration,
    shape: Shape,
}

pub(super) fn check(seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    let versions = versions(seen);
    let mut calls: BTreeMap<JobId, Vec<&Call>> = BTreeMap::new();
    for call in &seen.calls {
        if let Some(job) = call.job.filter(|_| tells(&call.answer)) {
            calls.entry(job).or_default().push(call);
        }
    }
    for (job, mut calls) in calls {
        let empty = Vec::new();
        let all = versions.get(&job).unwrap_or(&empty);
        calls.sort_by_key(|call| call.ended);
        // When a call had ended, and the place of the version that it was given.
        let mut placed: Vec<(Duration, usize)> = Vec::new();
        for call in calls {
            let shown = placed.iter().filter(|(ended, _)| *ended < call.began);
            let committed = all.iter().take_while(|version| version.at < call.began).count();
            let floor = shown.map(|(_, place)| *place).max().unwrap_or(0);
            let floor = floor.max(committed.saturating_sub(1));
            let mut later = all.iter().enumerate().skip(floor);
            let fit = later.find(|(_, version)| version.at <= call.ended && fits(call, version));
            match fit {
                Some((place, _)) => placed.push((call.ended, place)),
                None if all.is_empty() && call.answer == Answer::NotFound => {}
                None => {
                    let left = all.get(floor..).unwrap_or_default();
                    wrong.push(format!("{call:?} fits nothing of {left:?}"));
                }
            }
        }
    }
    check_causes(seen, &versions, &mut wrong);
    wrong
}

fn tells(answer: &Answer) -> bool {
    matches!(answer, Answer::Done | Answer::Shown(..) | Answer::NotFound)
}

/// What each job was after which entry. Nobody sees what it was within one.
fn versions(seen: &Seen) -> BTreeMap<JobId, Vec<Version>> {
    let mut all: BTreeMap<JobId, Vec<Version>> = BTreeMap::new();
    for entry in seen.entries.values() {
        // What has left the state was told of when it did; of what is in it, the state says it.
        let told = entry.events.iter().filter_map(|event| match event {
            Event::Deleted(job) => Some(Shape::tombstone(*job)),
            other => other.job().map(|job| Shape::of(job)),
        });
        let shapes: BTreeMap<_, _> =
            told.chain(entry.jobs.iter().copied()).map(|shape| (shape.job, shape)).collect();
        for (job, shape) in shapes {
            let versions = all.entry(job).or_default();
            if versions.last().is_none_or(|last| last.shape != shape) {
                versions.push(Version { at: entry.at, shape });
            }
        }
    }
    all
}

/// Whether a call may have taken effect at this version.
fn fits(call: &Call, version: &Version) -> bool {
    let Shape { status, updated, is_to_go, .. } = version.shape;
    match (&call.ask, &call.answer) {
        (Ask::Submit(_), Answer::Done) => true,
        (Ask::Cancel, Answer::Done) => is_canceled(&version.shape),
        (Ask::Delete, Answer::Done) => is_to_go,
        (Ask::Read, Answer::Shown(name, shown)) => {
            // When a tombstone was made is nobody's business.
            let is_same = |at: Timestamp| instant(shown) == Some(at);
            let is_then = status == Status::Deleted || updated.is_none_or(is_same);
            status.name() == name && is_then
        }
        (_, Answer::NotFound) => status == Status::Deleted,
        _ => false,
    }
}

/// Whether a job was canceled, or is to be: one whose dead worker is back keeps its status until this
/// worker has ended what it runs.
fn is_canceled(shape: &Shape) -> bool {
    shape.is_to_cancel || matches!(shape.status, Status::Cancel | Status::CancelRequest)
}

/// Nothing is canceled or deleted that nobody wanted to be.
fn check_causes(seen: &Seen, versions: &BTreeMap<JobId, Vec<Version>>, wrong: &mut Vec<String>) {
    for (job, all) in versions {
        for version in all {
            let is_wanted = |call: &Call| {
                let is_that = match call.ask {
                    Ask::Delete => true,
                    Ask::Cancel => !version.shape.is_to_go,
                    _ => false,
                };
                is_that && call.job == Some(*job) && call.began <= version.at
            };
            let is_ended = version.shape.is_to_go || is_canceled(&version.shape);
            if is_ended && !seen.calls.iter().any(is_wanted) {
                wrong.push(format!("nobody wanted job {job} to become {version:?}"));
            }
        }
    }
}
