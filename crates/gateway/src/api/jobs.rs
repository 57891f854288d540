//! The operations on jobs, but for their output.

use std::sync::Arc;

use stint_consensus::{JobPage, List, Place};
use stint_core::{
    Attempt, CapacityMap, Command, Job, JobId, JobSpec, NewJob, Order, Parameters, Policy, Refusal,
    Reply, Status, Timestamp, WaitReason, Waits,
};
use uuid::Uuid;

use super::access::{RUN_IS_OVER, Reach};
use super::selection::{place, place_of};
use super::{Api, ApiError, Caller, IdempotencyKey, Selection};
use crate::limits;

/// A job as clients see it.
#[derive(Debug, Clone)]
pub(crate) struct JobView {
    /// The record.
    pub(crate) job: Arc<Job>,
    /// Why it waits, if it does.
    pub(crate) wait_reason: Option<WaitReason>,
    /// Whether it answers a submission that it has stood in the way of, by its unique key.
    pub(crate) is_existing: bool,
}

impl JobView {
    /// The record alone.
    pub(crate) fn of(job: Arc<Job>) -> Self {
        Self { job, wait_reason: None, is_existing: false }
    }
}

/// Which jobs a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct JobsQuery {
    /// The jobs that it has.
    pub(crate) selection: Selection,
    /// Which come first.
    pub(crate) order: Order,
    /// Where an earlier page says that it goes on; empty is the beginning.
    pub(crate) after: String,
    /// So many are left out first.
    pub(crate) start: u64,
    /// How many are shown; `None` is [`limits::PAGE_DEFAULT`], 0 is [`limits::PAGE_MAX`].
    pub(crate) limit: Option<u64>,
}

/// What a client wants to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Submission {
    /// What is to be run.
    pub(crate) spec: JobSpec,
    /// How often it is run again after a failure; `None` is as often as its action says.
    pub(crate) retries: Option<u32>,
    /// From when on it can be claimed; `None` is now.
    pub(crate) scheduled_at: Option<Timestamp>,
    /// How it is treated while it waits.
    pub(crate) policy: Policy,
    /// By what the client tells a repetition from another submission, if it does.
    pub(crate) key: Option<IdempotencyKey>,
}

/// A page of jobs, of which a bounded part is in memory.
pub(crate) struct JobsReader {
    api: Arc<Api>,
    /// Who reads.
    caller: Caller,
    /// `None` is a page without jobs.
    page: Option<JobPage>,
}

impl JobsReader {
    /// Whether all of it has been read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.page.as_ref().is_none_or(JobPage::is_at_end)
    }

    /// What is made of the next of them, of which there are none at the end. That is done where
    /// nobody waits for it, and in the caller's turn.
    pub(crate) async fn next<T: Send + 'static>(
        &mut self,
        make: impl FnOnce(&[JobView]) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let Some(page) = &mut self.page else { return Ok(make(&[])) };
        let _turn = self.api.turn_to_page(&self.caller).await?;
        let replica = self.api.replica.clone();
        let step = page.next_made(move |jobs| {
            let views: Vec<_> = replica.with_state(|state| {
                let mut waits = Waits::new(state);
                let of =
                    |job: Arc<Job>| JobView { wait_reason: waits.why(&job), ..JobView::of(job) };
                jobs.into_iter().map(of).collect()
            });
            make(&views)
        });
        step.await.map_err(ApiError::of_read)
    }

    /// Where the list goes on, as clients hand it back; `None` if nothing is left.
    pub(crate) fn rest(&self) -> Option<String> {
        self.page.as_ref()?.rest().map(place)
    }
}

