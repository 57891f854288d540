//! The output of a job: page by page, so far or until the job ends.

use std::sync::Arc;

use stint_core::{Job, JobId, Line, Status, Stream};

use super::access::Reach;
use super::follow::{Following, News};
use super::{Api, ApiError, Caller};
use crate::clients::Share;
use crate::limits;

/// Which lines are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LogQuery {
    /// From this line on.
    pub(crate) offset: u64,
    /// At most so many; 0 is all.
    pub(crate) limit: u64,
    /// Also those that come until the job ends.
    pub(crate) is_followed: bool,
}

/// Lines with their numbers, in order.
pub(crate) type Page = Vec<(u64, Line)>;

/// A place in the output of a job, from which on lines are read. It holds a page at most.
pub(crate) struct LogReader {
    api: Arc<Api>,
    /// Who reads.
    caller: Caller,
    job: Arc<Job>,
    /// Nothing will be added to what `job` says.
    is_final: bool,
    /// The next line.
    at: u64,
    /// The line before which it ends.
    end: u64,
    follower: Option<Follower>,
}

/// What a reader needs to go on when it has read all that there is.
struct Follower {
    following: Following,
    _permit: Share,
}

impl Api {
    /// The output of a job that exists; none if it was deleted.
    pub(crate) async fn job_logs(
        self: &Arc<Self>,
        caller: &Caller,
        id: JobId,
        query: LogQuery,
    ) -> Result<LogReader, ApiError> {
        self.within_reach(caller, id, Reach::Itself).await?;
        let (job, is_final, follower) = if query.is_followed {
            // Following begins before the job is read, so that nothing falls in between.
            let follower = self.follow(caller, id).await?;
            let (job, is_over) = self.read_for_follower(id).await?;
            (job, is_over, Some(follower))
        } else {
            (self.existing(id).await?, true, None)
        };
        let end = match query.limit {
            0 => u64::MAX,
            limit => query.offset.saturating_add(limit),
        };
        let (api, caller) = (Arc::clone(self), caller.clone());
        Ok(LogReader { api, caller, job, is_final, at: query.offset, end, follower })
    }

    async fn follow(&self, caller: &Caller, id: JobId) -> Result<Follower, ApiError> {
        let permit = self.place(caller)?;
        Ok(Follower { following: self.hub.follow(id).await?, _permit: permit })
    }

    /// The job, and whether it is over: what is in the state is not, what is in history is.
    async fn read_for_follower(&self, id: JobId) -> Result<(Arc<Job>, bool), ApiError> {
        self.barrier().await?;
        match self.replica.with_state(|state| state.job(id).map(Arc::clone)) {
            Some(job) => Ok((job, false)),
            None => Ok((self.existing(id).await?, true)),
        }
    }
}

impl LogReader {
    /// The next lines, or `None` at the end. Waits for more while the job is followed, and for as
    /// long as the caller may read.
    pub(crate) async fn next(&mut self) -> Result<Option<Page>, ApiError> {
        let (api, caller) = (Arc::clone(&self.api), self.caller.clone());
        api.while_welcome(&caller, self.next_page()).await
    }

    async fn next_page(&mut self) -> Result<Option<Page>, ApiError> {
        loop {
            let page = self.read().await?;
            if !page.is_empty() {
                return Ok(Some(page));
            }
            if self.is_final || self.at >= self.end {
                return Ok(None);
            }
            self.wait().await?;
        }
    }

    /// Whether all that will ever come has been read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.end || self.is_final && self.at >= self.known()
    }

    /// Lines that are there: none when all are read, or when storage has no more.
    async fn read(&mut self) -> Result<Page, ApiError> {
        let end = self.end.min(self.known());
        let left = usize::try_from(end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(Page::new());
        }
        let max = left.min(limits::LOG_PAGE_LINES_MAX);
        let mut page = self.fetch(max).await?;
        if self.is_behind_a_gap(&page) {
            // The record may be ahead of the lines, which are there after a barrier.
            self.api.barrier().await?;
            page = self.fetch(max).await?;
        }
        if self.is_behind_a_gap(&page) {
            // A job that was deleted while it was read lacks nothing.
            if self.api.existing(self.job.id).await?.status == Status::Deleted {
                self.end = self.at;
                return Ok(Page::new());
            }
            let found = page.first().map_or(end, |(number, _)| *number);
            page.insert(0, self.lost(found));
        }
        if let Some((last, _)) = page.last() {
            self.at = last.saturating_add(1);
        }
        Ok(page)
    }

    /// Whether the next line is not among those that were found.
    fn is_behind_a_gap(&self, page: &Page) -> bool {
        page.first().is_none_or(|(first, _)| *first > self.at)
    }

    async fn fetch(&self, max: usize) -> Result<Page, ApiError> {
        let _turn = self.api.turn_to_call(&self.caller).await?;
        let lines = self.api.replica.lines(&self.job, self.at, max).await;
        let mut page = lines.map_err(ApiError::of_read)?;
        let end = self.end.min(self.known());
        page.retain(|(number, _)| (self.at..end).contains(number));
        Ok(page)
    }

    /// A line that says that those before `found` are missing. It has the number of the last of them,
    /// so that whoever goes on behind it goes on behind the gap.
    fn lost(&self, found: u64) -> (u64, Line) {
        let (first, last) = (self.at, found.saturating_sub(1));
        tracing::warn!(job = %self.job.id, first, last, "output is missing");
        let lines = if first == last {
            format!("line {first} is missing")
        } else {
            format!("the lines {first} to {last} are missing")
        };
        let text = format!("{lines}: no replica that answers has the output");
        (last, Line { stream: Stream::Note, text })
    }

    /// The number of lines that the job has; of a deleted one there are none left.
    fn known(&self) -> u64 {
        if self.job.status == Status::Deleted { 0 } else { self.job.line_count }
    }

    async fn wait(&mut self) -> Result<(), ApiError> {
        let Some(follower) = &mut self.follower else {
            self.is_final = true;
            return Ok(());
        };
        match follower.following.next().await? {
            News::Live(job) => self.job = job,
            News::Over(job) => (self.job, self.is_final) = (job, true),
            News::Gone => (self.end, self.is_final) = (self.at, true),
            News::Unknown => {
                (self.job, self.is_final) = self.api.read_for_follower(self.job.id).await?;
            }
        }
        Ok(())
    }
}

/// Where a line was written to, in the words of the API.
pub(crate) const fn source(stream: Stream) -> &'static str {
    match stream {
        Stream::Out => "stdout",
        Stream::Err => "stderr",
        Stream::Note => "stint",
    }
}
