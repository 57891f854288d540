//! Sees each entry as a replica applies it, and compares it with what others have seen.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Write as _};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};

use stint_consensus as consensus;
use stint_core::{Job, JobId, State};

use crate::replica::Last;
use crate::trace::{Entry, Having, Hold, Shape, Sizes, Trace, brief, now};

/// Entries of one second, of which there are less than a hundred where nothing goes round in circles.
const ENTRIES_PER_SECOND_MAX: usize = 5_000;

/// The eyes on one life of one replica.
#[derive(Debug)]
pub(crate) struct Eyes {
    name: String,
    trace: Trace,
    /// Of the host, whatever life: the last entry that it has applied.
    last: Arc<Mutex<Last>>,
    life: Mutex<Life>,
}

#[derive(Debug, Default)]
struct Life {
    /// The last entry of this life.
    last: Option<u64>,
    /// What was computed of jobs that have not changed since.
    jobs: BTreeMap<JobId, (Arc<Job>, u64, usize)>,
}

impl Eyes {
    pub(crate) fn new(name: &str, trace: &Trace, last: &Arc<Mutex<Last>>) -> Self {
        let (trace, last) = (trace.clone(), Arc::clone(last));
        Self { name: name.to_owned(), trace, last, life: Mutex::default() }
    }

    /// Entries are applied one after the other, and a new life begins with none left out.
    fn check_order(&self, life: &mut Life, (index, term): (u64, u64)) {
        let mut ever = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let follows = match life.last {
            Some(last) => index == last + 1,
            None => index <= ever.index + 1,
        };
        if !follows {
            let (life, ever) = (life.last, ever.index);
            self.trace.violation(format!(
                "one log: {} applies entry {index} after {life:?}, and {ever} before that",
                self.name
            ));
        }
        life.last = Some(index);
        *ever = Last { index: index.max(ever.index), term: term.max(ever.term) };
    }

    /// Whether this entry is one too many for one second: then something goes round in circles, and
    /// time does not pass any more.
    fn check_pace(&self, first: &Entry) {
        let seen = self.trace.seen();
        let of_second = |entry: &&Entry| entry.at.as_secs() == first.at.as_secs();
        let latest = seen.entries.values().rev().take(ENTRIES_PER_SECOND_MAX);
        let count = latest.take_while(of_second).count();
        drop(seen);
        if count == ENTRIES_PER_SECOND_MAX {
            let what = format!("bounded: {count} entries, and it is still {:?}", first.at);
            self.trace.give_up(what);
        }
    }
}

impl consensus::Witness for Eyes {
    fn applied(&self, entry: consensus::Seen<'_>) {
        let consensus::Seen { index, term, command, events, state } = entry;
        let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_order(&mut life, (index, term));
        let (digest, sizes, jobs) = digest(&mut life.jobs, state);
        if let Err(violation) = stint_core::invariant::check(state) {
            self.trace.violation(format!("{} after entry {index}: {violation}", self.name));
        }
        let text = format!("applied {index} of term {term} to {digest:016x}: {}", brief(events));
        self.trace.say(now(), &self.name, &text);
        let command = command.map(|bytes| {
            let mut hasher = DefaultHasher::new();
            bytes.hash(&mut hasher);
            hasher.finish()
        });
        let seen = Entry {
            at: now(),
            term,
            command,
            time: state.now(),
            events: events.into(),
            state: digest,
            holds: holds(state),
            workers: workers(state),
            jobs,
            sizes,
        };
        let mut all = self.trace.seen();
        all.latest.insert(self.name.clone(), (index, sizes.live));
        let is_new = !all.entries.contains_key(&index);
        let first = all.entries.entry(index).or_insert_with(|| seen.clone());
        let differs = difference(first, &seen);
        all.compared += 1;
        drop(all);
        if is_new {
            self.check_pace(&seen);
        }
        if let Some(differs) = differs {
            self.trace.violation(format!("{} at entry {index}: {differs}", self.name));
        }
    }

