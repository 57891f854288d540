//! What applied entries make happen on disk: records of history, lines of output.

use std::io;

use stint_core::{Event, Job, JobId, Status};
use stint_storage::{Audited, Record};

use crate::codec::{decode_job, encode_job, encode_lines};
use crate::limits::OUTPUT_BATCH_LINES_MAX;
use crate::state_machine::Applied;

impl Applied {
    /// Moves what the events say to disk. Until it is there, readers find it in `leaving`.
    pub(crate) fn keep(
        &self,
        events: &[Event],
        records: &mut Vec<Record>,
    ) -> Result<(), io::Error> {
        for event in events {
            match event {
                Event::Ended(job) => {
                    if job.status == Status::Deleted {
                        self.delete_output(job)?;
                    }
                    records.push(record(job));
                }
                Event::Deleted(id) => self.delete_from_history(*id, records)?,
                Event::Retried { job, by } => self.note_retry(*job, *by, records)?,
                Event::Compacted(ids) => self.compact(ids, records)?,
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
    fn compact(&self, ids: &[JobId], records: &mut Vec<Record>) -> Result<(), io::Error> {
        self.put(records, &[])?;
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
    fn in_history(&self, id: JobId, records: &mut Vec<Record>) -> Result<Option<Job>, io::Error> {
        if records.iter().any(|record| record.id == id.to_bytes()) {
            self.put(records, &[])?;
        }
        let found = self.store().state.get(&id.to_bytes());
        let found = found.map_err(|error| self.fail("history", &error))?;
        Ok(found.map(|body| decode_job(&body)).transpose()?)
    }

    /// A job that was deleted meanwhile stays so.
    fn note_retry(&self, id: JobId, by: JobId, records: &mut Vec<Record>) -> Result<(), io::Error> {
        let Some(mut job) = self.in_history(id, records)? else { return Ok(()) };
        job.retried_by = Some(by);
        records.push(record(&job));
        Ok(())
    }

    fn delete_from_history(&self, id: JobId, records: &mut Vec<Record>) -> Result<(), io::Error> {
        let Some(mut job) = self.in_history(id, records)? else { return Ok(()) };
        self.delete_output(&job)?;
        job.status = Status::Deleted;
        records.push(record(&job));
        Ok(())
    }

    pub(crate) fn put(
        &self,
        records: &mut Vec<Record>,
        audited: &[Audited],
    ) -> Result<(), io::Error> {
        if !records.is_empty() || !audited.is_empty() {
            self.insist("history", || self.store().state.put_batch(records, audited))?;
            records.clear();
        }
        Ok(())
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
