//! A cluster that begins anew, from a backup or with what is left of it.
//!
//! What has happened between what is known here and the end of the former life nobody can say. So
//! no worker of it is alive, and the numbers that it gave out are passed over: a lease or a
//! generation of crons that somebody outside still knows is never given a second time.

use crate::id::{Generation, LeaseId};
use crate::lease;
use crate::limits::NUMBERS_PASSED_OVER;
use crate::members::Members;
use crate::outcome::Reply;
use crate::state::{State, Transition};

pub(crate) fn refound(state: &mut State, transition: &mut Transition) -> Reply {
    lease::end_all(state, transition);
    // Whose ids were nobody's any more, and who was invited, was so in the former life.
    state.members = Members::default();
    state.last_lease = LeaseId(passed_over(state.last_lease.0));
    state.last_generation = Generation(passed_over(state.last_generation.0));
    Reply::Ok
}

/// A number that the former life has not reached. However often it is passed over, there are some
/// left.
fn passed_over(number: u64) -> u64 {
    number.saturating_add(NUMBERS_PASSED_OVER).min(u64::MAX / 2).max(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_up_and_never_run_out() {
        assert_eq!(passed_over(7), 7 + NUMBERS_PASSED_OVER);
        let last = passed_over(u64::MAX / 2 - 1);
        assert_eq!((last, passed_over(last)), (u64::MAX / 2, u64::MAX / 2));
    }
}
