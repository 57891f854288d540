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
        let mut list = Vec::new();
        let mut request = v0::ListWorkersRequest::default();
        loop {
            let which = &request;
            let part = self
                .call(Repeat::Harmless, |channel| async {
                    client::workers(channel).list_workers(which.clone()).await
                })
                .await?;
            list.extend(part.workers);
            if part.next.is_empty() {
                return Ok(list);
            }
            request.after = part.next;
        }
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

    /// Has a worker take no more jobs, also when it has started anew. What it runs goes on to its
    /// end, or is stopped after `limit`, a duration as Go writes it; empty is never.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// client.drain_worker("00000000002a", "10m").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSuchWorker`](crate::Code::NoSuchWorker) if there is none.
    pub async fn drain_worker(&self, id: &str, limit: &str) -> Result<(), Error> {
        self.call(Repeat::Harmless, |channel| async {
            let request = v0::DrainWorkerRequest { id: id.to_owned(), limit: limit.to_owned() };
            client::workers(channel).drain_worker(request).await
        })
        .await?;
        Ok(())
    }

    /// Has a worker take jobs again.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// client.resume_worker("00000000002a").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSuchWorker`](crate::Code::NoSuchWorker) if there is none.
    pub async fn resume_worker(&self, id: &str) -> Result<(), Error> {
        self.call(Repeat::Harmless, |channel| async {
            let request = v0::ResumeWorkerRequest { id: id.to_owned() };
            client::workers(channel).resume_worker(request).await
        })
        .await?;
        Ok(())
    }
}
