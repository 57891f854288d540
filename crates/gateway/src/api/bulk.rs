//! What is done to many jobs at once, in steps of which each is one entry of the log; and the retry
//! of one.
//!
//! No step depends on where the one before was carried out. The cursor says which jobs there were
//! when it began, how far it has come, and under which id: whoever goes on from it, at whichever
//! replica, does nothing twice. A retry has an id that follows from that id and its job's.

use std::sync::Arc;

use stint_consensus::{List, Place};
use stint_core::{
    Bulk, Command, Filter, Job, JobId, JobSpec, NewJob, Policy, Reply, Status, limits::BULK_MAX,
};
use tokio::time::Instant;
use uuid::Uuid;

use super::jobs::{bytes_of_parameters, impossible};
use super::selection::{place, place_of};
use super::{Api, ApiError, Caller, IdempotencyKey, JobView, Selection};
use crate::limits;
use crate::parse::quoted;

/// What is done to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BulkOperation {
    Cancel,
    Delete,
    Retry,
}

impl BulkOperation {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Delete => "delete",
            Self::Retry => "retry",
        }
    }

    fn of_name(name: &str) -> Result<Self, ApiError> {
        [Self::Cancel, Self::Delete, Self::Retry]
            .into_iter()
            .find(|operation| operation.name() == name)
            .ok_or_else(|| ApiError::field("operation", "cancel, delete or retry", quoted(name)))
    }

    /// Whether it changes anything about the job.
    fn concerns(self, job: &Job) -> bool {
        match self {
            Self::Cancel => !job.is_over() && !job.cancel_requested,
            Self::Delete => !job.delete_requested,
            Self::Retry => job.is_over() && job.status != Status::Deleted,
        }
    }
}

/// What a client wants to do to many jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BulkForm {
    pub(crate) operation: String,
    pub(crate) selection: Selection,
    /// That no filter is meant.
    pub(crate) is_all: bool,
    /// That nothing is to be changed.
    pub(crate) is_dry_run: bool,
    /// Where an earlier answer says to go on; empty is the beginning.
    pub(crate) next: String,
    /// By what a client tells a repetition from another bulk.
    pub(crate) key: Option<IdempotencyKey>,
}

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BulkView {
    pub(crate) operation: BulkOperation,
    pub(crate) is_dry_run: bool,
    /// Jobs that it is about, of those that were looked at.
    pub(crate) matched: u64,
    /// Of these, those that were changed.
    pub(crate) changed: u64,
    /// Of these, those that could not be.
    pub(crate) refused: u64,
    /// The first of those that it is about.
    pub(crate) ids: Vec<JobId>,
    /// Where to go on; `None` if nothing is left.
    pub(crate) next: Option<String>,
}

/// A bulk on its way.
struct Cursor {
    /// By what a repetition of a step is told from another one.
    id: Uuid,
    /// The last job that there was when it began.
    up_to: u64,
    from: Place,
}

impl Cursor {
    fn read(text: &str) -> Result<Option<Self>, ApiError> {
        if text.is_empty() {
            return Ok(None);
        }
        let parts = text.splitn(3, '.').collect::<Vec<_>>();
        let wrong = || ApiError::field("next", "the `next` of an earlier answer", quoted(text));
        let [id, up_to, after] = parts.as_slice() else { return Err(wrong()) };
        Ok(Some(Self {
            id: id.parse().map_err(|_| wrong())?,
            up_to: up_to.parse().map_err(|_| wrong())?,
            from: place_of("next", after)?,
        }))
    }

    fn text(&self) -> String {
        format!("{}.{}.{}", self.id.simple(), self.up_to, place(self.from))
    }
}

impl Api {
    /// Does the same to all jobs that match, or to as many of them as there is time for.
    pub(crate) async fn bulk_jobs(
        &self,
        caller: &Caller,
        form: BulkForm,
    ) -> Result<BulkView, ApiError> {
        let began = Instant::now();
        let operation = BulkOperation::of_name(&form.operation)?;
        if form.selection == Selection::default() && !form.is_all {
            let message = "no filter is given, which would be all jobs; give one, or set \"all\"";
            return Err(ApiError::InvalidParameters(message.to_owned()));
        }
        let mut cursor = match Cursor::read(&form.next)? {
            Some(cursor) => cursor,
            None => self.begin_bulk(caller, form.key).await?,
        };
        let is_dry_run = form.is_dry_run;
        let mut view = BulkView {
            operation,
            is_dry_run,
            matched: 0,
            changed: 0,
            refused: 0,
            ids: Vec::new(),
            next: None,
        };
        let Some(filter) = form.selection.read()? else { return Ok(view) };
        let filter = Filter { created_up_to: Some(cursor.up_to), ..filter };
        loop {
            let (filter, from) = (filter.clone(), cursor.from);
            let list = List { filter, from, limit: BULK_MAX, ..List::default() };
            let (jobs, rest) = {
                let _turn = self.turn_to_page(caller).await?;
                self.replica.list_jobs(&list).await.map_err(ApiError::of_read)?
            };
            let jobs = jobs.into_iter().filter(|job| operation.concerns(job));
            let jobs: Vec<_> = jobs.collect();
            let mut step = view.clone();
            step.note(&jobs);
            if !is_dry_run
                && let Err(error) = self.bulk_step(caller, &cursor, &jobs, &mut step).await
            {
                // What has been done is done, and this step may be done again.
                if view.matched == 0 {
                    return Err(error);
                }
                view.next = Some(cursor.text());
                return Ok(view);
            }
            view = step;
            let Some(rest) = rest else { return Ok(view) };
            cursor.from = rest;
            if began.elapsed() >= limits::BULK_TIME {
                view.next = Some(cursor.text());
                return Ok(view);
            }
        }
    }

