//! A period written anew, without the jobs that are gone, beside those who use it.
//!
//! sled reuses the room of what was deleted, but gives little of it back. So what is kept is copied
//! into a database of the next generation. While that goes on it gets whatever the old one gets, so
//! that it has all in the end, and then takes its place.

use std::{sync::Arc, thread};

use super::{Harm, Period, Progress, held};
use crate::{
    Error,
    limits::{OUTPUT_COPY_BYTES, OUTPUT_COPY_PIECES},
    output::piece::{KEY_BYTES, key, parse},
};

impl Progress {
    /// Does to the successor, if there is one, what was done here. If that fails, there is none any
    /// more, and nothing else has happened: whoever makes it finds out.
    pub(super) fn hand_on(&mut self, work: impl FnOnce(&Period) -> Result<(), Harm>) {
        if let Some(successor) = &self.successor
            && let Err(harm) = work(successor)
        {
            tracing::warn!(period = successor.number, ?harm, "output is not written anew");
            self.successor = None;
        }
    }
}

impl Period {
    pub(in crate::output) fn generation(&self) -> u32 {
        self.generation
    }

    /// The jobs behind `after` that have anything here, in order.
    pub(in crate::output) fn jobs(
        &self,
        after: Option<[u8; 16]>,
        limit: usize,
    ) -> Result<Vec<[u8; 16]>, Harm> {
        self.caught(|db| {
            let mut from = after.map(|job| behind(&job)).unwrap_or_default();
            let mut jobs = Vec::new();
            while jobs.len() < limit
                && let Some(entry) = db.range(from.as_slice()..).next()
            {
                let (found, _) = entry?;
                match found.first_chunk::<16>() {
                    Some(job) if found.len() == KEY_BYTES => {
                        jobs.push(*job);
                        from = behind(job);
                    }
                    Some(_) | None => from = [found.as_ref(), &[0]].concat(),
                }
            }
            Ok(jobs)
        })
    }

    /// From now on the successor gets all that this one gets.
    pub(in crate::output) fn begin_anew(&self, successor: &Arc<Self>) -> Result<(), Harm> {
        self.writable()?.successor = Some(Arc::clone(successor));
        Ok(())
    }

    /// Copies what a job has now, some pieces at a time. `false` if there is no successor any more.
    pub(in crate::output) fn copy(&self, job: &[u8; 16]) -> Result<bool, Harm> {
        let mut from = key(job, 0, 0).to_vec();
        loop {
            let mut progress = self.writable()?;
            if progress.successor.is_none() {
                return Ok(false);
            }
            // Under the lock, so that what is deleted meanwhile is not brought back.
            let mut pieces = Vec::new();
            let mut bytes = 0;
            self.caught(|db| {
                for entry in db.range(from.as_slice()..behind(job).as_slice()) {
                    let (key, value) = entry?;
                    bytes += value.len();
                    pieces.push((key, value));
                    if pieces.len() >= OUTPUT_COPY_PIECES || bytes >= OUTPUT_COPY_BYTES {
                        break;
                    }
                }
                Ok(())
            })?;
            let Some((last, _)) = pieces.last() else { return Ok(true) };
            from = [last.as_ref(), &[0]].concat();
            progress.hand_on(|successor| {
                let mut progress = held(&successor.progress);
                // What does not match its checksum is found by whoever reads it: it is no reason to
                // lose the rest.
                for (key, value) in &pieces {
                    if let Some(piece) = parse(key, value) {
                        successor.put(&mut progress, key, piece)?;
                    }
                }
                Ok(())
            });
            // Whoever appends gets a turn.
            drop(progress);
            thread::yield_now();
        }
    }

    /// Ends this one, if `put_in_force` has put the successor in its place; nothing is written in
    /// between. It hears whether the successor is empty. `None` if there is no successor any more.
    pub(in crate::output) fn replace<T>(
        &self,
        put_in_force: impl FnOnce(bool) -> Result<T, Error>,
    ) -> Result<Option<Result<T, Error>>, Harm> {
        let mut progress = self.writable()?;
        progress.hand_on(Self::sync);
        let Some(successor) = progress.successor.clone() else { return Ok(None) };
        let is_empty = held(&successor.progress).tally.is_empty();
        let done = put_in_force(is_empty);
        progress.is_replaced = done.is_ok();
        progress.successor = None;
        Ok(Some(done))
    }

    /// Forgets a successor that was not finished.
    pub(in crate::output) fn stay(&self) {
        held(&self.progress).successor = None;
    }
}

/// The least key that is behind all of a job.
fn behind(job: &[u8; 16]) -> Vec<u8> {
    [key(job, u64::MAX, u16::MAX).as_slice(), &[0]].concat()
}
