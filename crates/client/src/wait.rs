//! Waiting for a job to be over.

use std::time::Duration;

use stint_proto::v0;
use tokio::time::Instant;

use crate::client::Client;
use crate::error::Error;
use crate::limits;

/// Whether nothing will change this job any more, unless it is deleted.
///
/// A job that lost its worker is over if it may not run a second time; one that may says why it
/// waits.
pub fn is_over(job: &v0::Job) -> bool {
    if job.children_left.is_some_and(|left| left > 0) {
        return false;
    }
    match job.status.as_str() {
        "done" | "error" | "cancel" | "deleted" => true,
        "worker_dead" | "worker_shutdown" => job.wait_reason.is_empty(),
        _ => false,
    }
}

impl Client {
    /// Waits until a job is over, and returns it. How it ended is its `status`; one that ended as
    /// `error` with retries left has been followed by another job, which is not waited for.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// use std::time::Duration;
    ///
    /// let id = "1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b";
    /// let job = client.wait_job(id, Some(Duration::from_secs(60))).await?;
    /// println!("{}", job.status);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::StillWaiting`] if it is not over after `timeout`; [`Error::Unreachable`] if no
    /// replica answered for as long as the client's deadline.
    pub async fn wait_job(&self, id: &str, timeout: Option<Duration>) -> Result<v0::Job, Error> {
        self.wait_job_with(id, timeout, |_| {}).await
    }

    /// Waits until all jobs that the process of a job has submitted are over, and returns the job,
    /// whose `children_failed` says how many of them have ended other than `done`. For the process
    /// itself, which keeps what it holds of its worker meanwhile: where the children need that,
    /// have it end instead, and the cluster waits for them.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let own = "1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b";
    /// let job = client.wait_children(own, None).await?;
    /// println!("{} failed", job.children_failed.unwrap_or(0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::StillWaiting`] if they are not after `timeout`.
    pub async fn wait_children(
        &self,
        id: &str,
        timeout: Option<Duration>,
    ) -> Result<v0::Job, Error> {
        let began = Instant::now();
        let deadline = timeout.map(|timeout| began + timeout);
        let mut pause = limits::LOOK_MIN;
        loop {
            let looked = within(deadline, self.get_job(id)).await;
            let job = match looked {
                Some(job) => job?,
                None => return Err(still_waiting(id, "unknown", began)),
            };
            if job.children_left.is_none_or(|left| left == 0) {
                return Ok(job);
            }
            if within(deadline, tokio::time::sleep(pause)).await.is_none() {
                return Err(still_waiting(id, &job.status, began));
            }
            pause = (pause + pause / 2).min(limits::LOOK_MAX);
        }
    }

    /// Like [`Self::wait_job`], and tells `seen` of the job at first and after each change of
    /// its status, attempt, worker or reason to wait.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let id = "1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b";
    /// let job = client.wait_job_with(id, None, |job| println!("{}", job.status)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn wait_job_with(
        &self,
        id: &str,
        timeout: Option<Duration>,
        mut seen: impl FnMut(&v0::Job),
    ) -> Result<v0::Job, Error> {
        let began = Instant::now();
        let deadline = timeout.map(|timeout| began + timeout);
        let mut before: Option<v0::Job> = None;
        let mut pause = limits::LOOK_MIN;
        loop {
            match within(deadline, self.get_job(id)).await {
                Some(Ok(job)) => {
                    if before.as_ref().is_none_or(|before| has_changed(before, &job)) {
                        pause = limits::LOOK_MIN;
                        seen(&job);
                    }
                    if is_over(&job) && (!is_lost(&job) || before.as_ref() == Some(&job)) {
                        return Ok(job);
                    }
                    before = Some(job);
                }
                // It was there, and there is time: an outage is waited out.
                Some(Err(Error::Unreachable { .. })) if before.is_some() && deadline.is_some() => {}
                Some(Err(error)) => return Err(error),
                None => {
                    let status = before.map_or("unknown".to_owned(), |job| job.status);
                    let waited = began.elapsed();
                    return Err(Error::StillWaiting { id: id.to_owned(), status, waited });
                }
            }
            if within(deadline, tokio::time::sleep(pause)).await.is_some() {
                pause = (pause + pause / 2).min(limits::LOOK_MAX);
            }
        }
    }
}

fn still_waiting(id: &str, status: &str, began: Instant) -> Error {
    let (id, status) = (id.to_owned(), status.to_owned());
    Error::StillWaiting { id, status, waited: began.elapsed() }
}

/// The result, unless the deadline is earlier.
async fn within<T>(deadline: Option<Instant>, result: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, result).await.ok(),
        None => Some(result.await),
    }
}

/// Whether the job has lost its worker. What it waits for is read a moment after its status: that
/// it waits for nothing, and so is over, is believed when it was seen twice.
fn is_lost(job: &v0::Job) -> bool {
    matches!(job.status.as_str(), "worker_dead" | "worker_shutdown")
}

/// Whether the job got anywhere. More output is no change.
fn has_changed(before: &v0::Job, job: &v0::Job) -> bool {
    before.status != job.status
        || before.attempt != job.attempt
        || before.worker_id != job.worker_id
        || before.wait_reason != job.wait_reason
}
