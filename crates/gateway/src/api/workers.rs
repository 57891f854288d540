//! The operations on workers.

use std::sync::Arc;

use stint_core::{CapacityMap, Command, Worker, WorkerId};

use super::jobs::{at_most, bytes_of, done};
use super::{Api, ApiError, Caller};

impl Api {
    /// All workers that the cluster remembers, in the order of their ids.
    pub(crate) async fn list_workers(&self) -> Result<Vec<Arc<Worker>>, ApiError> {
        self.barrier().await?;
        Ok(self.replica.with_state(|state| state.workers().map(Arc::clone).collect()))
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
}
