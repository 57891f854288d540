//! The operations on actions, and what an action wants of parameters beyond what the log checks.

use std::collections::BTreeSet;

use regex_lite::RegexBuilder;
use stint_core::{
    ActionOffer, BUILT_IN_ACTIONS, JobSpec, Span, State, WorkerId, WorkerStatus, limits,
};

use super::{Api, ApiError, Caller};
use crate::limits::PATTERN_PROGRAM_BYTES_MAX;
use crate::parse::shown_action;

/// An action as clients see it.
#[derive(Debug, Clone)]
pub(crate) struct ActionView {
    pub(crate) name: String,
    pub(crate) offer: ActionOffer,
    /// The live workers that offer it.
    pub(crate) workers: Vec<WorkerId>,
}

impl ActionView {
    fn of(state: &State, name: &str) -> Option<Self> {
        let offer = state.offer(name)?.clone();
        let offering = state.workers().filter(|worker| {
            worker.status == WorkerStatus::Running && worker.actions.contains_key(name)
        });
        let workers = offering.map(|worker| worker.id).collect();
        Some(Self { name: name.to_owned(), offer, workers })
    }

    pub(crate) fn is_built_in(&self) -> bool {
        BUILT_IN_ACTIONS.contains(&self.name.as_str())
    }

    /// The longest wait before a retry.
    pub(crate) fn backoff_max(&self) -> Span {
        self.offer.traits.backoff.max.unwrap_or(limits::BACKOFF_MAX)
    }
}

impl Api {
    /// All actions behind this name that any worker offers or offered last, in the order of their names.
    pub(crate) async fn list_actions(
        &self,
        caller: &Caller,
        after: &str,
    ) -> Result<Vec<ActionView>, ApiError> {
        self.barrier().await?;
        let _turn = self.turn_to_page(caller).await?;
        Ok(self.replica.with_state(|state| {
            let workers = state.workers();
            let names: BTreeSet<_> = workers
                .flat_map(|worker| worker.actions.keys())
                .filter(|name| ***name > *after)
                .collect();
            names.into_iter().filter_map(|name| ActionView::of(state, name)).collect()
        }))
    }

    /// One action.
    pub(crate) async fn get_action(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<ActionView, ApiError> {
        let _turn = self.turn_to_call(caller).await?;
        self.barrier().await?;
        let found = self.replica.with_state(|state| ActionView::of(state, name));
        let none = || format!("action \"{}\": no worker offers it", shown_action(name));
        found.ok_or_else(|| ApiError::NoSuchAction(none()))
    }

    /// Whether the parameters match the patterns that their action has for them, as far as this
    /// replica knows. The log decides on all other rules: what a pattern means is a matter of the
    /// build of a replica, and in the log all replicas have to come to the same.
    pub(super) fn matches_patterns(&self, spec: &JobSpec) -> Result<(), ApiError> {
        let Some(parameters) = &spec.parameters else { return Ok(()) };
        let broken = self.replica.with_state(|state| {
            let declared = &state.offer(&spec.action)?.declarations;
            let broken = |(_, pattern, value): &(&str, &str, &str)| !is_match(pattern, value);
            let (name, pattern, _) = declared.patterns(parameters).find(broken)?;
            Some((name.to_owned(), pattern.to_owned()))
        });
        let Some((name, pattern)) = broken else { return Ok(()) };
        let action = &spec.action;
        Err(ApiError::MeaninglessField {
            field: format!("parameters.{name}"),
            problem: format!(
                "it does not match {pattern}, by what the action \"{action}\" declares"
            ),
        })
    }
}

/// Whether the pattern matches the whole of the value. One that this build does not understand is
/// left to the worker that declares it.
fn is_match(pattern: &str, value: &str) -> bool {
    let whole = RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
        .size_limit(PATTERN_PROGRAM_BYTES_MAX)
        .build();
    whole.map_or(true, |whole| whole.is_match(value))
}
