//! Reads that are never stale.

use std::sync::{Arc, PoisonError};

use openraft::ReadPolicy;
use stint_core::{Job, JobId, Line, ListKey, Scan, Status};
use stint_failpoint::failpoint;
use stint_proto::peer::v1 as pb;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::blocking::blocking;
use crate::codec::{decode_job, decode_lines};
use crate::error::Error;
use crate::inner::Inner;
use crate::limits::{GAPS_PER_READ_MAX, LEADER_PAUSE, LINES_BYTES_MAX, LIST_LIVE_MAX};
use crate::page::{JobPage, List};
use crate::peers::Lane;

/// What the status says of a damaged disk is about this.
const DAMAGE: &str = "damage";

/// One who waits until this replica is current.
pub(crate) type Waiting = oneshot::Sender<Result<u64, Error>>;

impl Inner {
    /// Returns once all that was committed anywhere before the call is applied here.
    pub(crate) async fn barrier(&self) -> Result<(), Error> {
        let end = Instant::now() + self.timing.request;
        let (waiting, answered) = oneshot::channel();
        let index = async {
            self.barriers.send(waiting).await.map_err(|_| Error::ShuttingDown)?;
            answered.await.map_err(|_| Error::ShuttingDown)?
        };
        // The question before this one may have taken most of its own time.
        let index = tokio::time::timeout(self.timing.request, index).await;
        let index = index.map_err(|_| Error::NoLeader("no answer came in time".to_owned()))??;
        self.wait_applied(index, end).await.map_err(|error| match error {
            // A read has no outcome that could be unknown.
            Error::Unknown(why) => Error::Unavailable(format!("{why}; ask another one")),
            error @ (Error::NoLeader(_)
            | Error::Unavailable(_)
            | Error::DiskFull(_)
            | Error::Compacted { .. }
            | Error::Unfit(_)
            | Error::Storage(_)
            | Error::ShuttingDown
            | Error::Failed(_)
            | Error::NoSuchMember(_)
            | Error::MembersStay(_)
            | Error::LevelTooLow { .. }
            | Error::TooOld { .. }
            | Error::Removed(_)) => error,
        })
    }

    /// Asks for the read index, once for all who wait when the question is sent.
    pub(crate) async fn answer_barriers(self: Arc<Self>, mut queue: mpsc::Receiver<Waiting>) {
        let mut waiting = Vec::new();
        while queue.recv_many(&mut waiting, usize::MAX).await > 0 {
            let index = self.read_index().await;
            for one in waiting.drain(..) {
                // Whoever asked may have given up.
                drop(one.send(index.clone()));
            }
        }
    }

    async fn read_index(&self) -> Result<u64, Error> {
        let end = Instant::now() + self.timing.request;
        loop {
            if let Some(error) = self.failure.seen() {
                return Err(error);
            }
            self.has_word()?;
            let left = end.saturating_duration_since(Instant::now());
            let why = match tokio::time::timeout(left, self.read_index_once()).await {
                Ok(Ok(index)) => return Ok(index),
                Ok(Err(why)) => why,
                Err(_) => "no answer came in time".to_owned(),
            };
            if Instant::now() + LEADER_PAUSE >= end {
                return Err(Error::NoLeader(why));
            }
            tokio::time::sleep(LEADER_PAUSE).await;
        }
    }

    async fn read_index_once(&self) -> Result<u64, String> {
        if self.raft.is_leader() {
            return self.read_index_here().await;
        }
        failpoint!("consensus::read::ask").map_err(|why| why.to_string())?;
        let Some((leader, address)) = self.leader() else { return Err("none is known".to_owned()) };
        let client = self.peers.client(leader, &address, Lane::Request);
        let mut client = client.map_err(|status| status.to_string())?;
        let request = pb::ReadIndexRequest { cluster: self.cluster.to_vec() };
        let answer = client.read_index(request).await.map_err(|status| status.to_string())?;
        match answer.into_inner().result {
            Some(pb::read_index_response::Result::ReadIndex(index)) => Ok(index),
            Some(pb::read_index_response::Result::Unavailable(why)) => Err(why),
            None => Err("the leader's answer is empty".to_owned()),
        }
    }

    /// The read index as the leader knows it, after a round to a majority.
    pub(crate) async fn read_index_here(&self) -> Result<u64, String> {
        failpoint!("consensus::read::index").map_err(|why| why.to_string())?;
        let linearizer = self.raft.get_read_linearizer(ReadPolicy::ReadIndex).await;
        linearizer.map(|found| found.read_log_id().index()).map_err(|error| error.to_string())
    }

    /// A job, live, on its way into history, or there.
    pub(crate) async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, Error> {
        self.barrier().await?;
        {
            let view = self.applied.read();
            if let Some(job) = view.state.job(id).or_else(|| view.leaving.get(&id)) {
                return Ok(Some(Arc::clone(job)));
            }
        }
        let state = self.applied.store().state.clone();
        let found = self.blocking(move || state.get(&id.to_bytes())).await?;
        found.map(|body| decoded(&body)).transpose()
    }

