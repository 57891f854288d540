//! One log: its entries are numbered without gap, terms and times do not go back. That an entry and
//! the state after it are the same on all replicas is looked at as they are applied (`witness.rs`).

use stint_core::Timestamp;

use crate::trace::Seen;

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
    }
    wrong
}