impl Api {
    /// Jobs that match, in the order of the query, to be read step by step.
    pub(crate) async fn list_jobs(
        self: &Arc<Self>,
        caller: &Caller,
        query: JobsQuery,
    ) -> Result<JobsReader, ApiError> {
        if query.start > limits::START_MAX {
            let expected = format!("an integer of at most {}", limits::START_MAX);
            return Err(ApiError::field("start", expected, query.start.to_string()));
        }
        let Place { after, skip } = place_of("after", &query.after)?;
        let (api, caller) = (Arc::clone(self), caller.clone());
        let Some(filter) = query.selection.read()? else {
            return Ok(JobsReader { api, caller, page: None });
        };
        let skip = skip.saturating_add(usize::try_from(query.start).unwrap_or(usize::MAX));
        let from = Place { after, skip };
        let list = List { filter, order: query.order, from, limit: page_limit(query.limit) };
        let _turn = self.turn_to_page(&caller).await?;
        let page = self.replica.page_jobs(&list).await;
        Ok(JobsReader { api, caller, page: Some(page.map_err(ApiError::of_read)?) })
    }

    /// Schedules a job under a new id, or finds the one that its key has scheduled.
    pub(crate) async fn submit_job(
        &self,
        caller: &Caller,
        new: Submission,
    ) -> Result<JobView, ApiError> {
        within_reason("submission", &new.spec)?;
        self.matches_patterns(&new.spec)?;
        let drawn = self.replica.with_state(stint_core::State::sequence);
        let Submission { spec, retries, scheduled_at, policy, key } = new;
        let (retry_from, parent) = (None, caller.parent());
        let has_key = key.is_some();
        // Version 7 (RFC 9562): ids that are drawn one after the other stand together on disk.
        let id = key.map_or_else(
            || JobId::from_bytes(Uuid::now_v7().into_bytes()),
            |key| key.job_of(caller.user().unwrap_or_default()),
        );
        let new = NewJob { id, drawn, spec, scheduled_at, retries, policy, retry_from, parent };
        self.submit_new(caller, new, has_key).await
    }

    /// Proposes a submission, once if it has a key.
    pub(super) async fn submit_new(
        &self,
        caller: &Caller,
        new: NewJob,
        has_key: bool,
    ) -> Result<JobView, ApiError> {
        let id = new.id;
        if has_key {
            let job = self.submit_once(caller, new).await?;
            return Ok(JobView { is_existing: job.id != id, ..self.view(job) });
        }
        self.created(caller, Command::Submit(new), id).await
    }

    /// Has a job created that was drawn for this, and finds it.
    pub(super) async fn created(
        &self,
        caller: &Caller,
        command: Command,
        id: JobId,
    ) -> Result<JobView, ApiError> {
        let of_submission = |error| ApiError::of_submission(error, id);
        let reply = self.propose(caller, command).await.map_err(of_submission)?;
        let reply = reply.map_err(of_child)?;
        if let Reply::Submitted(job) = reply {
            caller.asks_about(job.id);
            Ok(JobView { is_existing: job.id != id, ..self.view(job) })
        } else if let Reply::SubmittedBefore(id) = reply {
            self.get_job(caller, id).await.map_err(|error| ApiError::SubmissionUnknown {
                job: id,
                why: format!("it was submitted, and is over, but cannot be read: {error}"),
            })
        } else {
            Err(impossible("a submission", &reply))
        }
    }

    /// The job, live or over; a deleted one as its tombstone.
    pub(crate) async fn get_job(&self, caller: &Caller, id: JobId) -> Result<JobView, ApiError> {
        caller.asks_about(id);
        self.within_reach(caller, id, Reach::Itself).await?;
        let _turn = self.turn_to_call(caller).await?;
        self.existing(id).await.map(|job| self.view(job))
    }

