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

/// The smallest plan that is found by leaving out crashes, and by shorter times down, that still fails.
pub fn shrink(plan: &Plan) -> Plan {
    let mut least = plan.clone();
    let mut is_shrinking = true;
    while is_shrinking {
        is_shrinking = false;
        for at in (0..least.faults.len()).rev() {
            let mut less = least.clone();
            less.faults.remove(at);
            if fails(&run(&less)) {
                least = less;
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
            if fails(&run(&less)) {
                least = less;
                break;
            }
        }
    }
    least
}
