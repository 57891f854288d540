//! Actions as messages.

use stint_core::{Declaration, OnWorkerLoss, Timeout};
use stint_proto::v0;

use super::amounts;
use crate::api::ActionView;
use crate::parse::duration;

pub(in crate::grpc) fn action(view: ActionView) -> v0::Action {
    let (is_built_in, backoff_max) = (view.is_built_in(), view.backoff_max());
    let ActionView { name, offer, workers } = view;
    let text = |timeout: Option<Timeout>| timeout.map_or(String::new(), |time| time.to_string());
    let backoff = offer.traits.backoff;
    v0::Action {
        name,
        description: offer.description,
        is_built_in,
        workers: workers.iter().map(ToString::to_string).collect(),
        on_worker_loss: on_worker_loss(offer.traits.on_worker_loss).to_owned(),
        backoff: Some(v0::Backoff {
            first: duration(backoff.first),
            factor_percent: backoff.factor_percent,
            max: duration(backoff_max),
            jitter_percent: backoff.jitter_percent,
        }),
        deadline: text(offer.defaults.deadline),
        stop_timeout: text(offer.defaults.stop_timeout),
        retries: offer.defaults.retries,
        capacity_map: offer.defaults.capacity_map.as_ref().map(amounts),
        parameters: offer.declarations.parameters.into_iter().map(parameter).collect(),
        only_declared: offer.declarations.is_closed,
        children: offer.traits.has_children,
    }
}

fn on_worker_loss(loss: OnWorkerLoss) -> &'static str {
    match loss {
        OnWorkerLoss::Reclaim => "reclaim",
        OnWorkerLoss::Abandon => "abandon",
    }
}

fn parameter((name, declared): (String, Declaration)) -> v0::Parameter {
    v0::Parameter {
        name,
        description: declared.description,
        is_required: declared.is_required,
        default: declared.default,
        bytes_max: declared.bytes_max,
        minimum: declared.minimum,
        maximum: declared.maximum,
        values: declared.values,
        pattern: declared.pattern,
    }
}
