//! Makes a plan that fails as small as it gets.

use crate::plan::Plan;
use crate::scenario::run;
use crate::trace::{Outcome, Violation};

/// Whether what was acknowledged, or applied, is not what it was.
fn fails(outcome: &Outcome) -> bool {
    outcome.violations.iter().any(|violation| match violation {
        Violation::Diverged(_) | Violation::Lost(_) => true,
        Violation::Forked(_) | Violation::Stuck(_) => false,
    })
}

/// The smallest plan that is found by leaving out crashes, and by shorter times down, that still fails;
/// and how it does.
pub fn shrink(plan: &Plan) -> (Plan, Outcome) {
    let (mut least, mut outcome) = (plan.clone(), run(plan));
    let mut is_shrinking = true;
    while is_shrinking {
        is_shrinking = false;
        for at in (0..least.faults.len()).rev() {
            let mut less = least.clone();
            less.faults.remove(at);
            let found = run(&less);
            if fails(&found) {
                (least, outcome) = (less, found);
                is_shrinking = true;
            }
        }
    }
    for at in 0..least.faults.len() {
        for down_us in [1_000, 10_000, 50_000] {
            let mut less = least.clone();
            let Some(fault) = less.faults.get_mut(at) else { continue };
            if fault.down_us <= down_us {
                break;
            }
            fault.down_us = down_us;
            let found = run(&less);
            if fails(&found) {
                (least, outcome) = (less, found);
                break;
            }
        }
    }
    (least, outcome)
}
