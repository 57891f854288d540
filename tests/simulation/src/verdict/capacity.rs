//! Capacity is never overdrawn: at every index of the log what the jobs of a worker take is what the
//! state counts, and no more than the worker has.

use std::collections::BTreeMap;

use crate::trace::Seen;

pub(super) fn check(seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    for (index, entry) in &seen.entries {
        for having in &entry.workers {
            let mut taken: BTreeMap<&str, u64> = BTreeMap::new();
            for hold in entry.holds.iter().filter(|hold| hold.worker == having.worker) {
                for (name, amount) in hold.need.iter() {
                    *taken.entry(name).or_default() += amount;
                }
            }
            for (name, amount) in taken {
                let (has, counted) = (having.capacity.amount(name), having.in_use.amount(name));
                if amount > has || amount != counted {
                    wrong.push(format!(
                        "entry {index}: {amount} of {name} are taken at {}, which has {has} and counts \
                         {counted}",
                        having.worker
                    ));
                }
            }
        }
        let is_at = |worker| entry.workers.iter().any(|having| having.worker == worker);
        if let Some(hold) = entry.holds.iter().find(|hold| !is_at(hold.worker)) {
            wrong.push(format!("entry {index}: {hold:?} is at no worker"));
        }
    }
    wrong
}
