//! The operations on action configs.

use std::sync::Arc;

use stint_core::limits::NAME_BYTES_MAX;
use stint_core::{ActionConfig, ActionConfigId, Command, Parameters};
use uuid::Uuid;

use super::jobs::{action_is_named, at_most, bytes_of_parameters, done};
use super::{Api, ApiError, Caller};
use crate::parse::shown_action;

/// What every job of an action is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActionConfigForm {
    pub(crate) action: String,
    /// `None` if nobody set any.
    pub(crate) parameters: Option<Parameters>,
}

impl Api {
    /// All action configs of actions behind this name, in their order.
    pub(crate) async fn list_action_configs(
        &self,
        caller: &Caller,
        after: &str,
    ) -> Result<Vec<Arc<ActionConfig>>, ApiError> {
        self.barrier().await?;
        let _turn = self.turn_to_page(caller).await?;
        Ok(self.replica.with_state(|state| {
            state
                .action_configs()
                .filter(|config| *config.action > *after)
                .map(Arc::clone)
                .collect()
        }))
    }

    /// The config of an action.
    pub(crate) async fn get_action_config(
        &self,
        caller: &Caller,
        action: &str,
    ) -> Result<Arc<ActionConfig>, ApiError> {
        let _turn = self.turn_to_call(caller).await?;
        self.barrier().await?;
        let found = self.replica.with_state(|state| state.action_config(action).map(Arc::clone));
        found.ok_or_else(|| ApiError::NoSuchActionConfig(shown_action(action).to_owned()))
    }

    /// Creates the config of an action under a new id, or puts it in the place of the former one.
    /// What is given back is what was put, whatever others have put since.
    pub(crate) async fn put_action_config(
        &self,
        caller: &Caller,
        form: ActionConfigForm,
    ) -> Result<ActionConfig, ApiError> {
        let ActionConfigForm { action, parameters } = form;
        action_is_named(&action)?;
        at_most("action config", action.len() + bytes_of_parameters(parameters.as_ref()))?;
        let id = ActionConfigId::from_bytes(Uuid::now_v7().into_bytes());
        let config = ActionConfig { id, action, parameters };
        let reply = self.propose(caller, Command::PutActionConfig(config.clone())).await??;
        done("an action config", &reply)?;
        Ok(config)
    }

    /// Removes the config of an action. Jobs that are submitted already keep what they have.
    pub(crate) async fn delete_action_config(
        &self,
        caller: &Caller,
        action: String,
    ) -> Result<(), ApiError> {
        // No action has such a name, and the log is no place for it.
        if action.len() > NAME_BYTES_MAX {
            return Err(ApiError::NoSuchActionConfig(shown_action(&action).to_owned()));
        }
        let reply = self.propose(caller, Command::DeleteActionConfig { action }).await??;
        done("the deletion of an action config", &reply)
    }
}
