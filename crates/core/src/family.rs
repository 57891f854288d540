//! Jobs that submit others: a parent is over only when the last of its children is.
//!
//! A child belongs to the job, not to one of its runs: what a run leaves behind that loses its
//! worker is there for the next one. Whatever ends a job but its success asks for the end of its
//! children, and theirs; the job itself stays until they have gone, without a lease and without
//! capacity.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cancel;
use crate::finish;
use crate::id::{Epoch, JobId, LeaseId, TokenId, WorkerId};
use crate::job::Job;
use crate::limits;
use crate::outcome::{Event, Refusal, Reply};
use crate::state::{State, Transition};
use crate::status::Status;
use crate::submit::at_most;
use crate::token::TokenHash;

/// Whose child a new job is to be: of a job, while it runs under this lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// The job whose process submits.
    pub job: JobId,
    /// The right by which it runs.
    pub lease: LeaseId,
}

/// The children of a job, of all its runs. The retry of a child takes the place of the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Children {
    /// How many it has submitted.
    pub total: u32,
    /// How many of them are not over.
    pub left: u32,
    /// How many of them have ended other than `done`.
    pub failed: u32,
}

/// What a job with children that are not over will end as when they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its process has returned 0: `done` if all its children are, else `error`.
    Success,
    /// It has failed: `error`, and perhaps there is a retry.
    Failure,
    /// Anything else: it was canceled, deleted, or lost its worker and is not to be run again.
    Over(Status),
}

/// Who belongs to whom. All of it follows from the jobs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Family {
    /// The live children of each live job that has some.
    children: BTreeMap<JobId, BTreeSet<JobId>>,
    /// How many live jobs descend from each job that is itself nobody's child.
    descendants: BTreeMap<JobId, usize>,
    /// The jobs that wait for their last child.
    pub(crate) ending: BTreeSet<JobId>,
    /// The jobs whose current run has a token.
    tokens: BTreeMap<TokenId, JobId>,
}

impl Family {
    pub(crate) fn insert(&mut self, root: JobId, parent: JobId, child: JobId) {
        self.children.entry(parent).or_default().insert(child);
        *self.descendants.entry(root).or_default() += 1;
    }

    pub(crate) fn remove(&mut self, root: JobId, parent: JobId, child: JobId) {
        if let Some(children) = self.children.get_mut(&parent) {
            children.remove(&child);
            if children.is_empty() {
                self.children.remove(&parent);
            }
        }
        match self.descendants.get_mut(&root) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => {
                self.descendants.remove(&root);
            }
        }
    }

    pub(crate) fn of(&self, parent: JobId) -> impl ExactSizeIterator<Item = JobId> {
        static NONE: BTreeSet<JobId> = BTreeSet::new();
        self.children.get(&parent).unwrap_or(&NONE).iter().copied()
    }

    pub(crate) fn has(&self, parent: JobId, child: JobId) -> bool {
        self.children.get(&parent).is_some_and(|children| children.contains(&child))
    }

    pub(crate) fn parents(&self) -> impl Iterator<Item = JobId> {
        self.children.keys().copied()
    }

    pub(crate) fn tokens(&self) -> impl ExactSizeIterator<Item = (TokenId, JobId)> {
        self.tokens.iter().map(|(token, job)| (*token, *job))
    }

    /// Keeps in step with a job whose record has changed.
    pub(crate) fn follow(&mut self, before: (Option<TokenHash>, bool), job: &Job) {
        let (token, was_ending) = before;
        if token != job.token {
            if let Some(hash) = token {
                self.tokens.remove(&TokenId::of(hash));
            }
            self.note_token(job);
        }
        if was_ending != job.ending.is_some() {
            self.note_ending(job);
        }
    }

    pub(crate) fn note_token(&mut self, job: &Job) {
        if let Some(hash) = job.token {
            self.tokens.insert(TokenId::of(hash), job.id);
        }
    }

    pub(crate) fn note_ending(&mut self, job: &Job) {
        if job.ending.is_some() {
            self.ending.insert(job.id);
        } else {
            self.ending.remove(&job.id);
        }
    }
}

impl State {
    /// The jobs from whom `id` descends, the nearest first. More than there may be are not told.
    pub fn ancestors(&self, id: JobId) -> impl Iterator<Item = &Arc<Job>> {
        let parent = |job: &&Arc<Job>| job.parent.and_then(|id| self.jobs.get(&id));
        let first = self.jobs.get(&id).and_then(|job| parent(&job));
        std::iter::successors(first, parent).take(limits::GENERATIONS_MAX + 1)
    }

    /// The oldest of its ancestors, or the job itself.
    pub(crate) fn root_of(&self, id: JobId) -> JobId {
        self.ancestors(id).last().map_or(id, |root| root.id)
    }

