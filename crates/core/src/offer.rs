//! What workers say of their actions: taken in, and used where a submission says nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::action::{ActionOffer, Defaults};
use crate::action_config;
use crate::capacity::CapacityMap;
use crate::command::Offer;
use crate::job::{JobSpec, LeftOut, Parameters};
use crate::limits;
use crate::outcome::{Event, Refusal, Reply};
use crate::state::{State, Transition};
use crate::submit::{at_most, capacity_within_limits, count};
use crate::worker::WorkerStatus;

/// A worker says anew what it has and offers. Its runs go on as they began.
pub(crate) fn offer(
    state: &mut State,
    transition: &mut Transition,
    new: Offer,
) -> Result<Reply, Refusal> {
    if new.number <= state.live_worker(new.worker, new.epoch)?.offer_number {
        return Ok(Reply::Ok);
    }
    within_limits(&new.actions, &new.capacity)?;
    let id = new.worker;
    state.change_worker(id, |worker| {
        worker.actions = new.actions;
        worker.offer_number = new.number;
        worker.capacity_declared = new.capacity;
    });
    if let Some(worker) = state.workers.get(&id) {
        transition.announce(Event::WorkerChanged(std::sync::Arc::clone(worker)));
    }
    Ok(Reply::Ok)
}

/// Whether a worker may offer these actions and have this capacity.
///
/// # Errors
/// [`Refusal::OverLimit`], which says what is too much.
pub fn within_limits(
    actions: &BTreeMap<String, ActionOffer>,
    capacity: &CapacityMap,
) -> Result<(), Refusal> {
    at_most("list of actions", count(actions.len()), count(limits::ACTIONS_PER_WORKER_MAX))?;
    let longest = actions.keys().map(String::len).max().unwrap_or(0);
    at_most("name of an action", count(longest), count(limits::NAME_BYTES_MAX))?;
    let bytes = actions.iter().map(|(name, offer)| name.len() + bytes_of(offer)).sum();
    at_most("bytes of actions", count(bytes), count(limits::OFFERS_BYTES_MAX))?;
    actions.values().try_for_each(offer_within_limits)?;
    capacity_within_limits(capacity)
}

fn offer_within_limits(offer: &ActionOffer) -> Result<(), Refusal> {
    let declared = &offer.declarations.parameters;
    at_most("parameters", count(declared.len()), count(limits::DECLARATIONS_MAX))?;
    let longest = declared.keys().map(String::len).max().unwrap_or(0);
    at_most("name of a parameter", count(longest), count(limits::NAME_BYTES_MAX))?;
    at_most("retries", u64::from(offer.defaults.retries), u64::from(limits::RETRIES_MAX))?;
    let backoff = offer.traits.backoff;
    let factor = u64::from(backoff.factor_percent);
    at_most("factor of a backoff, in percent,", factor, u64::from(limits::BACKOFF_FACTOR_MAX))?;
    for timeout in [&offer.defaults.deadline, &offer.defaults.stop_timeout].into_iter().flatten() {
        at_most("text of a time", count(timeout.text().len()), count(limits::TIMEOUT_BYTES_MAX))?;
    }
    offer.defaults.capacity_map.as_ref().map_or(Ok(()), capacity_within_limits)
}

/// How many bytes of texts an offer has.
fn bytes_of(offer: &ActionOffer) -> usize {
    let declared = &offer.declarations.parameters;
    let capacity = offer.defaults.capacity_map.iter().flat_map(CapacityMap::iter);
    offer.description.len()
        + declared.iter().map(|(name, declared)| name.len() + declared.bytes()).sum::<usize>()
        + capacity.map(|(name, _)| name.len()).sum::<usize>()
}

/// What a job has been given beside what its submitter wrote.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// The names of parameters.
    pub(crate) parameters: BTreeSet<String>,
    /// What was left out otherwise.
    pub(crate) left_out: BTreeSet<LeftOut>,
}

/// Gives a job what it does not say itself: the parameters of its action's config, and what its
/// action has for such jobs. Says how many retries it has, and what it was given.
pub(crate) fn complete(
    state: &State,
    spec: &mut JobSpec,
    mut retries: Option<u32>,
) -> (u32, Given) {
    let parameters = action_config::complete(state, spec);
    let mut given = Given { parameters, left_out: BTreeSet::new() };
    if let Some(offer) = state.offer(&spec.action) {
        default_parameters(offer, spec, &mut given.parameters);
        let Defaults { deadline, stop_timeout, capacity_map, retries: default } = &offer.defaults;
        let default = (*default > 0).then_some(default);
        let left_out = &mut given.left_out;
        fill(&mut spec.deadline, deadline.as_ref(), LeftOut::Deadline, left_out);
        fill(&mut spec.stop_timeout, stop_timeout.as_ref(), LeftOut::StopTimeout, left_out);
        fill(&mut spec.capacity_map, capacity_map.as_ref(), LeftOut::CapacityMap, left_out);
        fill(&mut retries, default, LeftOut::Retries, left_out);
    }
    (retries.unwrap_or(0), given)
}

/// Whether the parameters of a job are as its action declares them.
pub(crate) fn is_as_declared(state: &State, spec: &JobSpec) -> Result<(), Refusal> {
    let Some(offer) = state.offer(&spec.action) else { return Ok(()) };
    let none = Parameters::new();
    let parameters = spec.parameters.as_ref().unwrap_or(&none);
    offer.declarations.check(parameters).map_err(|mismatch| Refusal::BadParameter {
        action: spec.action.clone(),
        parameter: mismatch.parameter,
        problem: mismatch.problem,
    })
}

fn default_parameters(offer: &ActionOffer, spec: &mut JobSpec, given: &mut BTreeSet<String>) {
    for (name, declared) in &offer.declarations.parameters {
        let Some(default) = &declared.default else { continue };
        if spec.parameters.as_ref().is_none_or(|own| !own.contains_key(name)) {
            given.insert(name.clone());
            spec.parameters.get_or_insert_default().insert(name.clone(), default.clone());
        }
    }
}

fn fill<T: Clone>(
    own: &mut Option<T>,
    default: Option<&T>,
    what: LeftOut,
    left_out: &mut BTreeSet<LeftOut>,
) {
    if own.is_none() && default.is_some() {
        *own = default.cloned();
        left_out.insert(what);
    }
}

impl State {
    /// What the cluster knows of an action: the offer of the worker with the lowest id among those
    /// that live, or else among those that did. `None` if nobody has ever offered it.
    pub fn offer(&self, action: &str) -> Option<&ActionOffer> {
        let offering = || self.workers.values().filter(|w| w.actions.contains_key(action));
        let worker =
            offering().find(|w| w.status == WorkerStatus::Running).or_else(|| offering().next())?;
        worker.actions.get(action)
    }
}
