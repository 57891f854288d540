//! A job is created: by a client, or as the retry of one that failed.

use std::sync::Arc;

use crate::action::BUILT_IN_ACTIONS;
use crate::command::NewJob;
use crate::id::JobId;
use crate::job::{Job, JobSpec};
use crate::limits;
use crate::outcome::{Refusal, Reply};
use crate::state::{State, Transition};
use crate::status::Status;
use crate::time::{Span, Timestamp};

pub(crate) fn submit(
    state: &mut State,
    transition: &mut Transition,
    new: NewJob,
) -> Result<Reply, Refusal> {
    if let Some(job) = state.jobs.get(&new.id) {
        let is_same = job.spec == new.spec && job.retries_total == new.retries;
        return if is_same {
            Ok(Reply::Submitted(Arc::clone(job)))
        } else {
            Err(Refusal::IdTaken(new.id))
        };
    }
    if state.recent.contains(new.id) {
        return Ok(Reply::SubmittedBefore(new.id));
    }
    if !state.recent.reaches_back_to(new.drawn) {
        return Err(Refusal::SubmitTooLate(new.id));
    }
    within_limits(state, &new)?;
    let job = create(
        state,
        new.id,
        new.id,
        new.spec,
        new.scheduled_at.unwrap_or(state.now),
        (new.retries, new.retries),
    );
    Ok(Reply::Submitted(state.insert(transition, job)))
}

/// The next try of a failed job, `backoff` from now.
pub(crate) fn retry(
    state: &mut State,
    transition: &mut Transition,
    failed: &Job,
    backoff: Span,
) -> JobId {
    let id = id_of_retry(state, failed.id);
    let job = create(
        state,
        id,
        failed.id,
        failed.spec.clone(),
        state.now.plus(backoff),
        (failed.retries_left - 1, failed.retries_total),
    );
    state.insert(transition, job);
    id
}

/// An id for the retry of `failed` that no job has.
///
/// The first that is derived is taken only if somebody guessed it, or if the same job failed at
/// the same instant before; neither may stop the cluster.
fn id_of_retry(state: &State, failed: JobId) -> JobId {
    let mut why = "retry".to_owned();
    loop {
        let id = failed.derive(state.now, &why);
        if !state.jobs.contains_key(&id) && !state.recent.contains(id) {
            return id;
        }
        why.push('+');
    }
}

fn create(
    state: &mut State,
    id: JobId,
    retry_from: JobId,
    spec: JobSpec,
    scheduled_at: Timestamp,
    (retries_left, retries_total): (u32, u32),
) -> Job {
    state.last_job += 1;
    Job {
        id,
        retry_from,
        spec,
        status: Status::Waiting,
        sequence: state.last_job,
        created_at: state.now,
        scheduled_at,
        last_updated: state.now,
        retries_left,
        retries_total,
        worker: None,
        delete_requested: false,
        cancel_requested: false,
        reclaims: 0,
        attempt_count: 0,
        attempts: Vec::new(),
        line_count: 0,
    }
}

fn within_limits(state: &State, new: &NewJob) -> Result<(), Refusal> {
    let action = &new.spec.action;
    let is_built_in = BUILT_IN_ACTIONS.contains(&action.as_str());
    if !is_built_in && !state.offers(action) {
        let shown = action.chars().take(limits::NAME_BYTES_MAX).collect();
        return Err(Refusal::NoSuchAction(shown));
    }
    at_most("retries", u64::from(new.retries), u64::from(limits::RETRIES_MAX))?;
    if let Some(parameters) = &new.spec.parameters {
        at_most("parameters", count(parameters.len()), count(limits::PARAMETERS_MAX))?;
        let bytes = parameters.iter().map(|(name, value)| name.len() + value.len()).sum();
        at_most("bytes of parameters", count(bytes), count(limits::PARAMETER_BYTES_MAX))?;
        let longest = parameters.keys().map(String::len).max().unwrap_or(0);
        at_most("name of a parameter", count(longest), count(limits::NAME_BYTES_MAX))?;
    }
    for (what, timeout) in [
        ("text of the deadline", &new.spec.deadline),
        ("text of the stop timeout", &new.spec.stop_timeout),
    ] {
        let bytes = timeout.as_ref().map_or(0, |timeout| timeout.text().len());
        at_most(what, count(bytes), count(limits::TIMEOUT_BYTES_MAX))?;
    }
    let need = new.spec.capacity_map.clone().unwrap_or_default();
    capacity_within_limits(&need)?;
    if state.jobs.len() >= limits::LIVE_JOBS_MAX {
        return Err(Refusal::QueueFull { limit: limits::LIVE_JOBS_MAX });
    }
    if state.index.is_one_shape_too_many(action, &need) {
        let limit = limits::SHAPES_PER_ACTION_MAX;
        return Err(Refusal::TooManyShapes { action: action.clone(), limit });
    }
    Ok(())
}

pub(crate) fn capacity_within_limits(map: &crate::CapacityMap) -> Result<(), Refusal> {
    at_most("capacity map", count(map.len()), count(limits::CAPACITY_NAMES_MAX))?;
    for (name, amount) in map.iter() {
        at_most("name of a capacity", count(name.len()), count(limits::NAME_BYTES_MAX))?;
        at_most("amount of a capacity", amount, limits::CAPACITY_AMOUNT_MAX)?;
    }
    Ok(())
}

pub(crate) fn at_most(what: &'static str, got: u64, limit: u64) -> Result<(), Refusal> {
    if got <= limit { Ok(()) } else { Err(Refusal::OverLimit { what: what.into(), got, limit }) }
}

pub(crate) fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
