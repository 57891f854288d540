//! What has to be true of all that was seen: a checker for each promise, and some for what all of them
//! stand on.
//!
//! A checker is a function of what was seen, and gives what is wrong; `verdict/tests` has, for each,
//! histories that are right, and the same ones broken.

mod audit;
mod bounds;
mod capacity;
mod fence;
mod kept;
mod lease;
mod lines;
mod one_log;
mod reads;
mod results;
mod table;
#[cfg(test)]
mod tests;
mod ticks;

use crate::trace::{Seen, Trace};

pub(crate) use audit::audit;

/// Looks at what was seen, and says what is wrong.
type Checker = fn(&Seen) -> Vec<String>;

/// The promises, by the names that the README has for them, and what they stand on.
const CHECKERS: [(&str, Checker); 11] = [
    ("accepted means kept", kept::check),
    ("at most one lease", lease::check),
    ("runs are fenced", fence::check),
    ("results are those of their runs", results::check),
    ("each tick is one job or one reason", ticks::check),
    ("capacity is never overdrawn", capacity::check),
    ("reads by id are linearizable", reads::check),
    ("bounded", bounds::check),
    ("one log", one_log::check),
    ("the table of statuses", table::check),
    ("lines without gap nor change", lines::check),
];

/// Judges what was seen once all is over.
pub(crate) fn judge(trace: &Trace) {
    for (name, check) in CHECKERS {
        let wrong = check(&trace.seen());
        for what in wrong {
            trace.violation(format!("{name}: {what}"));
        }
    }
}
