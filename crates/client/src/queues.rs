//! The calls on queues of actions.

use stint_proto::v0;

use crate::client::{self, Client};
use crate::error::Error;
use crate::retry::Repeat;

impl Client {
    /// The queues of all actions that the cluster knows.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// for queue in client.list_queues().await? {
    ///     println!("{}: {} due, paused: {}", queue.action, queue.due, queue.paused);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn list_queues(&self) -> Result<Vec<v0::Queue>, Error> {
        let mut list = Vec::new();
        let mut request = v0::ListQueuesRequest::default();
        loop {
            let which = &request;
            let part = self
                .call(Repeat::Harmless, |channel| async {
                    client::queues(channel).list_queues(which.clone()).await
                })
                .await?;
            list.extend(part.queues);
            if part.next.is_empty() {
                return Ok(list);
            }
            request.after = part.next;
        }
    }

    /// Has no job of an action claimed for now; those that run go on. Those who wonder are told the
    /// reason, which may be empty.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// client.pause_queue("scan", "the disk is full").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`crate::Code::NoSuchAction`] if the cluster does not know the action.
    pub async fn pause_queue(&self, action: &str, reason: &str) -> Result<v0::Queue, Error> {
        self.call(Repeat::Harmless, |channel| async {
            let (action, reason) = (action.to_owned(), reason.to_owned());
            client::queues(channel).pause_queue(v0::PauseQueueRequest { action, reason }).await
        })
        .await
    }

    /// Has the jobs of an action claimed again.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// client.resume_queue("scan").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`crate::Code::NoSuchAction`] if the cluster does not know the action.
    pub async fn resume_queue(&self, action: &str) -> Result<v0::Queue, Error> {
        self.call(Repeat::Harmless, |channel| async {
            let action = action.to_owned();
            client::queues(channel).resume_queue(v0::ResumeQueueRequest { action }).await
        })
        .await
    }
}
