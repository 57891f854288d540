//! What happened, in one order: the trace that the same seed always has, and all that the checkers
//! look at.

use std::collections::BTreeMap;
use std::io::{Write as _, stdout};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use stint_core::{Event, JobId, LeaseId};

/// One request of a client, with what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) began: Duration,
    pub(crate) ended: Duration,
    pub(crate) job: JobId,
    pub(crate) what: What,
}

/// What a call says of its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// It was accepted.
    Accepted,
    /// It was read: its status, and when that was last changed, as they are written.
    Read(String, String),
    /// There was none.
    NotFound,
    /// It was canceled.
    Canceled,
    /// It was deleted.
    Deleted,
}

/// One run, from its start to its end.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) job: JobId,
    pub(crate) lease: LeaseId,
    pub(crate) began: Duration,
    pub(crate) ended: Option<Duration>,
}

/// All that was seen. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) text: String,
    /// Whether it is written to standard output, too.
    pub(crate) is_told: bool,
    /// What entries made happen, by their index, and when that was first seen.
    pub(crate) events: BTreeMap<u64, (Duration, Arc<[Event]>)>,
    /// Fingerprints of states, by the index of the entry they are the result of.
    pub(crate) states: BTreeMap<u64, String>,
    pub(crate) calls: Vec<Call>,
    pub(crate) runs: Vec<Run>,
    /// Of each replica: the last entry that it was seen with, and the live jobs after it.
    pub(crate) latest: BTreeMap<String, (u64, usize)>,
    /// The last entry with events when all was mended.
    pub(crate) rest_from: Option<u64>,
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// What must not have happened.
    pub(crate) violations: Vec<String>,
}

/// Simulated time since the beginning.
pub(crate) fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

impl Seen {
    /// Whether all is mended, and every replica has come to an end with every job.
    pub(crate) fn is_at_rest(&self, replicas: usize) -> bool {
        let Some(from) = self.rest_from else { return false };
        let is_done = |(index, live): &(u64, usize)| *index >= from && *live == 0;
        self.latest.len() == replicas && self.latest.values().all(is_done)
    }

    /// The jobs that were answered with 202, and when first.
    pub(crate) fn accepted(&self) -> BTreeMap<JobId, Duration> {
        let mut all = BTreeMap::new();
        for call in self.calls.iter().filter(|call| call.what == What::Accepted) {
            all.entry(call.job).or_insert(call.ended);
        }
        all
    }

    /// Whether the log says that this job was deleted.
    pub(crate) fn has_deletion(&self, job: JobId) -> bool {
        let mut events = self.events.values().flat_map(|(_, events)| events.iter());
        events.any(|event| matches!(event, Event::Deleted(id) if *id == job))
    }
}

impl Trace {
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn say(&self, at: Duration, who: &str, what: &str) {
        let (seconds, micros) = (at.as_secs(), at.subsec_micros());
        let mut seen = self.seen();
        let line = format!("{seconds:4}.{micros:06} {who:>8} {what}\n");
        if seen.is_told {
            // At once, so that a simulation that hangs says where. Whoever has closed the pipe does
            // not want to know.
            let _closed = stdout().write_all(line.as_bytes());
        }
        seen.text.push_str(&line);
    }

    pub(crate) fn violation(&self, what: String) {
        self.say(now(), "VIOLATED", &what);
        self.seen().violations.push(what);
    }

    /// A replica has applied an entry that made this happen.
    pub(crate) fn applied(&self, who: &str, index: u64, events: &Arc<[Event]>) {
        self.say(now(), who, &format!("applied {index}: {}", brief(events)));
        let mut seen = self.seen();
        let (_, first) = seen.events.entry(index).or_insert_with(|| (now(), Arc::clone(events)));
        if first == events {
            return;
        }
        let differ =
            format!("entry {index} made other things happen on {who}: {events:?}, {first:?}");
        drop(seen);
        self.violation(differ);
    }

    /// A replica has this state after this entry.
    pub(crate) fn state(&self, who: &str, index: u64, live: usize, fingerprint: &str) {
        let mut seen = self.seen();
        seen.latest.insert(who.to_owned(), (index, live));
        let first = seen.states.entry(index).or_insert_with(|| fingerprint.to_owned());
        if first == fingerprint {
            return;
        }
        let differ = format!("after entry {index}, {who} has state {fingerprint}, others {first}");
        drop(seen);
        self.violation(differ);
    }
}

/// Enough of a digest to tell two texts apart.
pub(crate) fn fingerprint(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let first = digest.first_chunk::<8>().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(first))
}

fn brief(events: &[Event]) -> String {
    let all: Vec<_> = events.iter().map(one).collect();
    all.join(", ")
}

fn one(event: &Event) -> String {
    match event {
        Event::Submitted(job) => format!("submitted {}", job.id),
        Event::Due(job) => format!("due {}", job.id),
        Event::Claimed(job) => format!("claimed {} {:?}", job.id, job.lease()),
        Event::WorkerLost(job) | Event::Ended(job) | Event::CancelRequested(job) => {
            format!("{} {}", job.status, job.id)
        }
        Event::LinesAppended { job, first, lines } => {
            format!("lines {first}+{} {}", lines.len(), job.id)
        }
        Event::WorkerChanged(worker) => format!("worker {} {:?}", worker.id, worker.status),
        other => {
            let text = format!("{other:?}");
            text.chars().take(60).collect()
        }
    }
}
