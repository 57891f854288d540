//! The job calls.

use stint_proto::v0;

use crate::client::{self, Client};
use crate::error::{Code, Error};
use crate::limits;
use crate::retry::Repeat;

impl Client {
    /// Schedules a job, and returns it once the cluster will not lose it any more.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// use stint_client::v0;
    ///
    /// let mut job = v0::SubmitJobRequest { action: "scan".into(), ..Default::default() };
    /// job.retries = Some(2);
    /// job.deadline = "10m".into();
    /// let parameters = [("image".to_owned(), "alpine:3".to_owned())].into();
    /// job.parameters = Some(v0::StringMap { entries: parameters });
    /// let job = client.submit_job(job).await?;
    /// println!("{} is {}", job.id, job.status);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// With an `idempotency_key` (1 to 255 visible ASCII characters) the same submission is the same
    /// job, however often it is made, and so it is repeated until a replica answers.
    ///
    /// # Errors
    /// [`Error::OutcomeUnknown`] if a submission without a key was sent and there is no answer: it
    /// is never repeated then, since that could make two jobs of it. [`Code::Conflict`] if another
    /// submission has the key, or the job of the key was deleted.
    pub async fn submit_job(&self, submission: v0::SubmitJobRequest) -> Result<v0::Job, Error> {
        let submission = &submission;
        let has_key = !submission.idempotency_key.is_empty();
        let repeat = if has_key { Repeat::Harmless } else { Repeat::Harmful };
        self.call(repeat, |channel| async {
            client::jobs(channel).submit_job(submission.clone()).await
        })
        .await
    }

    /// The job as it is now.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let job = client.get_job("1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b").await?;
    /// println!("{}", job.status);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Code::NoSuchJob`] if there is none.
    pub async fn get_job(&self, id: &str) -> Result<v0::Job, Error> {
        self.call(Repeat::Harmless, |channel| async {
            client::jobs(channel).get_job(v0::GetJobRequest { id: id.to_owned() }).await
        })
        .await
    }

    /// The jobs that match, most recently scheduled first, or the other way round by `order`.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// use stint_client::v0;
    ///
    /// let scans = v0::ListJobsRequest {
    ///     action: "scan".into(),
    ///     running: "true".into(),
    ///     limit: Some(100),
    ///     ..Default::default()
    /// };
    /// for job in client.list_jobs(scans).await? {
    ///     println!("{} on {}", job.id, job.worker_id);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Gives as many as `limit` says, if there are so many, from as many pages as that takes.
    pub async fn list_jobs(&self, which: v0::ListJobsRequest) -> Result<Vec<v0::Job>, Error> {
        let mut which = which;
        let wanted = match which.limit {
            None => limits::PAGE_DEFAULT,
            Some(0) => limits::PAGE_MAX,
            Some(limit) => limit,
        };
        let mut jobs = Vec::new();
        loop {
            let page = self.page_jobs(which.clone()).await?;
            jobs.extend(page.jobs);
            let found = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
            if page.next.is_empty() || found >= wanted {
                return Ok(jobs);
            }
            // What was to be left out first is left out, or counted by `next`.
            (which.after, which.start, which.limit) = (page.next, 0, Some(wanted - found));
        }
    }

