//! How many jobs there are, live and over.

use std::collections::BTreeMap;
use std::sync::Arc;

use stint_core::Status;

use super::Replica;
use crate::codec::status_of_kind;
use crate::error::Error;
use crate::state_machine::Applied;

impl Replica {
    /// How many jobs there are by status, live and over: all that the cluster keeps but what is deleted.
    /// Costs what is on its way into history, however many there are. Linearizable. `None` if the disk
    /// has lost count, until the next start.
    pub async fn count_jobs(&self) -> Result<Option<BTreeMap<Status, u64>>, Error> {
        let inner = &self.0.inner;
        inner.barrier().await?;
        let applied = Arc::clone(&inner.applied);
        inner.blocking(move || applied.count_jobs()).await
    }
}

impl Applied {
    fn count_jobs(&self) -> Result<Option<BTreeMap<Status, u64>>, stint_storage::Error> {
        let view = self.read();
        let live = view.state.count_by_status().iter();
        let mut counts: BTreeMap<Status, u64> = live
            .map(|(status, count)| (*status, u64::try_from(*count).unwrap_or(u64::MAX)))
            .collect();
        for job in view.leaving.values().filter(|job| job.status != Status::Deleted) {
            *counts.entry(job.status).or_default() += 1;
        }
        // Of these some are on disk by now, as they are or as they were.
        let leaving: Vec<_> = view.leaving.keys().map(|id| id.to_bytes()).collect();
        // While the view is held, nothing gets to the disk that is not in it.
        let over = self.store().state.counted()?;
        drop(view);
        let over = over.map(|over| over.without(&leaving)).transpose()?.flatten();
        let Some(over) = over else { return Ok(None) };
        for (kind, count) in over {
            if let Some(status) = status_of_kind(kind) {
                *counts.entry(status).or_default() += count;
            }
        }
        Ok(Some(counts))
    }
}