    /// Cancels a job that is not over. Asking twice is asking once.
    pub(crate) async fn cancel_job(&self, caller: &Caller, id: JobId) -> Result<(), ApiError> {
        caller.asks_about(id);
        self.within_reach(caller, id, Reach::Descendants).await?;
        match self.propose(caller, Command::Cancel { job: id }).await? {
            Ok(reply) => done("a cancellation", &reply),
            Err(Refusal::NoSuchJob(_)) => {
                let status = self.existing(id).await?.status;
                Err(ApiError::Conflict(format!(
                    "job {id}: it is over already, its status is {status}"
                )))
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Cancels a job if need be, and removes it with its output. Asking twice is asking once.
    pub(crate) async fn delete_job(&self, caller: &Caller, id: JobId) -> Result<(), ApiError> {
        caller.asks_about(id);
        if self.existing(id).await?.status == Status::Deleted {
            return Ok(());
        }
        let reply = self.propose(caller, Command::Delete { job: id }).await??;
        done("a deletion", &reply)
    }

    /// The job's record, which may be a tombstone.
    pub(super) async fn existing(&self, id: JobId) -> Result<Arc<Job>, ApiError> {
        let found = self.replica.job(id).await.map_err(ApiError::of_read)?;
        found.ok_or_else(|| ApiError::NoSuchJob(id.to_string()))
    }

    fn view(&self, job: Arc<Job>) -> JobView {
        let wait_reason = if job.is_claimable() {
            self.replica.with_state(|state| state.why_waiting(&job))
        } else {
            None
        };
        JobView { wait_reason, ..JobView::of(job) }
    }
}

/// The latest attempts of a job, as many as its own record shows: there may be many jobs in a list.
pub(crate) fn latest(job: &Job) -> &[Attempt] {
    let surplus = job.attempts.len().saturating_sub(limits::ATTEMPTS_SHOWN);
    job.attempts.get(surplus..).unwrap_or_default()
}

/// Why a submission was refused. That of a run may come too late for its lease.
pub(super) fn of_child(refusal: Refusal) -> ApiError {
    if let Refusal::StaleLease { .. } = refusal {
        ApiError::NotAuthenticated(RUN_IS_OVER)
    } else {
        refusal.into()
    }
}

/// How many a page shows: 10 by default, and as many as it may for 0.
pub(super) fn page_limit(limit: Option<u64>) -> usize {
    let limit = match limit.unwrap_or(limits::PAGE_DEFAULT) {
        0 => limits::PAGE_MAX,
        limit => limit.min(limits::PAGE_MAX),
    };
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// The one reply of commands that have nothing to say.
pub(super) fn done(what: &str, reply: &Reply) -> Result<(), ApiError> {
    if *reply == Reply::Ok { Ok(()) } else { Err(impossible(what, reply)) }
}

/// A reply to another command than the one that was proposed.
pub(super) fn impossible(what: &str, reply: &Reply) -> ApiError {
    ApiError::internal(&format!("{what} was answered with {reply:?}"))
}

/// What is certain to be refused is not written to the log of every replica first.
pub(super) fn within_reason(what: &str, spec: &JobSpec) -> Result<(), ApiError> {
    action_is_named(&spec.action)?;
    let bytes = spec.action.len()
        + bytes_of_parameters(spec.parameters.as_ref())
        + spec.capacity_map.as_ref().map_or(0, bytes_of);
    at_most(what, bytes)
}

/// Whether anything is in the place of the one field that has no default.
pub(super) fn action_is_named(action: &str) -> Result<(), ApiError> {
    if action.is_empty() {
        return Err(ApiError::field("action", "the name of an action", "nothing"));
    }
    Ok(())
}

/// Bytes of all names and values.
pub(super) fn bytes_of_parameters(parameters: Option<&Parameters>) -> usize {
    parameters.into_iter().flatten().map(|(name, value)| name.len() + value.len()).sum()
}

/// Bytes of all names of the map.
pub(super) fn bytes_of(map: &CapacityMap) -> usize {
    map.iter().map(|(name, _)| name.len()).sum()
}

/// See [`limits::SUBMISSION_BYTES_MAX`].
pub(super) fn at_most(what: &str, bytes: usize) -> Result<(), ApiError> {
    let limit = limits::SUBMISSION_BYTES_MAX;
    if bytes <= limit {
        return Ok(());
    }
    let message = format!("the {what} has {bytes} bytes, more than the limit of {limit}");
    Err(ApiError::InvalidParameters(message))
}
