//! Actions.

use std::collections::BTreeMap;

use serde::Serialize;
use stint_client::v0;

#[derive(Serialize)]
pub(in crate::print) struct Actions<'a> {
    actions: Vec<Action<'a>>,
}

impl<'a> Actions<'a> {
    pub(in crate::print) fn of(actions: &'a [v0::Action]) -> Self {
        Self { actions: actions.iter().map(Action::of).collect() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::print) struct Action<'a> {
    name: &'a str,
    description: &'a str,
    built_in: bool,
    workers: &'a [String],
    on_worker_loss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    backoff: Option<Backoff<'a>>,
    deadline: &'a str,
    stop_timeout: &'a str,
    retries: u32,
    capacity_map: Option<&'a BTreeMap<String, i64>>,
    parameters: Vec<Parameter<'a>>,
    only_declared: bool,
    children: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Backoff<'a> {
    first: &'a str,
    factor_percent: u32,
    max: &'a str,
    jitter_percent: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parameter<'a> {
    name: &'a str,
    description: &'a str,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_max: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<i64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    values: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<&'a str>,
}

impl<'a> Action<'a> {
    pub(in crate::print) fn of(action: &'a v0::Action) -> Self {
        Self {
            name: &action.name,
            description: &action.description,
            built_in: action.is_built_in,
            workers: &action.workers,
            on_worker_loss: &action.on_worker_loss,
            backoff: action.backoff.as_ref().map(|backoff| Backoff {
                first: &backoff.first,
                factor_percent: backoff.factor_percent,
                max: &backoff.max,
                jitter_percent: backoff.jitter_percent,
            }),
            deadline: &action.deadline,
            stop_timeout: &action.stop_timeout,
            retries: action.retries,
            capacity_map: action.capacity_map.as_ref().map(|map| &map.entries),
            parameters: action.parameters.iter().map(Parameter::of).collect(),
            only_declared: action.only_declared,
            children: action.children,
        }
    }
}

impl<'a> Parameter<'a> {
    fn of(parameter: &'a v0::Parameter) -> Self {
        Self {
            name: &parameter.name,
            description: &parameter.description,
            required: parameter.is_required,
            default: parameter.default.as_deref(),
            bytes_max: parameter.bytes_max,
            minimum: parameter.minimum,
            maximum: parameter.maximum,
            values: &parameter.values,
            pattern: parameter.pattern.as_deref(),
        }
    }
}
