//! What happens in the cluster: from an index of the log on, and then for as long as one reads.

use std::collections::VecDeque;
use std::sync::Arc;

use stint_consensus::{Occurrence, Watcher};
use stint_core::{Cron, Event, Fate, Job, Status, TickRecord, Timestamp, Worker, WorkerStatus};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Api, ApiError, Caller, JobView, stopped};
use crate::clients::Share;
use crate::limits;
use crate::parse::quoted;

/// What is to be watched.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WatchQuery {
    /// From the entry of this index on; `None` is from now on.
    pub(crate) from: Option<u64>,
    /// The last message that was seen, where only a part of its entry was.
    pub(crate) seen: Option<Place>,
    /// Of these.
    pub(crate) topics: Topics,
}

/// The place of an event: that of its entry in the log, and its own in the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) index: u64,
    pub(crate) number: u32,
}

/// What is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each topic, in any combination")]
pub(crate) struct Topics {
    jobs: bool,
    workers: bool,
    crons: bool,
    queues: bool,
}

impl Default for Topics {
    fn default() -> Self {
        Self { jobs: true, workers: true, crons: true, queues: true }
    }
}

impl Topics {
    /// Those of these names; all if there is none.
    pub(crate) fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, ApiError> {
        let mut topics = Self { jobs: false, workers: false, crons: false, queues: false };
        let mut is_any = true;
        for name in names {
            is_any = false;
            match name {
                "jobs" => topics.jobs = true,
                "workers" => topics.workers = true,
                "crons" => topics.crons = true,
                "queues" => topics.queues = true,
                _ => {
                    let expected = "jobs, workers, crons, queues, or several of them";
                    return Err(ApiError::field("kinds", expected, quoted(name)));
                }
            }
        }
        Ok(if is_any { Self::default() } else { topics })
    }
}

/// One thing that those who watch are told.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) place: Place,
    /// The index from which to go on after this message.
    pub(crate) next: u64,
    /// The time of its entry.
    pub(crate) at: Timestamp,
    pub(crate) kind: &'static str,
    /// What it is about, by its name; empty for a bookmark.
    pub(crate) name: String,
    pub(crate) subject: Subject,
}

/// What a message is about, as it was then.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    /// The name says all there is.
    Name,
    Job(JobView),
    Worker(Arc<Worker>),
    Cron(Arc<Cron>),
    Tick(TickRecord),
}

/// The kind of a message that says that all up to its index has been sent.
const BOOKMARK: &str = "bookmark";

/// A place in what happens, from which on it is read. It holds a bounded batch at most.
pub(crate) struct WatchReader {
    api: Arc<Api>,
    /// Who reads.
    caller: Caller,
    watcher: Watcher,
    topics: Topics,
    seen: Option<Place>,
    ready: VecDeque<Vec<Message>>,
    bookmark_at: Instant,
    stopping: watch::Receiver<bool>,
    _permit: Share,
}

impl Api {
    /// Watches what happens. What this replica has missed so far it learns first.
    pub(crate) async fn watch(
        self: &Arc<Self>,
        caller: &Caller,
        query: WatchQuery,
    ) -> Result<WatchReader, ApiError> {
        let permit = self.place(caller)?;
        let _turn = self.turn_to_begin(caller).await?;
        self.barrier().await?;
        let mut reader = WatchReader {
            api: Arc::clone(self),
            caller: caller.clone(),
            watcher: self.replica.watch(query.from),
            topics: query.topics,
            seen: query.seen,
            ready: VecDeque::new(),
            bookmark_at: Instant::now() + limits::BOOKMARK_INTERVAL,
            stopping: self.stopping.clone(),
            _permit: permit,
        };
        if query.from.is_none() {
            reader.ready.push_back(vec![reader.bookmark()]);
        }
        // That it is too late for this index is better said before the answer begins.
        let first = reader.watcher.take()?;
        reader.add(&first);
        Ok(reader)
    }
}

