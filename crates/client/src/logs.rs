//! The output of a job, line by line, from whichever replica answers.

use std::collections::VecDeque;

use futures_util::Stream;
use stint_proto::v0;
use tokio::time::{Instant, timeout};
use tonic::{Status, Streaming};

use crate::client::{self, Client};
use crate::error::{Code, Error};
use crate::limits;
use crate::retry::{Attempt, Search};
use crate::wait::is_over;

/// Which lines of a job's output are asked for; by default all that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogRange {
    /// Go on with what the job prints until it is over.
    pub follow: bool,
    /// From the line of this number on, counted from 0.
    pub offset: u64,
    /// At most so many; 0 is all.
    pub limit: u64,
}

impl Client {
    /// The output of a job. If the replica fails in between, another one goes on with the next
    /// line: each line comes once, in the order of the numbers.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// use stint_client::LogRange;
    ///
    /// let range = LogRange { follow: true, ..Default::default() };
    /// let mut logs = client.job_logs("1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b", range);
    /// while let Some(line) = logs.next().await? {
    ///     println!("{} {}", line.line_num, line.data);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn job_logs(&self, id: &str, range: LogRange) -> Logs {
        Logs {
            search: self.search(),
            client: self.clone(),
            id: id.to_owned(),
            range,
            state: State::Closed,
            ready: VecDeque::new(),
            opened_at: None,
            has_progressed: false,
        }
    }
}

/// The lines of a job's output, as they come.
#[derive(Debug)]
pub struct Logs {
    client: Client,
    id: String,
    /// What is still to come.
    range: LogRange,
    state: State,
    ready: VecDeque<v0::LogLine>,
    search: Search,
    /// Since when the stream is open.
    opened_at: Option<Instant>,
    /// Whether a line has come since the stream was opened last.
    has_progressed: bool,
}

#[derive(Debug)]
enum State {
    /// To be opened, at first or again.
    Closed,
    Open(Box<Streaming<v0::GetJobLogsResponse>>),
    /// All lines have come.
    Ended,
}

impl Logs {
    /// The next line; `None` after the last one. Waiting can be given up and taken up again
    /// without losing a line.
    ///
    /// # Errors
    /// [`Code::NoSuchJob`] if there is no such job; [`Error::Unreachable`] if no replica has sent
    /// anything for as long as the client's deadline.
    pub async fn next(&mut self) -> Result<Option<v0::LogLine>, Error> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Ok(Some(line));
            }
            match &mut self.state {
                State::Ended => return Ok(None),
                State::Closed => self.open().await?,
                State::Open(stream) if self.range.follow => {
                    match timeout(limits::SILENCE_MAX, stream.message()).await {
                        Ok(received) => self.take(received).await?,
                        Err(_) => self.close_if_behind().await?,
                    }
                }
                State::Open(stream) => match timeout(limits::ATTEMPT_MAX, stream.message()).await {
                    Ok(received) => self.take(received).await?,
                    Err(_) => self.give_up(Attempt::silence(limits::ATTEMPT_MAX)).await?,
                },
            }
        }
    }

    /// The lines as a [`Stream`], which ends after the first error.
    pub fn into_stream(self) -> impl Stream<Item = Result<v0::LogLine, Error>> + Send {
        futures_util::stream::try_unfold(self, |mut logs| async {
            let line = logs.next().await?;
            Ok(line.map(|line| (line, logs)))
        })
    }

    async fn open(&mut self) -> Result<(), Error> {
        let LogRange { follow: stream, offset, limit } = self.range;
        let request = v0::GetJobLogsRequest { id: self.id.clone(), stream, offset, limit };
        let line = self.client.line(self.search.endpoint(self.client.endpoints()));
        let attempt_max = self.search.attempt_max();
        let mut jobs = client::jobs(line);
        match timeout(attempt_max, jobs.get_job_logs(request)).await {
            Ok(Ok(response)) => {
                self.search.has_answered(self.client.endpoints());
                self.opened_at = Some(Instant::now());
                self.has_progressed = false;
                self.state = State::Open(Box::new(response.into_inner()));
                Ok(())
            }
            Ok(Err(status)) => self.give_up(Attempt::of(&status)).await,
            Err(_) => self.give_up(Attempt::silence(attempt_max)).await,
        }
    }

    /// Takes in what the stream gave: lines, its end, or its failure.
    async fn take(
        &mut self,
        received: Result<Option<v0::GetJobLogsResponse>, Status>,
    ) -> Result<(), Error> {
        match received {
            Ok(Some(message)) => {
                for line in message.lines {
                    self.take_line(line);
                }
                Ok(())
            }
            Ok(None) if self.range.follow => self.close_if_over().await,
            Ok(None) => {
                self.state = State::Ended;
                Ok(())
            }
            Err(status) => self.give_up(Attempt::of(&status)).await,
        }
    }

    /// Keeps a line that has not come before, and moves the range past it.
    fn take_line(&mut self, line: v0::LogLine) {
        if line.line_num < self.range.offset || matches!(self.state, State::Ended) {
            return;
        }
        self.range.offset = line.line_num.saturating_add(1);
        self.has_progressed = true;
        self.ready.push_back(line);
        if self.range.limit > 0 {
            self.range.limit -= 1;
            if self.range.limit == 0 {
                self.state = State::Ended;
            }
        }
    }

    /// A followed stream has ended. If the job is not over, its replica has stopped, and another
    /// one goes on.
    async fn close_if_over(&mut self) -> Result<(), Error> {
        let Some(job) = self.job().await? else {
            self.state = State::Ended;
            return Ok(());
        };
        // Lines that nobody can give are not asked for again and again.
        let is_complete = job.line_count <= self.range.offset || !self.has_progressed;
        if is_over(&job) && is_complete {
            self.state = State::Ended;
            return Ok(());
        }
        self.give_up(Attempt::NotCarriedOut("the output ended before the job".to_owned())).await
    }

    /// A followed stream is silent. If there is something that it does not say, another one goes
    /// on.
    async fn close_if_behind(&mut self) -> Result<(), Error> {
        let is_behind = match self.job().await? {
            Some(job) => is_over(&job) || job.line_count > self.range.offset,
            None => true,
        };
        if is_behind {
            let reason = "it is behind the other replicas".to_owned();
            self.give_up(Attempt::NotCarriedOut(reason)).await?;
        }
        Ok(())
    }

    /// The job, if there still is one.
    async fn job(&self) -> Result<Option<v0::Job>, Error> {
        match self.client.get_job(&self.id).await {
            Ok(job) => Ok(Some(job)),
            Err(error) if error.code() == Some(&Code::NoSuchJob) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Closes the stream, to be opened again on the next replica, unless the failure is an answer.
    async fn give_up(&mut self, failure: Attempt) -> Result<(), Error> {
        self.state = State::Closed;
        // A stream that did its work for a while, and not one that fails whenever it is opened,
        // gives the search its whole time back.
        let opened_at = self.opened_at.take();
        let has_lasted = opened_at.is_some_and(|at| at.elapsed() > limits::PAUSE_MAX);
        if has_lasted || opened_at.is_some() && self.has_progressed {
            self.search.renew();
        }
        match failure {
            Attempt::Answered(code, message) => {
                self.state = State::Ended;
                let endpoint = self.search.endpoint(self.client.endpoints()).url.clone();
                Err(Error::Refused { code, message, endpoint, is_repetition: false })
            }
            Attempt::NotCarriedOut(reason) | Attempt::Unknown(reason) => {
                self.search.go_on(self.client.endpoints(), reason).await
            }
        }
    }
}