    async fn begin_bulk(
        &self,
        caller: &Caller,
        key: Option<IdempotencyKey>,
    ) -> Result<Cursor, ApiError> {
        self.barrier().await?;
        let up_to = self.replica.with_state(stint_core::State::last_job);
        let of_key = |key: IdempotencyKey| {
            Uuid::from_bytes(key.job_of(caller.user().unwrap_or_default()).to_bytes())
        };
        let id = key.map_or_else(Uuid::now_v7, of_key);
        Ok(Cursor { id, up_to, from: Place::default() })
    }

    /// Proposes one page, in as many entries as its bytes need.
    async fn bulk_step(
        &self,
        caller: &Caller,
        cursor: &Cursor,
        jobs: &[Arc<Job>],
        view: &mut BulkView,
    ) -> Result<(), ApiError> {
        let drawn = self.replica.with_state(stint_core::State::sequence);
        let mut rest = jobs;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(within_one_entry(rest));
            rest = later;
            let ids = || now.iter().map(|job| job.id).collect();
            let bulk = match view.operation {
                BulkOperation::Cancel => Bulk::Cancel(ids()),
                BulkOperation::Delete => Bulk::Delete(ids()),
                BulkOperation::Retry => {
                    let id = |job: &Job| {
                        // A job that is over was last updated when it ended.
                        job.id.derive(job.last_updated, &format!("bulk {}", cursor.id.simple()))
                    };
                    let now = now.iter().map(|job| self.again(job, id(job), drawn));
                    Bulk::Retry(now.collect())
                }
            };
            let reply = self.propose(caller, Command::Bulk(Box::new(bulk))).await??;
            let Reply::Bulk(answers) = reply else { return Err(impossible("a bulk", &reply)) };
            for answer in answers {
                match answer {
                    Ok(_) => view.changed += 1,
                    Err(refusal) => {
                        tracing::debug!(%refusal, "a job of a bulk was left as it is");
                        view.refused += 1;
                    }
                }
            }
        }
        Ok(())
    }

    /// Runs a job that is over once more, as a new job.
    pub(crate) async fn retry_job(
        &self,
        caller: &Caller,
        of: JobId,
        key: Option<IdempotencyKey>,
    ) -> Result<JobView, ApiError> {
        let drawn = self.replica.with_state(stint_core::State::sequence);
        let job = self.existing(of).await?;
        if job.status == Status::Deleted {
            return Err(ApiError::NoSuchJob(of.to_string()));
        }
        if !job.is_over() {
            let status = job.status;
            return Err(ApiError::Conflict(format!(
                "job {of}: its status is {status}; only a job that is over is retried"
            )));
        }
        let has_key = key.is_some();
        let id = key.map_or_else(
            || JobId::from_bytes(Uuid::now_v7().into_bytes()),
            |key| key.job_of(caller.user().unwrap_or_default()),
        );
        let new = self.again(&job, id, drawn);
        self.submit_new(caller, new, has_key).await
    }

    /// The submission that runs a job once more, with all its retries.
    fn again(&self, job: &Job, id: JobId, drawn: u64) -> NewJob {
        let now = self.replica.now();
        let spec: JobSpec = job.spec.clone();
        let expires_at = job.policy.expires_at.filter(|at| *at > now);
        NewJob {
            id,
            drawn,
            spec,
            scheduled_at: None,
            retries: Some(job.retries_total),
            policy: Policy { expires_at, ..job.policy.clone() },
            retry_from: Some(job.id),
            parent: None,
        }
    }
}

impl BulkView {
    fn note(&mut self, jobs: &[Arc<Job>]) {
        self.matched += u64::try_from(jobs.len()).unwrap_or(u64::MAX);
        let room = limits::BULK_IDS_SHOWN.saturating_sub(self.ids.len());
        self.ids.extend(jobs.iter().take(room).map(|job| job.id));
    }
}

/// How many of the jobs one entry can have: at least one.
fn within_one_entry(jobs: &[Arc<Job>]) -> usize {
    let mut bytes = 0;
    let fitting = jobs.iter().take_while(|job| {
        bytes += bytes_of_parameters(job.spec.parameters.as_ref()) + limits::BULK_JOB_BYTES;
        bytes <= limits::BULK_BYTES_MAX
    });
    fitting.count().max(1)
}
