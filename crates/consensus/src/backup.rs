//! Backups: all that a cluster keeps, as of one entry of the log, in one stream of bytes.
//!
//! The state of that moment is held in memory as pointers, history by a view that the disk keeps;
//! both are taken while no entry is on its way from one to the other. Output follows afterwards, as
//! far as the records of that moment say that there is some.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use stint_failpoint::failpoint;
use stint_proto::log::v1 as pb;
use stint_storage::{BackupEncoder, Batch, CheckpointHeader, SnapshotReader, Store};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::codec::{
    decode_job, decode_lines, encode_chunks, encode_header, encode_lines, wire_level,
};
use crate::error::Error;
use crate::inner::Inner;
use crate::level::VERSION;
use crate::limits::{
    BACKUP_AHEAD, BACKUP_FETCHES_FAILED_MAX, BACKUP_PATIENCE, BACKUP_STEP_BYTES, LINES_BYTES_MAX,
};
use crate::state_machine::Applied;
use crate::types::{log_id_to_wire, membership_to_wire, stored_membership_to_wire};

/// A `BackupAbout`: the first block.
pub(crate) const ABOUT: u8 = 1;
/// A frame of a snapshot.
pub(crate) const SNAPSHOT: u8 = 2;
/// A `BackupOutput`.
pub(crate) const OUTPUT: u8 = 3;
/// A `BackupSummary`: the last block before the end.
pub(crate) const SUMMARY: u8 = 4;

/// A backup on its way. Whoever drops it has ended it.
#[derive(Debug)]
pub struct Backup {
    pieces: mpsc::Receiver<Result<Bytes, Error>>,
}

impl Backup {
    /// The next bytes of the file, at most 4 MiB; `None` after the last ones. After an error there
    /// are none, and what came before is no backup.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        self.pieces.recv().await
    }
}

/// Nobody takes what is made any more.
enum Stop {
    Gone,
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Inner {
    pub(crate) async fn backup(this: &Arc<Self>) -> Result<Backup, Error> {
        this.barrier().await?;
        let (sender, pieces) = mpsc::channel(BACKUP_AHEAD);
        let (inner, runtime) = (Arc::clone(this), Handle::current());
        tokio::task::spawn_blocking(move || {
            let writer = Writer { inner, runtime: runtime.clone(), to: sender.clone() };
            match writer.write() {
                Ok(()) => tracing::info!("a backup was taken"),
                Err(Stop::Gone) => tracing::warn!("a backup was broken off by its taker"),
                Err(Stop::Failed(error)) => {
                    tracing::error!(%error, "a backup cannot be taken");
                    // The taker may be gone as well.
                    let last = sender.send_timeout(Err(error), BACKUP_PATIENCE);
                    drop(runtime.block_on(last));
                }
            }
        });
        Ok(Backup { pieces })
    }
}

/// One moment of the cluster.
struct Moment {
    about: pb::BackupAbout,
    /// Live jobs that have output: the day it is kept under, the job, and how many lines.
    live: Vec<Lines>,
    reader: SnapshotReader,
}

/// Where the output of a job is, and how much of it belongs to the moment.
struct Lines {
    period: u32,
    job: [u8; 16],
    count: u64,
}

impl Moment {
    fn of(applied: &Applied, inner: &Inner) -> Result<Self, Error> {
        let _whole = applied.written()?;
        let view = applied.read();
        let (parts, index) = (view.state.parts(), view.applied.as_ref().map_or(0, |id| id.index));
        let last = view.applied.as_ref().map(log_id_to_wire);
        let membership = membership_to_wire(view.membership.membership());
        let header = encode_header(&parts, last, stored_membership_to_wire(&view.membership));
        let dir = applied.store().dir();
        let cluster = Store::identity_of(dir)?.map(|identity| identity.cluster);
        let about = pb::BackupAbout {
            cluster: cluster.unwrap_or_default().to_vec(),
            replica: inner.id.get(),
            version: VERSION.to_owned(),
            level: wire_level(parts.level),
            at_ms: parts.now.as_ms(),
            applied: last,
            membership: Some(membership),
            jobs_live: u64::try_from(parts.jobs.len()).unwrap_or(u64::MAX),
        };
        let live = parts.jobs.iter().filter(|job| job.line_count > 0);
        let live = live.map(|job| Lines {
            period: job.created_at.day(),
            job: job.id.to_bytes(),
            count: job.line_count,
        });
        let live = live.collect();
        let header = CheckpointHeader { index, header };
        let reader = applied.store().state.snapshot_with(header, encode_chunks(parts))?;
        Ok(Self { about, live, reader })
    }
}

/// Makes the blocks, and waits while nobody takes them.
struct Writer {
    inner: Arc<Inner>,
    runtime: Handle,
    to: mpsc::Sender<Result<Bytes, Error>>,
}

impl Writer {
    fn write(&self) -> Result<(), Stop> {
        let Moment { about, live, mut reader } = Moment::of(&self.inner.applied, &self.inner)?;
        failpoint!("consensus::backup::begin").map_err(stint_storage::Error::from)?;
        let (mut encoder, head) = BackupEncoder::new();
        self.send(head)?;
        self.send(encoder.block(ABOUT, &about.encode_to_vec())?)?;
        while let Some(frame) = reader.next_frame()? {
            self.send(encoder.block(SNAPSHOT, &frame)?)?;
        }
        let mut output = Output::default();
        for lines in &live {
            self.lines(lines, &mut output, &mut encoder)?;
        }
        let mut after = None;
        loop {
            let records = reader.records(after)?;
            let Some(last) = records.last() else { break };
            after = Some(last.id);
            output.summary.jobs_over += u64::try_from(records.len()).unwrap_or(u64::MAX);
            for record in &records {
                let Some(period) = record.output else { continue };
                let job = decode_job(&record.body);
                let job = job.map_err(|garbled| Error::Failed(garbled.to_string()))?;
                let lines = Lines { period, job: record.id, count: job.line_count };
                self.lines(&lines, &mut output, &mut encoder)?;
            }
        }
        self.flush(&mut output, &mut encoder)?;
        self.send(encoder.block(SUMMARY, &output.summary.encode_to_vec())?)?;
        self.send(encoder.end())
    }

