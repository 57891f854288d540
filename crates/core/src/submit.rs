//! A job is created: by a client, or as the retry of one that failed.

use std::sync::Arc;

use crate::action::BUILT_IN_ACTIONS;
use crate::command::NewJob;
use crate::family::{self, Children};
use crate::id::JobId;
use crate::job::{CronLink, Job, JobSpec, Parameters};
use crate::limits;
use crate::offer::{self, Given};
use crate::outcome::{Event, Refusal, Reply};
use crate::policy::Policy;
use crate::state::{State, Transition};
use crate::status::Status;
use crate::time::{Span, Timestamp};

pub(crate) fn submit(
    state: &mut State,
    transition: &mut Transition,
    new: NewJob,
) -> Result<Reply, Refusal> {
    if let Some(job) = state.jobs.get(&new.id) {
        let is_same = job.is_submitted_as(&new.spec, new.retries)
            && job.parent == new.parent.map(|parent| parent.job)
            && job.policy == new.policy
            && job.retry_from == new.retry_from.unwrap_or(new.id);
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
    if let Some(twin) = twin_of(state, &new) {
        return Ok(Reply::Submitted(Arc::clone(twin)));
    }
    admit(state, transition, new, None).map(Reply::Submitted)
}

/// Creates a job that no job is known to be, of a client or of a cron, if it is within the limits.
pub(crate) fn admit(
    state: &mut State,
    transition: &mut Transition,
    mut new: NewJob,
    cron: Option<CronLink>,
) -> Result<Arc<Job>, Refusal> {
    within_limits(state, &new)?;
    if let Some(parent) = new.parent {
        family::may_have_child(state, parent)?;
    }
    // What is run once more has all that it needs already.
    let (retries, given) = match new.retry_from {
        None => offer::complete(state, &mut new.spec, new.retries),
        Some(_) => (new.retries.unwrap_or(0), Given::default()),
    };
    if !given.parameters.is_empty() {
        completed_within_limits(new.spec.parameters.as_ref())?;
    }
    offer::is_as_declared(state, &new.spec)?;
    fits_shapes(state, &new.spec)?;
    has_room(state, new.spec.parameters.as_ref())?;
    if let Some(job) = new.retry_from {
        transition.announce(Event::Retried { job, by: new.id });
    }
    let job = create(
        state,
        (new.id, new.retry_from.unwrap_or(new.id), new.parent.map(|parent| parent.job)),
        (new.spec, new.policy),
        given,
        new.scheduled_at.unwrap_or(state.now),
        (retries, retries),
        cron,
    );
    Ok(state.insert(transition, job))
}

/// The live job that stands in the way of a new one with its unique key.
fn twin_of<'a>(state: &'a State, new: &NewJob) -> Option<&'a Arc<Job>> {
    let key = new.policy.unique_key.as_ref()?;
    let id = state.index.unique(&new.spec.action, key)?;
    Some(state.expect_job(id))
}

/// The next try of a failed job, `wait` from now. It has all that the failed one had: what their
/// action and the config of it have become meanwhile is for new jobs. The failed one is over, so
/// that its unique key is free.
pub(crate) fn retry(
    state: &mut State,
    transition: &mut Transition,
    failed: &Job,
    id: JobId,
    wait: Span,
) {
    let job = create(
        state,
        (id, failed.id, failed.parent),
        (failed.spec.clone(), failed.policy.clone()),
        Given::default(),
        state.now.plus(wait),
        (failed.retries_left - 1, failed.retries_total),
        failed.cron,
    );
    state.insert(transition, job);
}

/// An id for the retry of `failed` that no job has.
///
/// The first that is derived is taken only if somebody guessed it, or if the same job failed at
/// the same instant before; neither may stop the cluster.
pub(crate) fn id_of_retry(state: &State, failed: JobId) -> JobId {
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
    (id, retry_from, parent): (JobId, JobId, Option<JobId>),
    (spec, policy): (JobSpec, Policy),
    given: Given,
    scheduled_at: Timestamp,
    (retries_left, retries_total): (u32, u32),
    cron: Option<CronLink>,
) -> Job {
    state.last_job += 1;
    Job {
        id,
        retry_from,
        spec,
        policy,
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
        is_expired: false,
        retried_by: None,
        reclaims: 0,
        attempt_count: 0,
        attempts: Vec::new(),
        line_count: 0,
        from_config: given.parameters,
        left_out: given.left_out,
        parent,
        children: Children::default(),
        ending: None,
        token: None,
        cron,
    }
}