    fn installed(&self, index: u64, state: &State) {
        let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        life.last = Some(index);
        let mut ever = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        ever.index = index.max(ever.index);
        let (digest, sizes, _) = digest(&mut life.jobs, state);
        let text = format!("has the state of entry {index}, {digest:016x}, from a snapshot");
        self.trace.say(now(), &self.name, &text);
        self.trace.count("travelling snapshot");
        let mut all = self.trace.seen();
        all.latest.insert(self.name.clone(), (index, sizes.live));
        let is_known = all.entries.get(&index).is_none_or(|entry| entry.state == digest);
        drop(all);
        if !is_known {
            let what = "a snapshot has another state than the entry it stands for";
            self.trace.violation(format!("equal states: {} at entry {index}: {what}", self.name));
        }
    }
}

/// What is not the same of one entry on two replicas, or in two lives of one.
pub(crate) fn difference(first: &Entry, second: &Entry) -> Option<String> {
    if (first.term, first.command) != (second.term, second.command) {
        let (one, other) = ((first.term, first.command), (second.term, second.command));
        return Some(format!("one log: the entry is {other:?}, and was {one:?}"));
    }
    if first.events != second.events {
        let (one, other) = (&first.events, &second.events);
        return Some(format!("equal states: it made {other:?} happen, and {one:?} before"));
    }
    if (first.state, first.time) != (second.state, second.time) {
        let (one, other) = (first.state, second.state);
        return Some(format!("equal states: {other:016x}, others have {one:016x}"));
    }
    None
}

/// Hashes text as it is written.
struct Scribe(DefaultHasher, usize);

impl fmt::Write for Scribe {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        self.1 += text.len();
        Ok(())
    }
}

impl Scribe {
    fn of(thing: &impl Debug) -> (u64, usize) {
        let mut scribe = Self(DefaultHasher::new(), 0);
        write!(scribe, "{thing:?}").expect("a hasher takes everything");
        (scribe.0.finish(), scribe.1)
    }
}

/// A digest of all of a state, how large it is, and the jobs that have changed. What is computed of a
/// job is kept for as long as it does not change.
fn digest(
    known: &mut BTreeMap<JobId, (Arc<Job>, u64, usize)>,
    state: &State,
) -> (u64, Sizes, Vec<Shape>) {
    let mut parts = state.parts();
    let jobs = std::mem::take(&mut parts.jobs);
    let recently_ended = std::mem::take(&mut parts.recently_ended);
    let mut hasher = DefaultHasher::new();
    let mut sizes = Sizes {
        live: jobs.len(),
        parameter_bytes: jobs.iter().map(|job| parameter_bytes(job)).sum(),
        recently_ended: recently_ended.len(),
        tick_records: parts.crons.iter().map(|cron| cron.history.records.len()).max().unwrap_or(0),
        text: 0,
    };
    let (mut former, mut changed) = (std::mem::take(known), Vec::new());
    for job in jobs {
        let (hash, text) = match former.remove(&job.id) {
            Some((same, hash, text)) if Arc::ptr_eq(&same, &job) => (hash, text),
            _ => {
                changed.push(Shape::of(&job));
                Scribe::of(&job)
            }
        };
        hash.hash(&mut hasher);
        sizes.text += text;
        known.insert(job.id, (job, hash, text));
    }
    recently_ended.hash(&mut hasher);
    let (rest, text) = Scribe::of(&parts);
    rest.hash(&mut hasher);
    sizes.text += text;
    (hasher.finish(), sizes, changed)
}

fn parameter_bytes(job: &Job) -> u64 {
    let all = job.spec.parameters.iter().flatten();
    let bytes = all.map(|(name, value)| name.len() + value.len()).sum::<usize>();
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Each attempt that has no end.
pub(crate) fn holds(state: &State) -> Vec<Hold> {
    let open = state.jobs().flat_map(|job| {
        let open = job.attempts.iter().filter(|attempt| attempt.end.is_none());
        open.map(|attempt| Hold {
            job: job.id,
            lease: attempt.lease,
            worker: attempt.worker,
            need: job.need(),
        })
    });
    open.collect()
}

pub(crate) fn workers(state: &State) -> Vec<Having> {
    let all = state.workers().map(|worker| Having {
        worker: worker.id,
        status: worker.status,
        epoch: worker.epoch,
        renewal: worker.renewal,
        capacity: worker.capacity().clone(),
        in_use: worker.capacity_in_use.clone(),
    });
    all.collect()
}
