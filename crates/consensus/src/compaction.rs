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
        self.write_down().await?;
        let now = self.applied.read().state.now();
        let state = self.applied.store().state.clone();
        let found = self.blocking(move || {
            let mut ids = chosen(&state.oldest(limit)?, &by, now);
            let jobs = ids.len();
            ids.extend(chosen(&state.oldest_tombstones(limit - jobs)?, &by, now));
            let records = records(&state, &ids)?;
            Ok((ids, jobs, records))
        });
        let (ids, jobs, records) = found.await?;
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let mut outdated = Outdated {
            tombstones: count(ids.len() - jobs),
            ids: ids.into_iter().map(JobId::from_bytes).collect(),
            ..Outdated::default()
        };
        for (bytes, lines) in records {
            outdated.bytes += count(bytes);
            outdated.lines += lines?;
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

/// The bytes of a record, and the lines of its job.
type Sizes = (usize, Result<u64, Error>);

/// What goes with each of these: one after the other, since all of them together may be large.
fn records(state: &StateStore, ids: &[[u8; 16]]) -> Result<Vec<Sizes>, stint_storage::Error> {
    let mut records = Vec::with_capacity(ids.len());
    for id in ids {
        // One may be compacted by another job meanwhile.
        let Some(body) = state.get(id)? else { continue };
        records.push((body.len(), decoded(&body).map(|job| job.line_count)));
    }
    Ok(records)
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
