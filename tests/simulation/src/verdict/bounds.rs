//! Bounded: the state is within its limits at every index of the log, what is over leaves it, and what
//! clients want too much of is refused.

use stint_core::limits;

use crate::trace::{Answer, Ask, Seen};

/// What may be left of a state in which no job lives: workers, crons, and the rest, as text.
const REST_BYTES_MAX: usize = 96 * 1024;

pub(super) fn check(seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    for (index, entry) in &seen.entries {
        let sizes = entry.sizes;
        let is_within = sizes.live <= limits::LIVE_JOBS_MAX
            && sizes.parameter_bytes <= limits::LIVE_PARAMETER_BYTES_MAX
            && sizes.recently_ended <= limits::RECENTLY_ENDED_MAX
            && sizes.tick_records <= limits::TICK_RECORDS_KEPT;
        if !is_within {
            wrong.push(format!("entry {index}: {sizes:?}"));
        }
        if sizes.live == 0 && sizes.text > REST_BYTES_MAX {
            wrong.push(format!("entry {index}: no job lives, and {} bytes stay", sizes.text));
        }
    }
    for call in &seen.calls {
        let is_right = match (&call.ask, &call.answer) {
            (Ask::TooMuch, Answer::Refused(code)) => matches!(code, 400 | 413 | 429 | 503 | 507),
            (Ask::TooMuch, answer) => matches!(answer, Answer::Unknown | Answer::NotFound),
            (Ask::Page(most), Answer::Listed(count)) => count <= most,
            _ => true,
        };
        if !is_right {
            wrong.push(format!("{call:?}"));
        }
    }
    wrong
}
