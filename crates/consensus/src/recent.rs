//! The latest occurrences, in memory: what those who watch the log read from.

use std::collections::VecDeque;

use stint_core::{AttemptEnd, CapacityMap, Event, Job, JobSpec, TickRecord, Timestamp, Worker};

use crate::limits::{WATCH_BATCH_BYTES_MAX, WATCH_BYTES_MAX, WATCH_OCCURRENCES_MAX};

/// One event of the log. Events are a function of the log, so every replica has the same one at
/// the same place.
#[derive(Debug, Clone)]
pub struct Occurrence {
    /// The index of the entry that made it happen.
    pub index: u64,
    /// Which of the events of that entry it is, counted from 0.
    pub number: u32,
    /// The time of the entry.
    pub at: Timestamp,
    /// What happened. Never output: that has a stream of its own.
    pub event: Event,
}

/// The place of an entry in the log, and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) index: u64,
    pub(crate) at: Timestamp,
}

/// The range that was asked for begins before the oldest occurrence that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooOld {
    /// From this index on nothing is missing.
    pub(crate) oldest: u64,
}

/// The latest occurrences, oldest first. Those of one entry come and go together.
#[derive(Debug)]
pub(crate) struct Recent {
    kept: VecDeque<(Occurrence, usize)>,
    bytes: usize,
    /// From this index on nothing is missing.
    oldest: u64,
    /// The entry that is next to be applied.
    next: u64,
    /// The time of the one before it.
    at: Timestamp,
}

impl Recent {
    /// Nothing yet, of the entries after this one, or of all.
    pub(crate) fn after(mark: Option<Mark>) -> Self {
        let (next, at) = mark.map_or((0, Timestamp::default()), |mark| (mark.index + 1, mark.at));
        Self { kept: VecDeque::new(), bytes: 0, oldest: next, next, at }
    }

    /// The index of the entry that is next to be applied.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The time of the last entry.
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// Keeps what the next entry made happen. Says whether there is anything for those who watch.
    pub(crate) fn add(&mut self, mark: Mark, events: &[Event]) -> bool {
        let Mark { index, at } = mark;
        assert!(index >= self.next, "entry {index} comes where {} is next", self.next);
        (self.next, self.at) = (index + 1, at);
        let before = self.kept.len();
        for (event, number) in events.iter().filter(|event| is_watched(event)).zip(0..) {
            let bytes = bytes_of(event);
            self.bytes += bytes;
            self.kept.push_back((Occurrence { index, number, at, event: event.clone() }, bytes));
        }
        let has_more = self.kept.len() > before;
        while self.kept.len() > WATCH_OCCURRENCES_MAX || self.bytes > WATCH_BYTES_MAX {
            self.forget_first_entry();
        }
        has_more
    }

    fn forget_first_entry(&mut self) {
        let Some(index) = self.kept.front().map(|(first, _)| first.index) else { return };
        while let Some((_, bytes)) = self.kept.pop_front_if(|(first, _)| first.index == index) {
            self.bytes -= bytes;
        }
        self.oldest = index + 1;
    }

    /// What there is from `from` on: whole entries, as many as a batch holds and at least one, and
    /// the index from which to go on.
    pub(crate) fn from(&self, from: u64) -> Result<(Vec<Occurrence>, u64), TooOld> {
        if from < self.oldest {
            return Err(TooOld { oldest: self.oldest });
        }
        let start = self.kept.partition_point(|(kept, _)| kept.index < from);
        let mut batch: Vec<Occurrence> = Vec::new();
        let mut bytes = 0;
        for (occurrence, size) in self.kept.range(start..) {
            let begins = batch.last().is_some_and(|last| last.index != occurrence.index);
            if begins && bytes >= WATCH_BATCH_BYTES_MAX {
                return Ok((batch, occurrence.index));
            }
            bytes += size;
            batch.push(occurrence.clone());
        }
        Ok((batch, from.max(self.next)))
    }
}

