//! What happened lately, and how many jobs there are.

use std::collections::BTreeMap;

use stint_core::{Status, Timestamp, WorkerId};
use tokio::time::timeout;

use super::Api;
use crate::limits;
use crate::metrics::Sample;

/// As the answering replica has applied it.
pub(crate) struct Statistics {
    /// The replica that answers.
    pub(crate) replica: WorkerId,
    /// The latest steps, oldest first.
    pub(crate) samples: Vec<Sample>,
    /// How many jobs there are of each status, live and over; `None` if it cannot be told now.
    pub(crate) jobs: Option<BTreeMap<&'static str, u64>>,
}

impl Api {
    /// The steps that ended after `since`, and how many jobs there are. Who has no leader is told what
    /// was nevertheless: that is this replica's own.
    pub(crate) async fn statistics(&self, since: Option<Timestamp>) -> Statistics {
        let counted = timeout(limits::COUNT_PATIENCE, self.replica.count_jobs()).await;
        let jobs = match counted {
            Ok(Ok(jobs)) => jobs,
            Ok(Err(error)) => {
                tracing::debug!(%error, "jobs are not counted");
                None
            }
            Err(_) => None,
        };
        Statistics {
            replica: self.replica.id(),
            samples: self.metrics.samples_since(since),
            jobs: jobs.map(|counts| by_name(&counts)),
        }
    }
}

/// All statuses that a list can have, also those of which there is no job.
fn by_name(counts: &BTreeMap<Status, u64>) -> BTreeMap<&'static str, u64> {
    let listed = Status::ALL.into_iter().filter(|status| *status != Status::Deleted);
    listed.map(|status| (status.name(), counts.get(&status).copied().unwrap_or(0))).collect()
}
