//! What applied entries make happen on disk: records of history, lines of output.
//!
//! Jobs that just end, which is what most do, are written down many at a time: a transaction costs as
//! much as dozens of records. Until then readers find them in memory, and a replica that is killed
//! finds them in its log, as it does with all that is written and not yet synced.

use std::io;
use std::sync::{Arc, MutexGuard};

use stint_core::{Event, Job, JobId, Status};
use stint_storage::{Audited, Record};

use crate::codec::{decode_job, encode_job, encode_lines};
use crate::error::Error;
use crate::inner::Inner;
use crate::limits::{OUTPUT_BATCH_LINES_MAX, UNWRITTEN_BYTES_MAX, UNWRITTEN_MAX};
use crate::state_machine::Applied;

/// Records that are on their way into history. Readers find their jobs, and the audit log's part of
/// it, in the view.
#[derive(Default)]
pub(crate) struct Unwritten {
    records: Vec<Record>,
    audited: usize,
    bytes: usize,
}

impl Unwritten {
    fn push(&mut self, record: Record) {
        self.bytes += record.body.len();
        self.records.push(record);
    }

    /// Records of the audit log have come into the view.
    pub(crate) fn note_audited(&mut self, audited: &[Audited]) {
        self.audited += audited.len();
        self.bytes += audited.iter().map(|audited| audited.body.len()).sum::<usize>();
    }

    /// Whether it is worth a transaction, or as much as may be in memory.
    pub(crate) fn is_enough(&self) -> bool {
        self.records.len() + self.audited >= UNWRITTEN_MAX || self.bytes >= UNWRITTEN_BYTES_MAX
    }

    /// Something else has taken the place of the state.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Whether an event changes history that is there, which then has to be written at once: readers would
/// find what was before. A job that ends is only added to it, unless its lines go too.
pub(crate) fn changes_history(event: &Event) -> bool {
    match event {
        Event::Ended(job) => job.status == Status::Deleted,
        Event::Deleted(_) | Event::Retried { .. } | Event::Compacted(_) => true,
        Event::LinesAppended { .. }
        | Event::Submitted(_)
        | Event::Due(_)
        | Event::Claimed(_)
        | Event::CancelRequested(_)
        | Event::WorkerLost(_)
        | Event::WorkerReturned(_)
        | Event::Resurrected(_)
        | Event::AwaitsChildren(_)
        | Event::WorkerChanged(_)
        | Event::QueuePaused(_)
        | Event::QueueResumed(_)
        | Event::CronChanged(_)
        | Event::CronDeleted(_)
        | Event::CronTicked(_)
        | Event::ActionConfigChanged(_)
        | Event::ActionConfigDeleted(_)
        | Event::SettingsChanged(_)
        | Event::TokenCreated(_)
        | Event::TokenRevoked(_) => false,
    }
}

impl Applied {
    /// Notes what the events say for the disk; until it is there, readers find it in `leaving`.
    pub(crate) fn keep(
        &self,
        events: &[Event],
        unwritten: &mut Unwritten,
    ) -> Result<(), io::Error> {
        for event in events {
            match event {
                Event::Ended(job) => {
                    if job.status == Status::Deleted {
                        self.delete_output(job)?;
                    }
                    unwritten.push(record(job));
                }
                Event::Deleted(id) => self.delete_from_history(*id, unwritten)?,
                Event::Retried { job, by } => self.note_retry(*job, *by, unwritten)?,
                Event::Compacted(ids) => self.compact(ids, unwritten)?,
                Event::LinesAppended { job, first, lines } => {
                    let mut first = *first;
                    for lines in lines.chunks(OUTPUT_BATCH_LINES_MAX) {
                        let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
                        let (period, id) = (job.created_at.day(), job.id.to_bytes());
                        let bytes = encode_lines(lines);
                        let output = &self.store().output;
                        self.insist("output", || output.append(period, &id, first, count, &bytes))?;
                        first += u64::from(count);
                    }
                }
                Event::Submitted(_)
                | Event::Due(_)
                | Event::Claimed(_)
                | Event::CancelRequested(_)
                | Event::WorkerLost(_)
                | Event::WorkerReturned(_)
                | Event::Resurrected(_)
                | Event::AwaitsChildren(_)
                | Event::WorkerChanged(_)
                | Event::QueuePaused(_)
                | Event::QueueResumed(_)
                | Event::CronChanged(_)
                | Event::CronDeleted(_)
                | Event::CronTicked(_)
                | Event::ActionConfigChanged(_)
                | Event::ActionConfigDeleted(_)
                | Event::SettingsChanged(_)
                | Event::TokenCreated(_)
                | Event::TokenRevoked(_) => {}
            }
        }
        Ok(())
    }

    fn delete_output(&self, job: &Job) -> Result<(), io::Error> {
        if job.line_count == 0 {
            return Ok(());
        }
        let (period, id) = (job.created_at.day(), job.id.to_bytes());
        self.insist("output", || self.store().output.delete(period, &id))
    }