/// Whether those who watch hear of it.
fn is_watched(event: &Event) -> bool {
    match event {
        Event::Submitted(_)
        | Event::Due(_)
        | Event::Claimed(_)
        | Event::CancelRequested(_)
        | Event::WorkerLost(_)
        | Event::WorkerReturned(_)
        | Event::Resurrected(_)
        | Event::AwaitsChildren(_)
        | Event::Ended(_)
        | Event::Deleted(_)
        | Event::QueuePaused(_)
        | Event::QueueResumed(_)
        | Event::WorkerChanged(_)
        | Event::CronChanged(_)
        | Event::CronDeleted(_)
        | Event::CronTicked(_) => true,
        Event::Compacted(_)
        | Event::LinesAppended { .. }
        | Event::Retried { .. }
        | Event::ActionConfigChanged(_)
        | Event::ActionConfigDeleted(_)
        | Event::SettingsChanged(_)
        | Event::TokenCreated(_)
        | Event::TokenRevoked(_) => false,
    }
}

/// About how many bytes the event keeps from being freed.
pub(crate) fn bytes_of(event: &Event) -> usize {
    let own = size_of::<(Occurrence, usize)>();
    own + match event {
        Event::Submitted(job)
        | Event::Due(job)
        | Event::Claimed(job)
        | Event::CancelRequested(job)
        | Event::WorkerLost(job)
        | Event::WorkerReturned(job)
        | Event::Resurrected(job)
        | Event::AwaitsChildren(job)
        | Event::Ended(job)
        | Event::LinesAppended { job, .. } => bytes_of_job(job),
        Event::WorkerChanged(worker) => bytes_of_worker(worker),
        Event::CronChanged(cron) | Event::CronDeleted(cron) => {
            let records = cron.history.records.len() * size_of::<TickRecord>();
            size_of_val(&**cron) + cron.schedule.len() + records + bytes_of_spec(&cron.spec)
        }
        Event::CronTicked(ticked) => size_of_val(&**ticked) + ticked.action.len(),
        Event::QueuePaused(action) | Event::QueueResumed(action) => action.len(),
        Event::Deleted(_)
        | Event::Compacted(_)
        | Event::Retried { .. }
        | Event::ActionConfigChanged(_)
        | Event::ActionConfigDeleted(_)
        | Event::SettingsChanged(_)
        | Event::TokenCreated(_)
        | Event::TokenRevoked(_) => 0,
    }
}

/// What an element of a map takes beside its texts.
const ELEMENT_BYTES: usize = 64;

fn bytes_of_job(job: &Job) -> usize {
    let attempts = job.attempts.iter().map(|attempt| {
        let reason = match &attempt.end {
            Some((_, AttemptEnd::CouldNotStart(reason))) => reason.len(),
            Some(_) | None => 0,
        };
        size_of_val(attempt) + reason
    });
    let from_config = job.from_config.iter().map(|name| ELEMENT_BYTES + name.len());
    size_of::<Job>()
        + bytes_of_spec(&job.spec)
        + job.policy.unique_key.as_ref().map_or(0, String::len)
        + attempts.sum::<usize>()
        + from_config.sum::<usize>()
}

fn bytes_of_spec(spec: &JobSpec) -> usize {
    let parameters = spec.parameters.iter().flatten();
    let parameters = parameters.map(|(name, value)| ELEMENT_BYTES + name.len() + value.len());
    let capacity = spec.capacity_map.as_ref().map_or(0, bytes_of_amounts);
    spec.action.len() + parameters.sum::<usize>() + capacity
}

fn bytes_of_amounts(map: &CapacityMap) -> usize {
    map.iter().map(|(name, _)| ELEMENT_BYTES + name.len()).sum()
}

fn bytes_of_worker(worker: &Worker) -> usize {
    let set = worker.capacity_set.as_ref().map_or(0, bytes_of_amounts);
    let actions = worker.actions.keys().map(|name| ELEMENT_BYTES + name.len());
    size_of::<Worker>()
        + bytes_of_amounts(&worker.capacity_declared)
        + bytes_of_amounts(&worker.capacity_in_use)
        + set
        + actions.sum::<usize>()
        + worker.runs.len() * ELEMENT_BYTES
}

#[cfg(test)]
mod tests;
