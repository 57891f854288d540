//! One log: its entries are numbered without gap, terms and times do not go back, and no one clock is the
//! time. That an entry and the state after it are the same on all replicas is looked at as they are
//! applied (`witness.rs`).

use stint_core::Timestamp;

use crate::scenario::EPOCH_MS;
use crate::trace::{Entry, Seen};

/// How far the log's time may be ahead of all clocks but one, in milliseconds: a replica uses its own if
/// it is no further than a second from the others, and finds out within another one that it is not.
const AHEAD_MS_MAX: u64 = 2_000;

pub(super) fn check(seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut last: Option<(u64, u64, Timestamp)> = None;
    for (index, entry) in &seen.entries {
        if let Some((before, term, time)) = last {
            if *index != before + 1 {
                wrong.push(format!("entry {index} follows {before}"));
            }
            if entry.term < term {
                wrong.push(format!("entry {index} has term {}, {term} was before", entry.term));
            }
            if entry.time < time {
                let at = entry.time;
                wrong.push(format!("entry {index}: it is {at:?}, and was {time:?}"));
            }
        }
        last = Some((*index, entry.term, entry.time));
        if seen.astray.len() < 2 && is_ahead(entry) {
            let (time, at) = (entry.time, entry.at);
            wrong.push(format!(
                "entry {index}: {time:?} after {at:?}, and no more than one clock was ever wrong"
            ));
        }
    }
    wrong
}

/// Whether the log's time is ahead of the simulation's.
fn is_ahead(entry: &Entry) -> bool {
    let elapsed_ms = u64::try_from(entry.at.as_millis()).unwrap_or(u64::MAX);
    entry.time.as_ms() > EPOCH_MS + elapsed_ms + AHEAD_MS_MAX
}