    /// Jobs that match, live and over, in the order of the list.
    pub(crate) async fn page_jobs(&self, list: &List) -> Result<JobPage, Error> {
        self.barrier().await?;
        let List { filter, order, from, limit } = list;
        let mut live = {
            let view = self.applied.read();
            let enough = from.skip.saturating_add(*limit);
            let mut live = if filter.is_of_history() {
                Scan::default()
            } else {
                let places_max = if filter.is_plain() { usize::MAX } else { LIST_LIVE_MAX };
                view.state.scan(filter, *order, from.after, enough, places_max)
            };
            let leaving = view.leaving.values().filter(|job| job.status != Status::Deleted);
            let leaving = leaving.filter(|job| filter.matches(job));
            let is_behind = |job: &&Arc<Job>| {
                from.after.is_none_or(|at| order.compare(&ListKey::of(job), &at).is_gt())
            };
            live.jobs.extend(leaving.filter(is_behind).map(Arc::clone));
            live
        };
        live.jobs.sort_by(|a, b| order.compare(&ListKey::of(a), &ListKey::of(b)));
        let state = self.applied.store().state.clone();
        let (history, list) = (state.clone(), list.clone());
        let found = self.blocking(move || Ok(crate::page::read(&history, &list, live))).await??;
        Ok(JobPage::new(state, found))
    }

    /// Lines of a job's output, as many as there are here or at a peer, within bounds. They begin behind
    /// `first` if nobody who answers has it.
    pub(crate) async fn lines(
        &self,
        job: &Job,
        first: u64,
        lines_max: usize,
    ) -> Result<Vec<(u64, Line)>, Error> {
        let (period, id) = (job.created_at.day(), job.id.to_bytes());
        let mut first = first;
        for _ in 0..GAPS_PER_READ_MAX {
            if first >= job.line_count || lines_max == 0 {
                break;
            }
            let output = self.applied.store().output.clone();
            let read = move || {
                let here = output.read(period, &id, first, LINES_BYTES_MAX)?;
                Ok((here, output.next_line(period, &id, first)?))
            };
            let (here, next_here) = self.blocking(read).await?;
            let here = here.into_iter().map(|batch| (batch.first_line, batch.bytes)).collect();
            let lines = Self::unpacked(here, first, lines_max)?;
            if !lines.is_empty() {
                return Ok(lines);
            }
            let there = self.fetch_output(period, id, first).await;
            let lines = Self::unpacked(there.batches, first, lines_max)?;
            if !lines.is_empty() {
                return Ok(lines);
            }
            let next = [next_here, there.next].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next > first) else { break };
            first = next;
        }
        Ok(Vec::new())
    }

    /// The lines from `first` on, up to the first gap.
    fn unpacked(
        batches: Vec<(u64, Vec<u8>)>,
        first: u64,
        lines_max: usize,
    ) -> Result<Vec<(u64, Line)>, Error> {
        let mut next = first;
        let mut found = Vec::new();
        for (number, bytes) in batches {
            let lines =
                decode_lines(&bytes).map_err(|garbled| Error::Failed(garbled.to_string()))?;
            if number > next {
                break;
            }
            for (number, line) in (number..).zip(lines) {
                if number == next && found.len() < lines_max {
                    found.push((number, line));
                    next += 1;
                }
            }
        }
        Ok(found)
    }

    /// What this replica has lost or never had, from any peer that has it; kept here as well. If none
    /// has the line, the next one that some peer has.
    pub(crate) async fn fetch_output(&self, period: u32, job: [u8; 16], first: u64) -> Fetched {
        let mut next: Option<u64> = None;
        for (id, address) in self.peer_addresses() {
            let Ok(mut client) = self.peers.client(id, &address, Lane::Bulk) else { continue };
            if failpoint!("consensus::output::fetch").is_err() {
                continue;
            }
            let request = pb::FetchOutputRequest {
                cluster: self.cluster.to_vec(),
                period,
                job: job.to_vec(),
                first,
            };
            let mut request = tonic::Request::new(request);
            request.set_timeout(self.timing.request);
            let answer = match client.fetch_output(request).await {
                Ok(answer) => answer.into_inner(),
                Err(status) => {
                    tracing::debug!(peer = id, %status, "a peer did not give output");
                    continue;
                }
            };
            if answer.batches.is_empty() {
                next = [next, answer.next].into_iter().flatten().min();
                continue;
            }
            let output = self.applied.store().output.clone();
            let batches = answer.batches.clone();
            let kept = self.blocking(move || {
                batches.iter().try_for_each(|batch| {
                    output.append(period, &job, batch.first, batch.count, &batch.batch)
                })
            });
            if let Err(error) = kept.await {
                tracing::warn!(%error, "output of a peer could not be kept");
            }
            let batches = answer.batches.into_iter();
            let batches = batches.map(|batch| (batch.first, batch.batch.to_vec())).collect();
            return Fetched { batches, next: None };
        }
        Fetched { batches: Vec::new(), next }
    }

    /// What to answer where the disk has not kept what is asked for. Others have it, so that a client
    /// goes on there; and it is told from now on.
    fn unreadable(&self, error: &stint_storage::Error) -> Error {
        if !error.is_damage() {
            return Error::Failed(error.to_string());
        }
        let words = crate::damage::in_words(error, self.id);
        tracing::error!("{words}");
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.insert(DAMAGE, vec![words.clone()]);
        Error::Unavailable(format!("{words}. Ask another replica"))
    }

    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, stint_storage::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let done = blocking(work).await;
        done.map_err(|_| Error::ShuttingDown)?.map_err(|error| self.unreadable(&error))
    }
}

/// What a peer has of the output of a job.
pub(crate) struct Fetched {
    /// Batches with their first lines, from the wanted line on.
    pub(crate) batches: Vec<(u64, Vec<u8>)>,
    /// Without batches: the next line that some peer has.
    pub(crate) next: Option<u64>,
}

pub(crate) fn decoded(body: &[u8]) -> Result<Arc<Job>, Error> {
    decode_job(body).map(Arc::new).map_err(|garbled| Error::Failed(garbled.to_string()))
}