    /// One page of such a list. It may be short, or empty, although the list goes on: a replica looks
    /// at a bounded number of jobs for one.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// use stint_client::v0;
    ///
    /// let mut which = v0::ListJobsRequest { text: "alpine".into(), ..Default::default() };
    /// loop {
    ///     let page = client.page_jobs(which.clone()).await?;
    ///     for job in page.jobs {
    ///         println!("{} is {}", job.id, job.status);
    ///     }
    ///     if page.next.is_empty() {
    ///         break;
    ///     }
    ///     which.after = page.next;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn page_jobs(
        &self,
        which: v0::ListJobsRequest,
    ) -> Result<v0::ListJobsResponse, Error> {
        let which = &which;
        self.call(Repeat::Harmless, |channel| async {
            client::jobs(channel).list_jobs(which.clone()).await
        })
        .await
    }

    /// The runs of a job, oldest first, and how many they are.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let runs = client.list_job_attempts("1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b").await?;
    /// for attempt in runs.attempts {
    ///     println!("{} on {}: {}", attempt.number, attempt.worker_id, attempt.reason);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Code::NoSuchJob`] if there is none.
    pub async fn list_job_attempts(&self, id: &str) -> Result<v0::ListJobAttemptsResponse, Error> {
        self.call(Repeat::Harmless, |channel| async {
            let request = v0::ListJobAttemptsRequest { id: id.to_owned() };
            client::jobs(channel).list_job_attempts(request).await
        })
        .await
    }

    /// Runs a job that is over once more, as a new job, which is the answer.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let job = client.retry_job("1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b", "retry-42").await?;
    /// println!("{} retries {}", job.id, job.retry_from_id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// With an `idempotency_key` that is not empty the same retry is the same job, however often it
    /// is asked for, and so it is repeated until a replica answers.
    ///
    /// # Errors
    /// [`Code::Conflict`] if the job is not over; [`Code::NoSuchJob`] if there is none.
    pub async fn retry_job(&self, id: &str, idempotency_key: &str) -> Result<v0::Job, Error> {
        let has_key = !idempotency_key.is_empty();
        let repeat = if has_key { Repeat::Harmless } else { Repeat::Harmful };
        self.call(repeat, |channel| async {
            let (id, idempotency_key) = (id.to_owned(), idempotency_key.to_owned());
            client::jobs(channel).retry_job(v0::RetryJobRequest { id, idempotency_key }).await
        })
        .await
    }

    /// Does the same to many jobs, as far as one call comes. The answer says where to go on: call
    /// again with its `next`, until that is empty. A call that has a `next` or an `idempotency_key`
    /// may be repeated, and so it is until a replica answers; of the others that retry it is not known.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// use stint_client::v0;
    ///
    /// let filter = v0::JobFilter { action: "scan".into(), failed: true, ..Default::default() };
    /// let mut bulk = v0::BulkJobsRequest { operation: "retry".into(), ..Default::default() };
    /// bulk.filter = Some(filter);
    /// loop {
    ///     let done = client.bulk_jobs(bulk.clone()).await?;
    ///     println!("{} of {} are run again", done.changed, done.matched);
    ///     if done.next.is_empty() {
    ///         break;
    ///     }
    ///     bulk.next = done.next;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn bulk_jobs(
        &self,
        bulk: v0::BulkJobsRequest,
    ) -> Result<v0::BulkJobsResponse, Error> {
        let bulk = &bulk;
        let is_told = !bulk.next.is_empty() || !bulk.idempotency_key.is_empty();
        let is_repeatable = bulk.dry_run || is_told || bulk.operation != "retry";
        let repeat = if is_repeatable { Repeat::Harmless } else { Repeat::Harmful };
        self.call(repeat, |channel| async { client::jobs(channel).bulk_jobs(bulk.clone()).await })
            .await
    }

    /// Cancels a job: a waiting one at once, of a running one its worker is told.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// client.cancel_job("1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Code::Conflict`] if the job is over; [`Code::NoSuchJob`] if there is none.
    pub async fn cancel_job(&self, id: &str) -> Result<(), Error> {
        let canceled = self
            .call(Repeat::Harmless, |channel| async {
                client::jobs(channel).cancel_job(v0::CancelJobRequest { id: id.to_owned() }).await
            })
            .await;
        let Err(error) = canceled else { return Ok(()) };
        // That it is over already may be the doing of an attempt whose answer was lost.
        if is_repetition_of(&error, &Code::Conflict) && self.get_job(id).await?.status == "cancel" {
            return Ok(());
        }
        Err(error)
    }

    /// Cancels a job if it is not over, and removes it with its output.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// client.delete_job("1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Code::NoSuchJob`] if there is none.
    pub async fn delete_job(&self, id: &str) -> Result<(), Error> {
        let deleted = self
            .call(Repeat::Harmless, |channel| async {
                client::jobs(channel).delete_job(v0::DeleteJobRequest { id: id.to_owned() }).await
            })
            .await;
        match deleted {
            // Likewise: gone is what was asked for.
            Err(error) if !is_repetition_of(&error, &Code::NoSuchJob) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// Whether this is an answer of `code` to a call of which an attempt may have been carried out.
fn is_repetition_of(error: &Error, code: &Code) -> bool {
    error.code() == Some(code) && matches!(error, Error::Refused { is_repetition: true, .. })
}
