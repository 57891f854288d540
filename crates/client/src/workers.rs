//! The worker calls.

use std::collections::BTreeMap;

use stint_proto::v0;

use crate::client::{self, Client};
use crate::error::Error;
use crate::retry::Repeat;

impl Client {
    /// All workers that the cluster knows, dead ones included.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// for worker in client.list_workers().await? {
    ///     println!("{} is {} and runs {} jobs", worker.id, worker.status, worker.running);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn list_workers(&self) -> Result<Vec<v0::Worker>, Error> {
        let list = self
            .call(Repeat::Harmless, |channel| async {
                client::workers(channel).list_workers(v0::ListWorkersRequest {}).await
            })
            .await?;
        Ok(list.workers)
    }

    /// Sets what a worker has, in place of what its configuration says.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// client.set_worker_capacity("00000000002a", [("scan".to_owned(), 2)].into()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSuchWorker`](crate::Code::NoSuchWorker) if there is none.
    pub async fn set_worker_capacity(
        &self,
        id: &str,
        capacity: BTreeMap<String, i64>,
    ) -> Result<(), Error> {
        let capacity = &capacity;
        self.call(Repeat::Harmless, |channel| async {
            let capacity_map = Some(v0::CapacityMap { entries: capacity.clone() });
            let request = v0::SetWorkerCapacityRequest { id: id.to_owned(), capacity_map };
            client::workers(channel).set_worker_capacity(request).await
        })
        .await?;
        Ok(())
    }
}
