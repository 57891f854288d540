//! An action config: parameters that every job of an action gets beside its own. One for each
//! action.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::id::ActionConfigId;
use crate::job::{JobSpec, Parameters};
use crate::limits;
use crate::outcome::{Event, Refusal, Reply};
use crate::state::{State, Transition};
use crate::submit::{action_is_known, parameters_within_limits, shown};

/// What an operator wants every job of an action to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionConfig {
    /// Drawn by the gateway.
    pub id: ActionConfigId,
    /// The action.
    pub action: String,
    /// The parameters; `None` if nobody set any.
    pub parameters: Option<Parameters>,
}

/// Creates the config of an action, or puts it in the place of the former one. Jobs that are
/// submitted already keep what they have.
pub(crate) fn put(
    state: &mut State,
    transition: &mut Transition,
    config: ActionConfig,
) -> Result<Reply, Refusal> {
    let former = state.action_configs.get(&config.action);
    if former.is_some_and(|former| **former == config) {
        return Ok(Reply::Ok);
    }
    action_is_known(state, &config.action)?;
    parameters_within_limits(config.parameters.as_ref())?;
    if former.is_none() && state.action_configs.len() >= limits::ACTION_CONFIGS_MAX {
        return Err(Refusal::TooManyActionConfigs { limit: limits::ACTION_CONFIGS_MAX });
    }
    let config = Arc::new(config);
    state.action_configs.insert(config.action.clone(), Arc::clone(&config));
    transition.announce(Event::ActionConfigChanged(config));
    Ok(Reply::Ok)
}

/// Removes the config of an action.
pub(crate) fn delete(
    state: &mut State,
    transition: &mut Transition,
    action: &str,
) -> Result<Reply, Refusal> {
    let config = state.action_configs.remove(action);
    let config = config.ok_or_else(|| Refusal::NoSuchActionConfig(shown(action)))?;
    transition.announce(Event::ActionConfigDeleted(config));
    Ok(Reply::Ok)
}

/// Gives a job's parameters those of its action's config that it does not have itself, and says
/// which.
pub(crate) fn complete(state: &State, spec: &mut JobSpec) -> BTreeSet<String> {
    let mut given = BTreeSet::new();
    let Some(config) = state.action_configs.get(&spec.action) else { return given };
    for (name, value) in config.parameters.iter().flatten() {
        if spec.parameters.as_ref().is_none_or(|own| !own.contains_key(name)) {
            given.insert(name.clone());
            spec.parameters.get_or_insert_default().insert(name.clone(), value.clone());
        }
    }
    given
}