    /// The job whose current run has this token.
    pub fn job_of_token(&self, token: TokenId) -> Option<&Arc<Job>> {
        self.family.tokens.get(&token).and_then(|id| self.jobs.get(id))
    }

    /// The live children of a job, in the order of their ids.
    pub fn children(&self, parent: JobId) -> impl ExactSizeIterator<Item = JobId> {
        self.family.of(parent)
    }
}

/// Gives the current run of a job a token, by which its process can submit children. It is worth
/// nothing as soon as the run is over.
pub(crate) fn give_token(
    state: &mut State,
    (worker, epoch): (WorkerId, Epoch),
    (id, lease): (JobId, LeaseId),
    hash: TokenHash,
) -> Result<Reply, Refusal> {
    state.job_under_lease(worker, epoch, id, lease)?;
    let token = TokenId::of(hash);
    let is_anothers = state.family.tokens.get(&token).is_some_and(|job| *job != id);
    if is_anothers || state.tokens.contains_key(&token) {
        return Err(Refusal::TokenTaken(token));
    }
    state.change(id, |job| job.token = Some(hash));
    Ok(Reply::Ok)
}

/// Whether the parent of a new job may have one more child.
pub(crate) fn may_have_child(state: &State, parent: Parent) -> Result<(), Refusal> {
    let Parent { job: id, lease } = parent;
    let refusal = Refusal::StaleLease { job: id, lease };
    let job = state.jobs.get(&id).filter(|job| job.lease() == Some(lease)).ok_or(refusal)?;
    if job.status != Status::Running {
        return Err(Refusal::NoMoreChildren(id));
    }
    let generations = u64::try_from(state.ancestors(id).count()).unwrap_or(u64::MAX) + 1;
    let limit = u64::try_from(limits::GENERATIONS_MAX).unwrap_or(u64::MAX);
    at_most("line of ancestors", generations, limit)?;
    let root = state.root_of(id);
    if state.family.descendants.get(&root).is_some_and(|count| *count >= limits::DESCENDANTS_MAX) {
        return Err(Refusal::TooManyChildren { root, limit: limits::DESCENDANTS_MAX });
    }
    Ok(())
}

/// Ends a job, as soon as the last of its children is over. Unless it has succeeded, they are to
/// end as well.
pub(crate) fn conclude(state: &mut State, transition: &mut Transition, id: JobId, ending: Ending) {
    if state.expect_job(id).children.left == 0 {
        return carry_out(state, transition, id, ending);
    }
    let job = state.change(id, |job| job.ending = Some(ending));
    let is_unwanted = ending != Ending::Success || job.cancel_requested;
    transition.announce(Event::AwaitsChildren(job));
    if is_unwanted {
        cancel_children(state, transition, id);
    }
}

/// Asks for the end of all children that nobody has asked that for. When the last of them ends by
/// that, a parent that has only waited for it has ended, too.
pub(crate) fn cancel_children(state: &mut State, transition: &mut Transition, parent: JobId) {
    let children: Vec<_> = state.children(parent).collect();
    for child in children {
        if !state.expect_job(child).is_unwanted() {
            cancel::cancel_one(state, transition, child);
        }
    }
}

/// Ends a job whose children are all over.
fn carry_out(state: &mut State, transition: &mut Transition, id: JobId, ending: Ending) {
    let job = state.expect_job(id);
    let is_canceled = job.status == Status::CancelRequest;
    let status = match ending {
        Ending::Success if job.children.failed == 0 => Status::Done,
        Ending::Success | Ending::Over(Status::WorkerDead | Status::WorkerShutdown)
            if is_canceled =>
        {
            Status::Cancel
        }
        Ending::Success | Ending::Failure => Status::Error,
        Ending::Over(status) => status,
    };
    let job = Arc::clone(job);
    let is_failure = status == Status::Error && !matches!(ending, Ending::Over(_));
    let retry = if is_failure { finish::retry_of(state, &job) } else { None };
    if retry.is_some() {
        state.change(id, |job| job.retried_by = retry);
    }
    state.leave(transition, id, status);
    if let Some(retry) = retry {
        finish::retry(state, transition, &job, retry);
    }
    let is_tried_again = retry.is_some();
    let Some(parent) = job.parent else { return };
    let is_failed = status != Status::Done && !is_tried_again;
    let parent = state.change(parent, |parent| {
        parent.children.left -= 1;
        parent.children.failed += u32::from(is_failed);
    });
    if parent.children.left == 0
        && let Some(ending) = parent.ending
    {
        carry_out(state, transition, parent.id, ending);
    }
}
