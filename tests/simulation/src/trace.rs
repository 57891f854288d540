//! What happened, in one order: the trace that the same seed always has, and all that the checkers
//! look at.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Write as _, stdout};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use stint_core::{
    CapacityMap, Epoch, Event, Job, JobId, LeaseId, Status, Timestamp, WorkerId, WorkerStatus,
};

use crate::faults::KINDS;

/// One request of a client, with what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) began: Duration,
    pub(crate) ended: Duration,
    /// What it is about; nothing, if it is a submission that nobody knows of.
    pub(crate) job: Option<JobId>,
    pub(crate) ask: Ask,
    pub(crate) answer: Answer,
}

/// What a client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A job, under this key.
    Submit(String),
    Read,
    Cancel,
    Delete,
    /// What no limit allows.
    TooMuch,
    /// A page of so many jobs at the most.
    Page(usize),
}

/// What it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is done, or will be.
    Done,
    /// The job: its status, and when that was last changed, as they are written.
    Shown(String, String),
    /// So many jobs.
    Listed(usize),
    /// There is no such job.
    NotFound,
    /// No, with this code: nothing was changed.
    Refused(u16),
    /// Nothing, or that nobody knows.
    Unknown,
}

/// One run, from its start to its end.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) job: JobId,
    pub(crate) lease: LeaseId,
    pub(crate) worker: WorkerId,
    pub(crate) began: Duration,
    pub(crate) ended: Option<Duration>,
    /// The code that it ended with, if nobody ended it.
    pub(crate) code: Option<i32>,
}

/// What an entry of the log led to, as the first replica that applied it saw it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// When it was first applied anywhere.
    pub(crate) at: Duration,
    pub(crate) term: u64,
    /// A digest of its bytes; nothing, if it is no command.
    pub(crate) command: Option<u64>,
    /// What the log says of the time after it.
    pub(crate) time: Timestamp,
    pub(crate) events: Arc<[Event]>,
    /// A digest of the whole state after it.
    pub(crate) state: u64,
    /// All leases that live after it.
    pub(crate) holds: Vec<Hold>,
    /// What the workers have, and what the state counts as in use.
    pub(crate) workers: Vec<Having>,
    /// The live jobs that are not what they were before it, and perhaps others.
    pub(crate) jobs: Vec<Shape>,
    pub(crate) sizes: Sizes,
}

/// What is to be seen of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) job: JobId,
    pub(crate) status: Status,
    /// Of a tombstone nobody says it.
    pub(crate) updated: Option<Timestamp>,
    pub(crate) is_to_cancel: bool,
    pub(crate) is_to_go: bool,
}

impl Shape {
    pub(crate) fn of(job: &Job) -> Self {
        Self {
            job: job.id,
            status: job.status,
            updated: Some(job.last_updated),
            is_to_cancel: job.cancel_requested,
            is_to_go: job.delete_requested || job.status == Status::Deleted,
        }
    }

    /// What is left of a job that was deleted.
    pub(crate) fn tombstone(job: JobId) -> Self {
        let status = Status::Deleted;
        Self { job, status, updated: None, is_to_cancel: false, is_to_go: true }
    }
}

/// A job that somebody has the right to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) job: JobId,
    pub(crate) lease: LeaseId,
    pub(crate) worker: WorkerId,
    pub(crate) need: CapacityMap,
}

/// A worker: whether it lives, and what it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Having {
    pub(crate) worker: WorkerId,
    pub(crate) status: WorkerStatus,
    pub(crate) epoch: Epoch,
    /// The number of its last renewal.
    pub(crate) renewal: u64,
    pub(crate) capacity: CapacityMap,
    pub(crate) in_use: CapacityMap,
}

/// How large the state is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) live: usize,
    pub(crate) parameter_bytes: u64,
    pub(crate) recently_ended: usize,
    pub(crate) tick_records: usize,
    /// All of it as text, but for the jobs that have ended lately, which have a bound of their own.
    pub(crate) text: usize,
}

/// What a replica says of a job at the end.
#[derive(Debug, Clone)]
pub(crate) struct Final {
    pub(crate) host: String,
    pub(crate) job: JobId,
    /// Its status; nothing, if there is no such job.
    pub(crate) status: Option<String>,
    /// Its lines, with their numbers.
    pub(crate) lines: Vec<(u64, String)>,
}

