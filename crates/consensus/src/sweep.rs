//! What compaction leaves behind is removed in the background, by each replica for itself: lines of
//! jobs that are gone, and the room of their records.
//!
//! None of it is in the log: a job whose record is gone has no lines for anybody who asks. So a
//! replica may take its time, and one that crashes in between begins again.

use std::sync::Arc;

use stint_core::JobId;
use stint_failpoint::failpoint;
use stint_storage::{Error as StorageError, Gone, Swept};
use tokio::time::{Instant, sleep, timeout_at};

use crate::error::Error;
use crate::inner::Inner;
use crate::limits::{SHRINK_RECORDS_MIN, SWEEP_DELAY_MAX, SWEEP_INTERVAL, SWEEP_QUIET};
use crate::state_machine::Applied;

/// Runs until it is aborted.
pub(crate) async fn run(inner: Arc<Inner>) {
    loop {
        quiet(&inner.applied).await;
        if let Err(error) = inner.sweep().await {
            tracing::warn!(%error, "the room of compacted jobs does not come back yet");
        }
        tokio::select! {
            () = inner.applied.compacted.notified() => {}
            () = sleep(SWEEP_INTERVAL) => {}
        }
    }
}

/// Waits until nothing has been compacted for a while: a period is written anew once for all of a
/// compaction, and not for each of its steps.
async fn quiet(applied: &Applied) {
    let end = Instant::now() + SWEEP_DELAY_MAX;
    loop {
        let look = end.min(Instant::now() + SWEEP_QUIET);
        if timeout_at(look, applied.compacted.notified()).await.is_err() {
            return;
        }
    }
}

impl Inner {
    async fn sweep(&self) -> Result<(), Error> {
        let state = self.applied.store().state.clone();
        for gone in self.blocking(move || state.gone()).await? {
            if gone.unswept > 0 {
                let applied = Arc::clone(&self.applied);
                self.blocking(move || sweep_period(&applied, gone)).await?;
            }
        }
        let applied = Arc::clone(&self.applied);
        self.blocking(move || shrink(&applied)).await
    }
}

fn sweep_period(applied: &Applied, gone: Gone) -> Result<(), StorageError> {
    failpoint!("consensus::sweep::period")?;
    let today = applied.read().state.now().day();
    let swept = applied.store().output.sweep(gone, gone.period < today, |jobs| {
        if applied.failure.is_stopping() { Ok(None) } else { are_kept(applied, jobs).map(Some) }
    })?;
    tracing::info!(period = gone.period, ?swept, "lines of jobs that are gone");
    let is_anew = match swept {
        Swept::Deleted(_) => false,
        Swept::Anew(_) | Swept::Gone => true,
        Swept::Interrupted => return Ok(()),
    };
    applied.store().state.swept(gone, is_anew)
}

/// Which of these jobs are live, on their way into history, or there. In this order: a job is always
/// in at least one of the places.
fn are_kept(applied: &Applied, jobs: &[[u8; 16]]) -> Result<Vec<bool>, StorageError> {
    let are_live: Vec<_> = {
        let view = applied.read();
        let is_live = |id| view.state.job(id).is_some() || view.leaving.contains_key(&id);
        jobs.iter().map(|job| is_live(JobId::from_bytes(*job))).collect()
    };
    let are_listed = applied.store().state.are_listed(jobs)?;
    Ok(are_live.into_iter().zip(are_listed).map(|(live, listed)| live || listed).collect())
}

/// Writes the state file anew, if half of it or more is the room of removed records.
fn shrink(applied: &Applied) -> Result<(), StorageError> {
    let state = &applied.store().state;
    let (kept, free) = state.slack()?;
    if free < SHRINK_RECORDS_MIN || free < kept {
        return Ok(());
    }
    let is_done = state.shrink(|| !applied.failure.is_stopping())?;
    tracing::info!(kept, free, is_done, "the state file was written anew");
    Ok(())
}
