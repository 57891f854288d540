//! Actions as JSON.

use serde::Serialize;
use stint_core::{CapacityMap, Declaration, OnWorkerLoss, WorkerId};

use super::{Amounts, Text};
use crate::api::ActionView;
use crate::parse::duration;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Action<'a> {
    name: &'a str,
    description: &'a str,
    built_in: bool,
    workers: Vec<Text<WorkerId>>,
    on_worker_loss: &'static str,
    backoff: Backoff,
    deadline: &'a str,
    stop_timeout: &'a str,
    retries: u32,
    capacity_map: Option<Amounts<'a>>,
    parameters: Vec<Parameter<'a>>,
    only_declared: bool,
    children: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Backoff {
    first: String,
    factor_percent: u32,
    max: String,
    jitter_percent: u32,
}

/// A rule that there is not has no field.
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
    pub(in crate::http) fn of(view: &'a ActionView) -> Self {
        let (traits, defaults) = (&view.offer.traits, &view.offer.defaults);
        Self {
            name: &view.name,
            description: &view.offer.description,
            built_in: view.is_built_in(),
            workers: view.workers.iter().copied().map(Text).collect(),
            on_worker_loss: match traits.on_worker_loss {
                OnWorkerLoss::Reclaim => "reclaim",
                OnWorkerLoss::Abandon => "abandon",
            },
            backoff: Backoff {
                first: duration(traits.backoff.first),
                factor_percent: traits.backoff.factor_percent,
                max: duration(view.backoff_max()),
                jitter_percent: traits.backoff.jitter_percent,
            },
            deadline: defaults.deadline.as_ref().map_or("", |deadline| deadline.text()),
            stop_timeout: defaults.stop_timeout.as_ref().map_or("", |timeout| timeout.text()),
            retries: defaults.retries,
            capacity_map: defaults.capacity_map.as_ref().map(|map: &CapacityMap| Amounts(map)),
            parameters: view.offer.declarations.parameters.iter().map(Parameter::of).collect(),
            only_declared: view.offer.declarations.is_closed,
            children: traits.has_children,
        }
    }
}

impl<'a> Parameter<'a> {
    fn of((name, declared): (&'a String, &'a Declaration)) -> Self {
        Self {
            name,
            description: &declared.description,
            required: declared.is_required,
            default: declared.default.as_deref(),
            bytes_max: declared.bytes_max,
            minimum: declared.minimum,
            maximum: declared.maximum,
            values: &declared.values,
            pattern: declared.pattern.as_deref(),
        }
    }
}