    /// Removes records; their lines go later, and are looked for by nobody until then.
    fn compact(&self, ids: &[JobId], unwritten: &mut Unwritten) -> Result<(), io::Error> {
        self.put(unwritten)?;
        let today = self.read().state.now().day();
        for id in ids.iter().filter(|id| may_come_again(**id)) {
            let found = self.store().state.get(&id.to_bytes());
            let Some(body) = found.map_err(|error| self.fail("history", &error))? else { continue };
            let job = decode_job(&body)?;
            if job.created_at.day() >= today {
                self.delete_output(&job)?;
            }
        }
        let ids: Vec<_> = ids.iter().map(|id| id.to_bytes()).collect();
        self.insist("history", || self.store().state.remove_records(&ids))?;
        self.compacted.notify_one();
        Ok(())
    }

    /// The record of a job that is over, as it is after all that was kept before.
    fn in_history(&self, id: JobId, unwritten: &mut Unwritten) -> Result<Option<Job>, io::Error> {
        if unwritten.records.iter().any(|record| record.id == id.to_bytes()) {
            self.put(unwritten)?;
        }
        let found = self.store().state.get(&id.to_bytes());
        let found = found.map_err(|error| self.fail("history", &error))?;
        Ok(found.map(|body| decode_job(&body)).transpose()?)
    }

    /// A job that was deleted meanwhile stays so.
    fn note_retry(&self, id: JobId, by: JobId, unwritten: &mut Unwritten) -> Result<(), io::Error> {
        let Some(mut job) = self.in_history(id, unwritten)? else { return Ok(()) };
        job.retried_by = Some(by);
        unwritten.push(record(&job));
        Ok(())
    }

    fn delete_from_history(&self, id: JobId, unwritten: &mut Unwritten) -> Result<(), io::Error> {
        let Some(mut job) = self.in_history(id, unwritten)? else { return Ok(()) };
        self.delete_output(&job)?;
        job.status = Status::Deleted;
        unwritten.push(record(&job));
        Ok(())
    }

    /// Writes down all that is left to be, so that history and state are at the same entry. A full
    /// disk is waited out.
    pub(crate) fn write_down(&self, unwritten: &mut Unwritten) -> Result<(), io::Error> {
        self.insist("history", || self.try_write_down(unwritten))
    }

    /// The same for who reads history alone, without waiting for room. Nothing is applied while the
    /// answer is held.
    pub(crate) fn written(&self) -> Result<MutexGuard<'_, Unwritten>, stint_storage::Error> {
        let mut whole = self.whole();
        self.try_write_down(&mut whole)?;
        Ok(whole)
    }

    fn try_write_down(&self, unwritten: &mut Unwritten) -> Result<(), stint_storage::Error> {
        self.try_put(unwritten)?;
        let mut view = self.write();
        view.leaving.clear();
        view.audited.clear();
        Ok(())
    }

    fn put(&self, unwritten: &mut Unwritten) -> Result<(), io::Error> {
        self.insist("history", || self.try_put(unwritten))
    }

    /// Whoever holds what is unwritten is the only one who changes the view.
    fn try_put(&self, unwritten: &mut Unwritten) -> Result<(), stint_storage::Error> {
        let view = self.read();
        if !unwritten.records.is_empty() || !view.audited.is_empty() {
            self.store().state.put_batch(&unwritten.records, &view.audited)?;
            unwritten.forget();
        }
        Ok(())
    }
}

impl Inner {
    /// Has history on disk all that is applied, for who reads it alone. On a full disk it is as it is.
    pub(crate) async fn write_down(&self) -> Result<(), Error> {
        let applied = Arc::clone(&self.applied);
        let write = move || match applied.written() {
            Ok(_) | Err(stint_storage::Error::DiskFull { .. }) => Ok(()),
            Err(error) => Err(error),
        };
        self.blocking(write).await
    }

    /// The same at the end. What cannot be written is in the log.
    pub(crate) async fn write_down_the_rest(&self) {
        if let Err(error) = self.write_down().await {
            tracing::debug!(%error, "what has ended lately is not in history yet");
        }
    }
}

/// Whether a job of this id can be submitted again, because a key names it: a UUID of version 8. On
/// the same day its output would stand where the former one's did.
fn may_come_again(id: JobId) -> bool {
    let [_, _, _, _, _, _, version, ..] = id.to_bytes();
    version >> 4 == 8
}

/// A job as history keeps it. Of a deleted one only a tombstone stays.
fn record(job: &Job) -> Record {
    let is_deleted = job.status == Status::Deleted;
    let body = if is_deleted {
        let mut tombstone = job.clone();
        tombstone.spec.parameters = None;
        tombstone.line_count = 0;
        encode_job(&tombstone)
    } else {
        encode_job(job)
    };
    Record {
        id: job.id.to_bytes(),
        scheduled_at: job.scheduled_at.as_ms(),
        action: job.spec.action.clone(),
        worker: job.worker.map(stint_core::WorkerId::get),
        ended_at: job.last_updated.as_ms(),
        output: (!is_deleted && job.line_count > 0).then(|| job.created_at.day()),
        listed: !is_deleted,
        body,
    }
}
