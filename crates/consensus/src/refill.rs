//! Output that this replica has lost, or never had, is fetched from its peers in the background.
//!
//! Missing is: all of a period that storage has reported as lost, and, after a received snapshot
//! (which brings history but not output), any line of any job; that it is so is noted on disk until
//! all is here. Until a line is here, a read of it asks the peers too, so nothing waits for this.

use std::collections::BTreeSet;
use std::sync::Arc;

use stint_core::Job;
use stint_storage::{Durable, Filter, Key, Log, StateStore};

use crate::error::Error;
use crate::inner::Inner;
use crate::limits::{
    LINES_BYTES_MAX, REFILL_INTERVAL, REFILL_INTERVAL_MAX, REFILL_STEP, REFILL_STEP_BYTES,
};
use crate::read::decoded;

/// Which jobs may lack lines.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Suspects {
    All,
    OfPeriods(BTreeSet<u32>),
}

impl Suspects {
    fn contain(&self, job: &Job) -> bool {
        let period = job.created_at.day();
        job.line_count > 0
            && match self {
                Self::All => true,
                Self::OfPeriods(periods) => periods.contains(&period),
            }
    }
}

/// The name under which the log keeps that a received snapshot has left output to fetch.
const MARK: &str = "output to fetch";

/// Notes, durably, that any line may be missing.
pub(crate) fn mark(log: &Log) -> Result<(), stint_storage::Error> {
    log.put(MARK, b"all", Durable::Now)
}

fn is_marked(log: &Log) -> Result<bool, stint_storage::Error> {
    Ok(log.get(MARK)?.is_some_and(|mark| !mark.is_empty()))
}

/// Runs until it is aborted.
pub(crate) async fn run(inner: Arc<Inner>) {
    let mut has_jumped = match is_marked(&inner.applied.store().log) {
        Ok(is_marked) => is_marked,
        Err(error) => {
            tracing::warn!(%error, "whether output is to be fetched cannot be read: it may be");
            true
        }
    };
    let mut pause = REFILL_INTERVAL;
    loop {
        tokio::select! {
            () = inner.applied.jumped.notified() => {
                has_jumped = true;
                pause = REFILL_INTERVAL;
            }
            () = tokio::time::sleep(pause) => {}
        }
        let lost: BTreeSet<u32> =
            inner.applied.store().output.losses().iter().map(|loss| loss.period).collect();
        if !has_jumped && lost.is_empty() {
            pause = REFILL_INTERVAL;
            continue;
        }
        if has_jumped && let Err(error) = inner.suspect_all().await {
            tracing::warn!(%error, "lines of jobs that are gone may stay");
        }
        let suspects = if has_jumped { Suspects::All } else { Suspects::OfPeriods(lost.clone()) };
        match inner.refill(&suspects).await {
            Ok(incomplete) => {
                for period in lost.difference(&incomplete) {
                    inner.whole_again(*period);
                }
                if has_jumped && incomplete.is_empty() {
                    has_jumped = false;
                    inner.all_here();
                }
            }
            Err(error) => tracing::warn!(%error, "missing output could not be looked for"),
        }
        pause = (2 * pause).min(REFILL_INTERVAL_MAX);
    }
}

/// The next records of history, and the place of the last of them; no place at the end. Records may
/// be large, so that it is their bytes that bound how many.
fn records(
    state: &StateStore,
    after: Option<Key>,
) -> Result<(Vec<Vec<u8>>, Option<Key>), stint_storage::Error> {
    let (mut bodies, mut bytes, mut last) = (Vec::new(), 0, None);
    for key in state.list(&Filter::default(), after, REFILL_STEP)? {
        if bytes >= REFILL_STEP_BYTES {
            break;
        }
        last = Some(key);
        // It may have been removed since its key was read.
        let Some(body) = state.get(&key.id)? else { continue };
        bytes += body.len();
        bodies.push(body);
    }
    Ok((bodies, last))
}

impl Inner {
    /// A received snapshot says which jobs there are, and not of which others lines are here.
    async fn suspect_all(&self) -> Result<(), Error> {
        let store = self.applied.store();
        let (state, output) = (store.state.clone(), store.output.clone());
        self.blocking(move || state.suspect(&output.periods()?)).await?;
        self.applied.compacted.notify_one();
        Ok(())
    }

    /// Goes through all jobs, live and over. Answers the periods of those that still lack lines.
    async fn refill(&self, suspects: &Suspects) -> Result<BTreeSet<u32>, Error> {
        let mut incomplete = BTreeSet::new();
        let live: Vec<Arc<Job>> = {
            let view = self.applied.read();
            view.state.jobs().filter(|job| suspects.contain(job)).map(Arc::clone).collect()
        };
        for job in live {
            self.refill_job(&job, &mut incomplete).await?;
        }
        self.write_down().await?;
        let mut after = None;
        loop {
            let state = self.applied.store().state.clone();
            let (bodies, last) = self.blocking(move || records(&state, after)).await?;
            if last.is_none() {
                return Ok(incomplete);
            }
            after = last;
            for body in bodies {
                let job = decoded(&body)?;
                if suspects.contain(&job) {
                    self.refill_job(&job, &mut incomplete).await?;
                }
            }
        }
    }

    /// Fetches every line of the job that is not here.
    async fn refill_job(&self, job: &Job, incomplete: &mut BTreeSet<u32>) -> Result<(), Error> {
        let (period, id) = (job.created_at.day(), job.id.to_bytes());
        let mut next = 0;
        while next < job.line_count {
            let output = self.applied.store().output.clone();
            let here =
                self.blocking(move || output.read(period, &id, next, LINES_BYTES_MAX)).await?;
            let here = here.last().map(|batch| batch.first_line + u64::from(batch.line_count));
            if let Some(end) = here.filter(|end| *end > next) {
                next = end;
                continue;
            }
            let fetched = self.fetch_output(period, id, next).await;
            // What was fetched is here now, or could not be kept.
            let output = self.applied.store().output.clone();
            let (is_here, next_here) = self
                .blocking(move || {
                    let is_here = !output.read(period, &id, next, 1)?.is_empty();
                    Ok((is_here, output.next_line(period, &id, next)?))
                })
                .await?;
            if is_here {
                continue;
            }
            incomplete.insert(period);
            // Behind what nobody has there may be more.
            let behind = [next_here, fetched.next].into_iter().flatten().min();
            match behind.filter(|behind| *behind > next) {
                Some(behind) => next = behind,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn all_here(&self) {
        // At worst it is looked for once more after the next start.
        if let Err(error) = self.applied.store().log.put(MARK, b"", Durable::Later) {
            tracing::warn!(%error, "it cannot be noted that all output is here");
        }
    }

    fn whole_again(&self, period: u32) {
        match self.applied.store().output.recovered(period) {
            Ok(()) => tracing::info!(period, "lost output is here again"),
            Err(error) => tracing::warn!(period, %error, "a loss could not be forgotten"),
        }
    }
}