    /// All lines of a job that belong to the moment, and no later ones.
    fn lines(
        &self,
        of: &Lines,
        output: &mut Output,
        encoder: &mut BackupEncoder,
    ) -> Result<(), Stop> {
        let mut next = 0;
        while next < of.count {
            let batches = self.batches(of, next, output)?;
            if batches.is_empty() {
                let store = self.inner.applied.store();
                let behind = store.output.next_line(of.period, &of.job, next)?;
                let behind = behind.filter(|behind| *behind > next).unwrap_or(of.count);
                let behind = behind.min(of.count);
                output.summary.lines_missing += behind - next;
                next = behind;
                continue;
            }
            for batch in batches {
                let Some(batch) = cut(batch, of.count)? else { return Ok(()) };
                next = batch.first_line + u64::from(batch.line_count);
                output.add(of, batch);
                if output.bytes >= BACKUP_STEP_BYTES {
                    self.flush(output, encoder)?;
                }
            }
        }
        Ok(())
    }

    /// What is here from this line on, or else what a peer has, which is here then.
    fn batches(&self, of: &Lines, next: u64, output: &mut Output) -> Result<Vec<Batch>, Stop> {
        if *self.inner.stopping.borrow() {
            return Err(Error::ShuttingDown.into());
        }
        let here = &self.inner.applied.store().output;
        let batches = here.read(of.period, &of.job, next, LINES_BYTES_MAX)?;
        if !batches.is_empty() || output.fetches_failed >= BACKUP_FETCHES_FAILED_MAX {
            return Ok(batches);
        }
        // Should a job have been deleted since, its lines are nowhere, and what a peer still has
        // must not come back.
        let is_gone = !self.is_known(of)?;
        if !is_gone {
            self.runtime.block_on(self.inner.fetch_output(of.period, of.job, next));
        }
        let batches = here.read(of.period, &of.job, next, LINES_BYTES_MAX)?;
        output.fetches_failed += usize::from(batches.is_empty() && !is_gone);
        Ok(batches)
    }

    fn is_known(&self, of: &Lines) -> Result<bool, Error> {
        let applied = &self.inner.applied;
        let id = stint_core::JobId::from_bytes(of.job);
        let is_live = {
            let view = applied.read();
            view.state.job(id).is_some() || view.leaving.contains_key(&id)
        };
        let listed = applied.store().state.are_listed(&[of.job])?;
        Ok(is_live || listed.first().copied().unwrap_or_default())
    }

    fn flush(&self, output: &mut Output, encoder: &mut BackupEncoder) -> Result<(), Stop> {
        let batches = std::mem::take(&mut output.batches);
        output.bytes = 0;
        if batches.is_empty() {
            return Ok(());
        }
        self.send(encoder.block(OUTPUT, &pb::BackupOutput { batches }.encode_to_vec())?)
    }

    fn send(&self, bytes: Vec<u8>) -> Result<(), Stop> {
        failpoint!("consensus::backup::send").map_err(stint_storage::Error::from)?;
        let sent = async {
            tokio::select! {
                sent = self.to.send_timeout(Ok(bytes.into()), BACKUP_PATIENCE) => {
                    sent.map_err(|_| Stop::Gone)
                }
                () = self.inner.stopped() => Err(Error::ShuttingDown.into()),
            }
        };
        self.runtime.block_on(sent)
    }
}

/// Output that is not in a block yet, and what was.
#[derive(Default)]
struct Output {
    batches: Vec<pb::BackupLines>,
    bytes: usize,
    summary: pb::BackupSummary,
    fetches_failed: usize,
}

impl Output {
    fn add(&mut self, of: &Lines, batch: Batch) {
        self.bytes += batch.bytes.len();
        self.summary.lines += u64::from(batch.line_count);
        self.batches.push(pb::BackupLines {
            period: of.period,
            job: of.job.to_vec(),
            first: batch.first_line,
            count: batch.line_count,
            batch: batch.bytes,
        });
    }
}

/// A batch without the lines from `end` on, which came later; `None` if none is left.
fn cut(batch: Batch, end: u64) -> Result<Option<Batch>, Error> {
    let Some(left) = end.checked_sub(batch.first_line).filter(|left| *left > 0) else {
        return Ok(None);
    };
    let Some(left) = u32::try_from(left).ok().filter(|left| *left < batch.line_count) else {
        return Ok(Some(batch));
    };
    let mut lines =
        decode_lines(&batch.bytes).map_err(|garbled| Error::Failed(garbled.to_string()))?;
    lines.truncate(usize::try_from(left).unwrap_or(usize::MAX));
    Ok(Some(Batch { line_count: left, bytes: encode_lines(&lines), ..batch }))
}
