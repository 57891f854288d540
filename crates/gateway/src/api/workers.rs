//! The operations on workers.

use std::sync::Arc;

use stint_core::{CapacityMap, Command, Timeout, Worker, WorkerId};

use super::jobs::{at_most, bytes_of, done};
use super::{Api, ApiError, Caller};

impl Api {
    /// All workers behind this id that the cluster remembers, in the order of their ids.
    pub(crate) async fn list_workers(
        &self,
        caller: &Caller,
        after: &str,
    ) -> Result<Vec<Arc<Worker>>, ApiError> {
        self.barrier().await?;
        let _turn = self.turn_to_page(caller).await?;
        // Ids are of one length, so their texts are in their order.
        let is_behind = |worker: &&Arc<Worker>| after.is_empty() || *worker.id.to_string() > *after;
        Ok(self
            .replica
            .with_state(|state| state.workers().filter(is_behind).map(Arc::clone).collect()))
    }

    /// Changes what a worker has; it stays so when the worker starts anew.
    pub(crate) async fn set_worker_capacity(
        &self,
        caller: &Caller,
        worker: WorkerId,
        capacity: CapacityMap,
    ) -> Result<(), ApiError> {
        at_most("capacity map", bytes_of(&capacity))?;
        let reply = self.propose(caller, Command::SetCapacity { worker, capacity }).await??;
        done("a change of capacity", &reply)
    }

    /// Has a worker take no more jobs, also when it has started anew. What it runs goes on, for as
    /// long as `limit` says. Asking again sets another limit, from now on.
    pub(crate) async fn drain_worker(
        &self,
        caller: &Caller,
        worker: WorkerId,
        limit: Option<Timeout>,
    ) -> Result<(), ApiError> {
        let limit = limit.map(|limit| limit.span());
        let reply = self.propose(caller, Command::Drain { worker, limit }).await??;
        done("a drain", &reply)
    }

    /// Has a worker take jobs again. Asking twice is asking once.
    pub(crate) async fn resume_worker(
        &self,
        caller: &Caller,
        worker: WorkerId,
    ) -> Result<(), ApiError> {
        let reply = self.propose(caller, Command::Resume { worker }).await??;
        done("the end of a drain", &reply)
    }
}