impl WatchReader {
    /// The next messages, never none. Ends only when the gateway does, or when the caller may not
    /// read any more.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Message>>, ApiError> {
        let (api, caller) = (Arc::clone(&self.api), self.caller.clone());
        api.while_welcome(&caller, self.next_batch()).await
    }

    async fn next_batch(&mut self) -> Result<Option<Vec<Message>>, ApiError> {
        loop {
            if let Some(messages) = self.ready.pop_front() {
                return Ok(Some(messages));
            }
            tokio::select! {
                biased;
                () = stopped(&mut self.stopping) => return Ok(None),
                () = tokio::time::sleep_until(self.bookmark_at) => {
                    // A replica that has lost the others has nothing to say, and must not pretend
                    // that nothing happens.
                    self.api.barrier().await?;
                    let batch = self.watcher.take()?;
                    self.add(&batch);
                    self.ready.push_back(vec![self.bookmark()]);
                    self.bookmark_at = Instant::now() + limits::BOOKMARK_INTERVAL;
                }
                batch = self.watcher.next() => {
                    let batch = batch?;
                    self.add(&batch);
                }
            }
        }
    }

    /// Makes messages of what is wanted of a batch, which has whole entries.
    fn add(&mut self, batch: &[Occurrence]) {
        let wanted = batch.iter().filter(|occurrence| {
            let Occurrence { index, number, .. } = **occurrence;
            self.topics.have(&occurrence.event) && self.seen < Some(Place { index, number })
        });
        let mut messages: Vec<Message> = wanted.filter_map(message).collect();
        let mut after = None;
        for message in messages.iter_mut().rev() {
            if after != Some(message.place.index) {
                message.next = message.place.index + 1;
            }
            after = Some(message.place.index);
        }
        if !messages.is_empty() {
            self.ready.push_back(messages);
        }
    }

    fn bookmark(&self) -> Message {
        let next = self.watcher.next_index();
        Message {
            place: Place { index: next.saturating_sub(1), number: 0 },
            next,
            at: self.watcher.time(),
            kind: BOOKMARK,
            name: String::new(),
            subject: Subject::Name,
        }
    }
}

impl Topics {
    fn have(self, event: &Event) -> bool {
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
            | Event::Deleted(_) => self.jobs,
            Event::QueuePaused(_) | Event::QueueResumed(_) => self.queues,
            Event::WorkerChanged(_) => self.workers,
            Event::CronChanged(_) | Event::CronDeleted(_) | Event::CronTicked(_) => self.crons,
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
}

/// What is said of an occurrence, as if more of its entry came after it.
fn message(occurrence: &Occurrence) -> Option<Message> {
    let &Occurrence { index, number, at, ref event } = occurrence;
    let of_job = |kind, job: &Arc<Job>| {
        // Why it waited then nobody knows any more.
        let view = JobView::of(Arc::clone(job));
        (kind, job.id.to_string(), Subject::Job(view))
    };
    let of_cron =
        |kind, cron: &Arc<Cron>| (kind, cron.spec.action.clone(), Subject::Cron(Arc::clone(cron)));
    let (kind, name, subject) = match event {
        Event::Submitted(job) => of_job("job_submitted", job),
        Event::Due(job) => of_job("job_due", job),
        Event::Claimed(job) => of_job("job_claimed", job),
        Event::CancelRequested(job) => of_job("job_cancel_requested", job),
        Event::WorkerLost(job) => of_job("job_worker_lost", job),
        Event::WorkerReturned(job) => of_job("job_worker_returned", job),
        Event::Resurrected(job) => of_job("job_resurrected", job),
        Event::AwaitsChildren(job) => of_job("job_awaits_children", job),
        Event::Ended(job) if job.status == Status::Deleted => of_job("job_deleted", job),
        Event::Ended(job) if job.is_expired => of_job("job_expired", job),
        Event::Ended(job) => of_job("job_ended", job),
        Event::Deleted(id) => ("job_deleted", id.to_string(), Subject::Name),
        Event::QueuePaused(action) => ("queue_paused", action.clone(), Subject::Name),
        Event::QueueResumed(action) => ("queue_resumed", action.clone(), Subject::Name),
        Event::WorkerChanged(worker) => {
            let kind = match worker.status {
                WorkerStatus::Running => "worker_changed",
                WorkerStatus::Dead => "worker_lost",
                WorkerStatus::Shutdown => "worker_left",
            };
            (kind, worker.id.to_string(), Subject::Worker(Arc::clone(worker)))
        }
        Event::CronChanged(cron) => of_cron("cron_changed", cron),
        Event::CronDeleted(cron) => of_cron("cron_deleted", cron),
        Event::CronTicked(ticked) => {
            let kind = match ticked.record.fate {
                Fate::Fired(_) => "cron_fired",
                Fate::Skipped(_) => "cron_skipped",
            };
            (kind, ticked.action.clone(), Subject::Tick(ticked.record))
        }
        Event::Compacted(_)
        | Event::LinesAppended { .. }
        | Event::Retried { .. }
        | Event::ActionConfigChanged(_)
        | Event::ActionConfigDeleted(_)
        | Event::SettingsChanged(_)
        | Event::TokenCreated(_)
        | Event::TokenRevoked(_) => return None,
    };
    Some(Message { place: Place { index, number }, next: index, at, kind, name, subject })
}
