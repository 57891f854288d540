//! The cron calls.

use stint_proto::v0;

use crate::client::{self, Client};
use crate::error::Error;
use crate::retry::Repeat;

impl Client {
    /// All crons, in the order of their actions.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// for cron in client.list_crons().await? {
    ///     println!("{} at {}", cron.action, cron.schedule);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn list_crons(&self) -> Result<Vec<v0::Cron>, Error> {
        let mut list = Vec::new();
        let mut request = v0::ListCronsRequest::default();
        loop {
            let which = &request;
            let part = self
                .call(Repeat::Harmless, |channel| async {
                    client::crons(channel).list_crons(which.clone()).await
                })
                .await?;
            list.extend(part.crons);
            if part.next.is_empty() {
                return Ok(list);
            }
            request.after = part.next;
        }
    }

    /// The cron of an action.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let cron = client.get_cron("update_db").await?;
    /// println!("{}", cron.schedule);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSuchCron`](crate::Code::NoSuchCron) if the action has none.
    pub async fn get_cron(&self, action: &str) -> Result<v0::Cron, Error> {
        self.call(Repeat::Harmless, |channel| async {
            let request = v0::GetCronRequest { action: action.to_owned() };
            client::crons(channel).get_cron(request).await
        })
        .await
    }

    /// Creates the cron of an action, or puts it in the place of the former one.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// use stint_client::v0;
    ///
    /// let cron = v0::PutCronRequest {
    ///     action: "update_db".into(),
    ///     schedule: "0 0 3 * * *".into(),
    ///     ..Default::default()
    /// };
    /// let cron = client.put_cron(cron).await?;
    /// println!("{} is next due at {:?}", cron.action, cron.next_run);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InvalidParameters`](crate::Code::InvalidParameters) if the schedule means nothing, with
    /// what is wrong with it; [`NoSuchAction`](crate::Code::NoSuchAction).
    pub async fn put_cron(&self, cron: v0::PutCronRequest) -> Result<v0::Cron, Error> {
        let cron = &cron;
        self.call(Repeat::Harmless, |channel| async {
            client::crons(channel).put_cron(cron.clone()).await
        })
        .await
    }

    /// Removes the cron of an action. The jobs that it has created stay.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// client.delete_cron("update_db").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSuchCron`](crate::Code::NoSuchCron) if the action has none.
    /// [`Error::OutcomeUnknown`] if the call was sent and there is no answer: it is not repeated
    /// then, since that could remove what somebody else has put in between.
    pub async fn delete_cron(&self, action: &str) -> Result<(), Error> {
        self.call(Repeat::Harmful, |channel| async {
            let request = v0::DeleteCronRequest { action: action.to_owned() };
            client::crons(channel).delete_cron(request).await
        })
        .await?;
        Ok(())
    }

    /// Lets the ticks of a cron wait until it is resumed. Asking twice is asking once.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let cron = client.pause_cron("update_db").await?;
    /// assert!(cron.is_paused);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSuchCron`](crate::Code::NoSuchCron) if the action has none.
    pub async fn pause_cron(&self, action: &str) -> Result<v0::Cron, Error> {
        self.call(Repeat::Harmless, |channel| async {
            let request = v0::PauseCronRequest { action: action.to_owned() };
            client::crons(channel).pause_cron(request).await
        })
        .await
    }

    /// Lets the ticks of a cron go on. Those that it has missed become what its policy says.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let cron = client.resume_cron("update_db").await?;
    /// println!("{} is next due at {:?}", cron.action, cron.next_run);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSuchCron`](crate::Code::NoSuchCron) if the action has none.
    pub async fn resume_cron(&self, action: &str) -> Result<v0::Cron, Error> {
        self.call(Repeat::Harmless, |channel| async {
            let request = v0::ResumeCronRequest { action: action.to_owned() };
            client::crons(channel).resume_cron(request).await
        })
        .await
    }

    /// Creates a job of a cron at once, whatever its schedule and its policies say.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let job = client.run_cron("update_db").await?;
    /// println!("{}", client.wait_job(&job.id, None).await?.status);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSuchCron`](crate::Code::NoSuchCron) if the action has none.
    /// [`Error::OutcomeUnknown`] if the call was sent and there is no answer: it is not repeated
    /// then, since that could be a second job.
    pub async fn run_cron(&self, action: &str) -> Result<v0::Job, Error> {
        self.call(Repeat::Harmful, |channel| async {
            let request = v0::RunCronRequest { action: action.to_owned() };
            client::crons(channel).run_cron(request).await
        })
        .await
    }

    /// What became of the latest ticks of a cron, newest first.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// for tick in client.cron_history("update_db").await? {
    ///     println!("{:?}: {}{}", tick.last, tick.job_id, tick.detail);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSuchCron`](crate::Code::NoSuchCron) if the action has none.
    pub async fn cron_history(&self, action: &str) -> Result<Vec<v0::CronTick>, Error> {
        let history = self
            .call(Repeat::Harmless, |channel| async {
                let request = v0::GetCronHistoryRequest { action: action.to_owned() };
                client::crons(channel).get_cron_history(request).await
            })
            .await?;
        Ok(history.history)
    }

    /// The next ticks of a schedule or of a cron: when jobs are due, the soonest first.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// use stint_client::v0;
    ///
    /// let schedule = v0::PreviewScheduleRequest {
    ///     schedule: "0 0 3 * * MON-FRI".into(),
    ///     time_zone: "Europe/Berlin".into(),
    ///     count: Some(5),
    ///     ..Default::default()
    /// };
    /// for tick in client.preview_schedule(schedule).await? {
    ///     println!("{tick}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InvalidParameters`](crate::Code::InvalidParameters) if the schedule means nothing;
    /// [`NoSuchCron`](crate::Code::NoSuchCron) if the action has none.
    pub async fn preview_schedule(
        &self,
        request: v0::PreviewScheduleRequest,
    ) -> Result<Vec<crate::Timestamp>, Error> {
        let request = &request;
        let preview = self
            .call(Repeat::Harmless, |channel| async {
                client::crons(channel).preview_schedule(request.clone()).await
            })
            .await?;
        Ok(preview.ticks)
    }
}
