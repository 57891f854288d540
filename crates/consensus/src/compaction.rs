//! What of the history is to go by a rule: the oldest first, some at a time.

use stint_core::{JobId, Retention, Timestamp};
use stint_storage::{Oldest, StateStore};

use crate::error::Error;
use crate::inner::Inner;
use crate::read::decoded;

/// Jobs that are to go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outdated {
    /// The jobs, and deleted ones of which a tombstone is left.
    pub ids: Vec<JobId>,
    /// How many of them are tombstones.
    pub tombstones: u64,
    /// The lines that they have.
    pub lines: u64,
    /// The bytes of their records.
    pub bytes: u64,
}

impl Inner {
    /// See [`crate::Replica::outdated`].
    pub(crate) async fn outdated(&self, by: Retention, limit: usize) -> Result<Outdated, Error> {
        let now = self.applied.read().state.now();
        let state = self.applied.store().state.clone();
        let found = self.blocking(move || {
            let mut ids = chosen(&state.oldest(limit)?, &by, now);
            let jobs = ids.len();
            ids.extend(chosen(&state.oldest_tombstones(limit - jobs)?, &by, now));
            let bodies = bodies(&state, &ids)?;
            Ok((ids, jobs, bodies))
        });
        let (ids, jobs, bodies) = found.await?;
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let mut outdated = Outdated {
            tombstones: count(ids.len() - jobs),
            ids: ids.into_iter().map(JobId::from_bytes).collect(),
            ..Outdated::default()
        };
        for body in bodies {
            outdated.bytes += count(body.len());
            outdated.lines += decoded(&body)?.line_count;
        }
        Ok(outdated)
    }
}

/// Of the oldest those that are too many or too old.
fn chosen(oldest: &Oldest, by: &Retention, now: Timestamp) -> Vec<[u8; 16]> {
    let surplus = by.to_keep.map_or(0, |keep| oldest.count.saturating_sub(keep));
    let surplus = usize::try_from(surplus).unwrap_or(usize::MAX);
    let goes = |(place, at)| place < surplus || by.is_too_old(Timestamp::from_ms(at), now);
    let places = oldest.first.iter().enumerate();
    places.take_while(|(place, end)| goes((*place, end.at))).map(|(_, end)| end.id).collect()
}

fn bodies(state: &StateStore, ids: &[[u8; 16]]) -> Result<Vec<Vec<u8>>, stint_storage::Error> {
    // One may be compacted by another job meanwhile.
    ids.iter().filter_map(|id| state.get(id).transpose()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use stint_core::Span;
    use stint_storage::Ended;

    fn chosen_of(count: u64, ends: &[u64], to_keep: Option<u64>, max_age: Option<u64>) -> usize {
        let first = ends.iter().map(|at| Ended { at: *at, id: [0; 16] }).collect();
        let by = Retention { to_keep, max_age: max_age.map(Span::from_ms) };
        chosen(&Oldest { count, first }, &by, Timestamp::from_ms(1_000)).len()
    }

    #[test]
    fn what_is_too_much_or_too_old_goes() {
        let ends = [100, 200, 300, 400, 1_000];
        for (count, to_keep, max_age, expected) in [
            (5, None, None, 0),
            (5, Some(5), None, 0),
            (5, Some(6), None, 0),
            (5, Some(3), None, 2),
            (5, Some(0), None, 5),
            (9_000, Some(8_998), None, 2),
            (9_000, Some(100), None, 5),
            (5, None, Some(900), 0),
            (5, None, Some(699), 3),
            (5, Some(3), Some(699), 3),
            (5, Some(1), Some(699), 4),
            (5, None, Some(0), 4),
        ] {
            let got = chosen_of(count, &ends, to_keep, max_age);
            assert_eq!(got, expected, "of {count}, keep {to_keep:?}, age {max_age:?}");
        }
    }
}
