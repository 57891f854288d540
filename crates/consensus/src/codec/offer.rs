//! What workers say of their actions.

use std::collections::BTreeMap;

use stint_core::{
    ActionOffer, ActionTraits, Backoff, Declaration, Declarations, Defaults, OnWorkerLoss, Span,
    Timeout,
};
use stint_proto::log::v1 as pb;

use super::job::timeout_of;
use super::{Decoded, Garbled, capacity, capacity_of};

/// Actions by name, as two maps: what each run remembers, and what else there is of some.
pub(super) type Wire = (BTreeMap<String, pb::ActionTraits>, BTreeMap<String, pb::ActionOffer>);

pub(super) fn offers(actions: &BTreeMap<String, ActionOffer>) -> Wire {
    let of_all = actions.iter().map(|(name, offer)| (name.clone(), traits(offer.traits)));
    let has_more = |offer: &ActionOffer| *offer != ActionOffer::from(offer.traits);
    let of_some = actions.iter().filter(|(_, offer)| has_more(offer));
    (of_all.collect(), of_some.map(|(name, offer)| (name.clone(), to_wire(offer))).collect())
}

pub(super) fn offers_of((traits, mut more): Wire) -> Decoded<BTreeMap<String, ActionOffer>> {
    let mut offers = BTreeMap::new();
    for (name, traits) in traits {
        let more = more.remove(&name).unwrap_or_default();
        let offer = from_wire(traits, more)?;
        offers.insert(name, offer);
    }
    match more.into_keys().next() {
        Some(name) => Err(Garbled::new("offers", format!("\"{name}\" is no action"))),
        None => Ok(offers),
    }
}

fn to_wire(offer: &ActionOffer) -> pb::ActionOffer {
    let text = |timeout: &Option<Timeout>| timeout.as_ref().map(ToString::to_string);
    let declared = offer.declarations.parameters.iter();
    pb::ActionOffer {
        description: offer.description.clone(),
        deadline: text(&offer.defaults.deadline).unwrap_or_default(),
        stop_timeout: text(&offer.defaults.stop_timeout).unwrap_or_default(),
        retries: offer.defaults.retries,
        capacity_map: offer.defaults.capacity_map.as_ref().map(capacity),
        parameters: declared.map(|(name, one)| (name.clone(), declaration(one))).collect(),
        is_closed: offer.declarations.is_closed,
    }
}

fn from_wire(traits: pb::ActionTraits, more: pb::ActionOffer) -> Decoded<ActionOffer> {
    let declared = more.parameters.into_iter();
    Ok(ActionOffer {
        traits: traits_of(traits)?,
        description: more.description,
        defaults: Defaults {
            deadline: timeout_of(&more.deadline)?,
            stop_timeout: timeout_of(&more.stop_timeout)?,
            retries: more.retries,
            capacity_map: more.capacity_map.map(capacity_of),
        },
        declarations: Declarations {
            parameters: declared.map(|(name, one)| (name, declaration_of(one))).collect(),
            is_closed: more.is_closed,
        },
    })
}

fn declaration(declared: &Declaration) -> pb::Declaration {
    let Declaration {
        description,
        is_required,
        default,
        bytes_max,
        minimum,
        maximum,
        values,
        pattern,
    } = declared.clone();
    pb::Declaration {
        description,
        is_required,
        default,
        bytes_max,
        minimum,
        maximum,
        values,
        pattern,
    }
}

fn declaration_of(declared: pb::Declaration) -> Declaration {
    let pb::Declaration {
        description,
        is_required,
        default,
        bytes_max,
        minimum,
        maximum,
        values,
        pattern,
    } = declared;
    Declaration { description, is_required, default, bytes_max, minimum, maximum, values, pattern }
}

pub(super) fn traits(traits: ActionTraits) -> pb::ActionTraits {
    let backoff = traits.backoff;
    let factor = Some(backoff.factor_percent).filter(|factor| *factor != CONSTANT);
    pb::ActionTraits {
        on_worker_loss: match traits.on_worker_loss {
            OnWorkerLoss::Reclaim => 0,
            OnWorkerLoss::Abandon => 1,
        },
        backoff_ms: backoff.first.as_ms(),
        backoff_factor_percent: factor.unwrap_or(0),
        backoff_max_ms: backoff.max.map(Span::as_ms),
        backoff_jitter_percent: backoff.jitter_percent,
        has_children: traits.has_children,
    }
}

pub(super) fn traits_of(traits: pb::ActionTraits) -> Decoded<ActionTraits> {
    let factor = Some(traits.backoff_factor_percent).filter(|factor| *factor != 0);
    Ok(ActionTraits {
        on_worker_loss: match traits.on_worker_loss {
            0 => OnWorkerLoss::Reclaim,
            1 => OnWorkerLoss::Abandon,
            other => return Err(Garbled::new("on_worker_loss", other)),
        },
        backoff: Backoff {
            first: Span::from_ms(traits.backoff_ms),
            factor_percent: factor.unwrap_or(CONSTANT),
            max: traits.backoff_max_ms.map(Span::from_ms),
            jitter_percent: traits.backoff_jitter_percent,
        },
        has_children: traits.has_children,
    })
}

/// The factor of a wait that does not grow, which is not written: there were no others once.
const CONSTANT: u32 = 100;