fn within_limits(state: &State, new: &NewJob) -> Result<(), Refusal> {
    let action = &new.spec.action;
    action_is_known(state, action)?;
    run_within_limits(&new.spec, new.retries.unwrap_or(0))?;
    policy_within_limits(state, new)?;
    if state.jobs.len() >= limits::LIVE_JOBS_MAX {
        return Err(Refusal::QueueFull { limit: limits::LIVE_JOBS_MAX });
    }
    Ok(())
}

fn fits_shapes(state: &State, spec: &JobSpec) -> Result<(), Refusal> {
    let action = &spec.action;
    let need = spec.capacity_map.clone().unwrap_or_default();
    if state.index.is_one_shape_too_many(action, &need) {
        let limit = limits::SHAPES_PER_ACTION_MAX;
        return Err(Refusal::TooManyShapes { action: action.clone(), limit });
    }
    Ok(())
}

fn policy_within_limits(state: &State, new: &NewJob) -> Result<(), Refusal> {
    if let Some(live) = new.retry_from.filter(|id| state.jobs.contains_key(id)) {
        return Err(Refusal::NotOver(live));
    }
    let bytes = new.policy.unique_key.as_ref().map_or(0, String::len);
    at_most("unique key", count(bytes), count(limits::UNIQUE_KEY_BYTES_MAX))?;
    let due_at = new.scheduled_at.map_or(state.now, |at| at.max(state.now));
    match new.policy.expires_at {
        Some(expires_at) if expires_at <= due_at => {
            Err(Refusal::ExpiresTooEarly { job: new.id, expires_at, due_at })
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether a worker, alive or not, offers the action, or every replica has it.
pub(crate) fn action_is_known(state: &State, action: &str) -> Result<(), Refusal> {
    if BUILT_IN_ACTIONS.contains(&action) || state.offers(action) {
        Ok(())
    } else {
        Err(Refusal::NoSuchAction(shown(action)))
    }
}

/// The part of a client's text that a refusal repeats.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(limits::NAME_BYTES_MAX).collect()
}

/// Whether what is to be run has no more of anything than it may have, its action aside.
pub(crate) fn run_within_limits(spec: &JobSpec, retries: u32) -> Result<(), Refusal> {
    at_most("retries", u64::from(retries), u64::from(limits::RETRIES_MAX))?;
    parameters_within_limits(spec.parameters.as_ref())?;
    for (what, timeout) in
        [("text of the deadline", &spec.deadline), ("text of the stop timeout", &spec.stop_timeout)]
    {
        let bytes = timeout.as_ref().map_or(0, |timeout| timeout.text().len());
        at_most(what, count(bytes), count(limits::TIMEOUT_BYTES_MAX))?;
    }
    spec.capacity_map.as_ref().map_or(Ok(()), capacity_within_limits)
}

pub(crate) fn parameters_within_limits(parameters: Option<&Parameters>) -> Result<(), Refusal> {
    let Some(parameters) = parameters else { return Ok(()) };
    at_most("parameters", count(parameters.len()), count(limits::PARAMETERS_MAX))?;
    let bytes = bytes_of(parameters);
    at_most("bytes of parameters", bytes, count(limits::PARAMETER_BYTES_MAX))?;
    let longest = parameters.keys().map(String::len).max().unwrap_or(0);
    at_most("name of a parameter", count(longest), count(limits::NAME_BYTES_MAX))
}

/// Whether a job's own parameters and those that it is given are not too many together. Each for
/// itself is within the limits.
pub(crate) fn completed_within_limits(parameters: Option<&Parameters>) -> Result<(), Refusal> {
    let Some(parameters) = parameters else { return Ok(()) };
    let what = "parameters, with those of its action and of its action config,";
    at_most(what, count(parameters.len()), count(limits::PARAMETERS_MAX))?;
    let what = "bytes of parameters, with those of its action and of its action config,";
    at_most(what, bytes_of(parameters), count(limits::PARAMETER_BYTES_MAX))
}

/// Whether a new job's parameters find room beside those of all live jobs.
fn has_room(state: &State, parameters: Option<&Parameters>) -> Result<(), Refusal> {
    let limit = limits::LIVE_PARAMETER_BYTES_MAX;
    if state.parameter_bytes + parameters.map_or(0, bytes_of) > limit {
        return Err(Refusal::QueueTooLarge { limit });
    }
    Ok(())
}

pub(crate) fn bytes_of(parameters: &Parameters) -> u64 {
    count(parameters.iter().map(|(name, value)| name.len() + value.len()).sum())
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