/// All that was seen. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Seen>>);

#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) seed: u64,
    pub(crate) text: String,
    /// Whether it is written to standard output, too.
    pub(crate) is_told: bool,
    pub(crate) entries: BTreeMap<u64, Entry>,
    pub(crate) calls: Vec<Call>,
    pub(crate) runs: Vec<Run>,
    pub(crate) finals: Vec<Final>,
    /// Of each replica: the last entry that it was seen with, and the live jobs after it.
    pub(crate) latest: BTreeMap<String, (u64, usize)>,
    /// The last entry when all was mended.
    pub(crate) rest_from: Option<u64>,
    /// When every job that there was had been looked at, on every member.
    pub(crate) audited_at: Option<Duration>,
    /// Who has to come to rest: the members, as far as they are known to be.
    pub(crate) members: BTreeSet<String>,
    /// What operators want of the members is not done yet.
    pub(crate) is_changing: bool,
    /// Whose wall clocks were ever wrong.
    pub(crate) astray: BTreeSet<String>,
    /// How often each kind of thing has gone wrong, or was done on purpose.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// How many states were compared with one that was there before.
    pub(crate) compared: u64,
    /// What must not have happened.
    pub(crate) violations: Vec<String>,
}

/// Simulated time since the beginning.
pub(crate) fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}

impl Seen {
    /// Says what must not have happened.
    pub(crate) fn tell_violations(&self) {
        for violation in &self.violations {
            // Whoever has closed the pipe does not want to know.
            let _closed = writeln!(stdout(), "seed {}: {violation}", self.seed);
        }
    }

    /// Whether all is mended, and every member has come to an end with every job.
    pub(crate) fn is_at_rest(&self) -> bool {
        let Some(from) = self.rest_from.filter(|_| !self.is_changing) else { return false };
        let is_done = |name: &String| {
            self.latest.get(name).is_some_and(|(index, live)| *index >= from && *live == 0)
        };
        self.members.iter().all(is_done)
    }

    /// The jobs that were answered with 202, and when first.
    pub(crate) fn accepted(&self) -> BTreeMap<JobId, Duration> {
        let mut all = BTreeMap::new();
        let submits = self
            .calls
            .iter()
            .filter(|call| matches!(call.ask, Ask::Submit(_)) && call.answer == Answer::Done);
        for call in submits {
            let Some(job) = call.job else { continue };
            let ended = all.entry(job).or_insert(call.ended);
            *ended = call.ended.min(*ended);
        }
        all
    }

    /// All that happened, by the entry.
    pub(crate) fn events(&self) -> impl Iterator<Item = (u64, &Entry, &Event)> {
        self.entries
            .iter()
            .flat_map(|(index, entry)| entry.events.iter().map(move |event| (*index, entry, event)))
    }

    /// The last status that the log gives each job.
    pub(crate) fn statuses(&self) -> BTreeMap<JobId, Status> {
        let mut all = BTreeMap::new();
        for (_, _, event) in self.events() {
            if let Some((job, status)) = status_of(event) {
                all.insert(job, status);
            }
        }
        all
    }
}

/// The job that an event is about, and its status then.
pub(crate) fn status_of(event: &Event) -> Option<(JobId, Status)> {
    match event {
        Event::Deleted(job) => Some((*job, Status::Deleted)),
        other => other.job().map(|job| (job.id, job.status)),
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

    /// Ends this process: what is simulated does not come to an end by itself.
    pub(crate) fn give_up(&self, what: String) -> ! {
        self.violation(what);
        self.seen().tell_violations();
        std::process::exit(1)
    }

    /// Takes note that something was done that makes life hard for the replicas.
    pub(crate) fn count(&self, kind: &'static str) {
        assert!(KINDS.contains(&kind), "{kind} is no kind that is looked for");
        *self.seen().faults.entry(kind).or_default() += 1;
    }
}

/// Enough of a digest to tell two texts apart.
pub(crate) fn fingerprint(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let first = digest.first_chunk::<8>().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(first))
}

pub(crate) fn brief(events: &[Event]) -> String {
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
        Event::CronTicked(ticked) => format!("tick of {}: {:?}", ticked.action, ticked.record),
        other => {
            let text = format!("{other:?}");
            text.chars().take(60).collect()
        }
    }
}
