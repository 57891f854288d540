//! What can be changed from here.

use stint_client::{Client, Error};

/// One change. All of them take the role `operator`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Of a job, by its id.
    Cancel(String),
    /// Of a job, with its output.
    Delete(String),
    /// Of a job that is over, as a new one.
    Retry {
        /// The job.
        id: String,
        /// With the same one it is retried once, however often that is asked for.
        key: String,
    },
    /// Of the queue of an action.
    PauseQueue(String),
    /// The same back.
    ResumeQueue(String),
    /// Of the cron of an action.
    PauseCron(String),
    /// The same back.
    ResumeCron(String),
    /// Of a worker, by its id.
    Drain(String),
    /// The same back.
    ResumeWorker(String),
}

impl Deed {
    /// What it is and to what, as an order.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Cancel(id) => format!("cancel job {id}"),
            Self::Delete(id) => format!("delete job {id} and its output"),
            Self::Retry { id, .. } => format!("run job {id} once more, as a new job"),
            Self::PauseQueue(action) => {
                format!("pause the queue of {action}: none of its jobs starts")
            }
            Self::ResumeQueue(action) => format!("resume the queue of {action}"),
            Self::PauseCron(action) => format!("pause the cron of {action}"),
            Self::ResumeCron(action) => format!("resume the cron of {action}"),
            Self::Drain(id) => format!("drain worker {id}: it takes no more jobs"),
            Self::ResumeWorker(id) => format!("resume worker {id}: it takes jobs again"),
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// What the cluster says, or that nobody knows the outcome.
    pub(crate) async fn carry_out(&self, client: &Client) -> Result<String, Error> {
        match self {
            Self::Cancel(id) => {
                client.cancel_job(id).await?;
                Ok(format!("job {id} is canceled, or will be as soon as its process has ended"))
            }
            Self::Delete(id) => {
                client.delete_job(id).await?;
                Ok(format!("job {id} is deleted"))
            }
            Self::Retry { id, key } => {
                let job = client.retry_job(id, key).await?;
                Ok(format!("job {} retries {id}", job.id))
            }
            Self::PauseQueue(action) => {
                client.pause_queue(action, "").await?;
                Ok(format!("the queue of {action} is paused"))
            }
            Self::ResumeQueue(action) => {
                client.resume_queue(action).await?;
                Ok(format!("the queue of {action} goes on"))
            }
            Self::PauseCron(action) => {
                client.pause_cron(action).await?;
                Ok(format!("the cron of {action} is paused"))
            }
            Self::ResumeCron(action) => {
                client.resume_cron(action).await?;
                Ok(format!("the cron of {action} goes on"))
            }
            Self::Drain(id) => {
                client.drain_worker(id, "").await?;
                Ok(format!("worker {id} takes no more jobs"))
            }
            Self::ResumeWorker(id) => {
                client.resume_worker(id).await?;
                Ok(format!("worker {id} takes jobs again"))
            }
        }
    }
}
