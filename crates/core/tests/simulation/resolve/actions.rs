//! What workers offer.

use std::collections::BTreeMap;

use stint_core::{
    ActionOffer, ActionTraits, Backoff, Declaration, Declarations, Defaults, OnWorkerLoss, Span,
    Timeout,
};

use super::amounts;

/// One bit for each action, of which the first is nearly always there; one for how the action
/// `slow` is offered, of which workers may differ.
pub(super) fn offered(actions: u64) -> BTreeMap<String, ActionOffer> {
    let known = ["scan", "once", "slow", "sleep"].into_iter().enumerate();
    let known = known.filter(|(bit, _)| (actions | (actions >> 32 & 1)) >> bit & 1 == 1);
    let offer = |name| match name {
        "once" => {
            ActionTraits { on_worker_loss: OnWorkerLoss::Abandon, ..Default::default() }.into()
        }
        "slow" if actions >> 5 & 1 == 1 => tuned(),
        "slow" => ActionTraits { backoff: growing(), ..Default::default() }.into(),
        "scan" => ActionTraits { has_children: true, ..Default::default() }.into(),
        _ => ActionOffer::default(),
    };
    known.map(|(_, name)| (name.to_owned(), offer(name))).collect()
}

fn growing() -> Backoff {
    Backoff {
        first: Span::from_ms(250),
        factor_percent: 150,
        max: Some(Span::from_ms(400)),
        jitter_percent: 50,
    }
}

/// An action that says what can be said.
fn tuned() -> ActionOffer {
    let of_one_letter =
        Declaration { bytes_max: Some(1), default: Some("z".to_owned()), ..Default::default() };
    ActionOffer {
        traits: ActionTraits { backoff: growing(), ..Default::default() },
        description: "takes its time".to_owned(),
        defaults: Defaults {
            deadline: Timeout::parse("20s").expect("a duration"),
            stop_timeout: Timeout::parse("2s").expect("a duration"),
            retries: 1,
            capacity_map: Some(amounts(&[("cpu", 1)])),
        },
        declarations: Declarations {
            parameters: [("a".to_owned(), of_one_letter)].into(),
            is_closed: true,
        },
    }
}
