//! The state: history against a naive model, checkpoints, failures and power cuts.

mod faults;
mod power_cut;
mod shrink;

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    Counts, Ended, Filter, Key, Oldest, Record, StateStore,
    testing::{Dice, Place},
};

pub(super) fn fresh() -> (Place, StateStore) {
    let place = Place::new();
    StateStore::create(&place.file("state.redb")).unwrap();
    let state = open(&place);
    (place, state)
}

pub(super) fn open(place: &Place) -> StateStore {
    let state = opened(place);
    state.count_by(kind).unwrap();
    state
}

/// The same where nobody counts, as a version that knew nothing of counts.
pub(super) fn opened(place: &Place) -> StateStore {
    StateStore::open(&place.file("state.redb"), Arc::clone(&place.lock), None).unwrap()
}

/// What is counted, without these; `None` if nobody counts.
pub(super) fn counts(state: &StateStore, without: &[[u8; 16]]) -> Option<Counts> {
    state.counted().unwrap()?.without(without).unwrap()
}

/// What tests count by.
pub(super) fn kind(body: &[u8]) -> u8 {
    body.first().map_or(9, |first| first % 4)
}

/// History as it ought to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Model(BTreeMap<[u8; 16], Record>);

impl Model {
    pub(super) fn put(&mut self, records: &[Record]) {
        self.0.extend(records.iter().map(|record| (record.id, record.clone())));
    }

    pub(super) fn remove(&mut self, ids: &[[u8; 16]]) {
        self.0.retain(|id, _| !ids.contains(id));
    }

    fn list(&self, filter: &Filter) -> Vec<Key> {
        let matches = |record: &&Record| {
            record.listed
                && filter.action.as_ref().is_none_or(|action| *action == record.action)
                && filter.worker.is_none_or(|worker| record.worker == Some(worker))
        };
        let listed = self.0.values().filter(matches);
        let mut keys = listed.map(key).collect::<Vec<_>>();
        keys.sort_by(|a, b| b.cmp(a));
        keys
    }

    fn oldest(&self, listed: bool) -> Oldest {
        let ended = self.0.values().filter(|record| record.listed == listed);
        let mut first: Vec<_> =
            ended.map(|record| Ended { at: record.ended_at, id: record.id }).collect();
        first.sort();
        Oldest { count: u64::try_from(first.len()).unwrap(), first }
    }

    pub(super) fn counts(&self, without: &[[u8; 16]]) -> Counts {
        let mut counts = Counts::new();
        for record in self.0.values().filter(|it| it.listed && !without.contains(&it.id)) {
            *counts.entry(kind(&record.body)).or_default() += 1;
        }
        counts
    }

    /// Whether a store holds exactly this, through all that can be asked. If nobody counts there, it
    /// does not have to say how many there are.
    pub(super) fn is_in(&self, state: &StateStore) -> bool {
        let all = (0..IDS).all(|number| {
            let id = id(number);
            state.get(&id).unwrap() == self.0.get(&id).map(|record| record.body.clone())
        });
        let listed = filters().iter().all(|filter| {
            let mut keys = self.list(filter);
            let newest_first = state.list(filter, None, usize::MAX).unwrap() == keys;
            keys.reverse();
            newest_first && state.list_oldest_first(filter, None, usize::MAX).unwrap() == keys
        });
        let count = u64::try_from(self.list(&Filter::default()).len()).unwrap();
        let ends = state.oldest(usize::MAX).unwrap() == self.oldest(true)
            && state.oldest_tombstones(usize::MAX).unwrap() == self.oldest(false);
        let ids: Vec<_> = (0..IDS).map(id).collect();
        let are_listed = ids.iter().map(|id| self.0.get(id).is_some_and(|record| record.listed));
        let are_listed = are_listed.eq(state.are_listed(&ids).unwrap());
        let some: Vec<_> = (0..IDS).step_by(7).map(id).collect();
        let counted = [&[][..], &some].into_iter().all(|without| {
            let counts = counts(state, without);
            counts.is_none_or(|counts| counts == self.counts(without))
        });
        all && listed && ends && are_listed && counted && state.count().unwrap() == count
    }
}

/// Ids that random histories draw from.
pub(super) const IDS: u64 = 60;

pub(super) fn id(number: u64) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

fn key(record: &Record) -> Key {
    Key { scheduled_at: record.scheduled_at, id: record.id }
}

/// Names of which some start with others, and one that is empty.
const ACTIONS: [&str; 5] = ["", "a", "ab", "b\0", "b"];
const WORKERS: [u64; 3] = [0, 7, u64::MAX];

pub(super) fn any_record(dice: &mut Dice) -> Record {
    let worker = WORKERS.get(dice.index(4)).copied();
    let len = dice.index(500);
    Record {
        id: id(dice.below(IDS)),
        scheduled_at: [dice.below(5), 1_700_000_000_000, u64::MAX][dice.index(3)],
        action: ACTIONS[dice.index(5)].into(),
        worker,
        ended_at: dice.below(9),
        output: [None, Some(20_000), Some(20_001)][dice.index(3)],
        listed: dice.below(5) > 0,
        body: dice.bytes(len),
    }
}

fn filters() -> Vec<Filter> {
    let actions = [None].into_iter().chain(ACTIONS.map(|action| Some(action.to_owned())));
    let workers = [None].into_iter().chain(WORKERS.map(Some));
    let pair = |action: Option<String>| {
        workers.clone().map(move |worker| Filter { action: action.clone(), worker })
    };
    actions.flat_map(pair).collect()
}

#[test]
fn history_is_what_a_naive_model_says() {
    for seed in 1..=5 {
        let mut dice = Dice::new(seed);
        let (place, mut state) = fresh();
        let mut model = Model::default();
        for step in 0..60 {
            if dice.below(4) == 0 {
                let ids: Vec<[u8; 16]> = (0..3).map(|_| id(dice.below(IDS))).collect();
                state.remove_records(&ids).unwrap();
                model.remove(&ids);
            } else {
                let count = dice.index(6);
                let records: Vec<Record> = (0..count).map(|_| any_record(&mut dice)).collect();
                // Twice is once.
                state.put_records(&records).unwrap();
                state.put_records(&records).unwrap();
                model.put(&records);
            }
            if dice.below(10) == 0 {
                assert!(state.shrink(|| true).unwrap());
            }
            assert!(model.is_in(&state), "seed {seed}, step {step}");
            assert_eq!(counts(&state, &[]), Some(model.counts(&[])));
        }
        drop(state);
        // What was counted is on disk with what was counted.
        state = opened(&place);
        let counted = state.database().read(super::history::counted).unwrap();
        assert_eq!(counted, Some(model.counts(&[])), "seed {seed}, after a clean close");
        assert!(model.is_in(&state), "seed {seed}, after a clean close");
    }
}

#[test]
fn what_somebody_changed_who_does_not_count_is_counted_anew() {
    let (place, state) = fresh();
    let mut dice = Dice::new(4);
    let mut model = Model::default();
    let mut some = |count: usize| (0..count).map(|_| any_record(&mut dice)).collect::<Vec<_>>();
    let records = some(40);
    state.put_records(&records).unwrap();
    model.put(&records);
    drop(state);

    let state = opened(&place);
    let records = some(20);
    state.put_records(&records).unwrap();
    model.put(&records);
    assert_eq!(counts(&state, &[]), None, "nobody knows");
    drop(state);

    let state = open(&place);
    assert_eq!(counts(&state, &[]), Some(model.counts(&[])));
    let records = some(20);
    state.put_records(&records).unwrap();
    model.put(&records);
    assert!(model.is_in(&state));

    // A version that knows nothing of counts leaves them as they were.
    let former = state.database().read(super::census::counted).unwrap();
    let (stamp, then) = former.expect("they are there");
    let last = Record { ended_at: 99, listed: true, ..any_record(&mut Dice::new(5)) };
    state.put_records(std::slice::from_ref(&last)).unwrap();
    model.put(&[last]);
    let forge = |txn: &_| super::census::begin(txn, stamp, &then);
    state.database().write(crate::database::Commit::Durable, forge).unwrap();
    drop(state);
    let state = open(&place);
    assert_eq!(counts(&state, &[]), Some(model.counts(&[])));
}

#[test]
fn pages_follow_each_other_without_gap_or_overlap() {
    let (_place, state) = fresh();
    let mut dice = Dice::new(1);
    let mut model = Model::default();
    let records: Vec<Record> = (0..200).map(|_| any_record(&mut dice)).collect();
    state.put_records(&records).unwrap();
    model.put(&records);
    for filter in filters() {
        for is_oldest_first in [false, true] {
            let mut pages = Vec::new();
            let mut after = None;
            loop {
                let page = if is_oldest_first {
                    state.list_oldest_first(&filter, after, 3).unwrap()
                } else {
                    state.list(&filter, after, 3).unwrap()
                };
                assert!(page.len() <= 3);
                let Some(last) = page.last() else { break };
                after = Some(*last);
                pages.extend(page);
            }
            if is_oldest_first {
                pages.reverse();
            }
            assert_eq!(pages, model.list(&filter), "{filter:?}");
        }
    }
}

#[test]
fn a_record_that_becomes_a_tombstone_is_found_by_its_id_alone() {
    let (_place, state) = fresh();
    let mut record = any_record(&mut Dice::new(3));
    record.listed = true;
    state.put_records(std::slice::from_ref(&record)).unwrap();
    assert_eq!(state.list(&Filter::default(), None, 9).unwrap(), [key(&record)]);

    record.listed = false;
    record.body = b"deleted".to_vec();
    state.put_records(std::slice::from_ref(&record)).unwrap();
    for filter in filters() {
        assert_eq!(state.list(&filter, None, 9).unwrap(), [], "{filter:?}");
    }
    assert_eq!(state.count().unwrap(), 0);
    assert_eq!(state.get(&record.id).unwrap().unwrap(), b"deleted");
    assert_eq!(state.get(&id(999)).unwrap(), None);
}

#[test]
fn the_last_checkpoint_written_is_the_one_read() {
    let (place, mut state) = fresh();
    assert_eq!(state.checkpoint().unwrap(), None);
    assert_eq!(read(&state), None);
    for (index, count) in [(10, 3), (20, 0), (30, 40), (40, 1)] {
        for _ in 0..2 {
            let chunks: Vec<Vec<u8>> = (0..count).map(|number| vec![number; 1000]).collect();
            state.write_checkpoint(index, b"header", chunks.clone().into_iter()).unwrap();
            assert_eq!(read(&state), Some((index, b"header".to_vec(), chunks)));
        }
        drop(state);
        state = open(&place);
        assert_eq!(state.checkpoint().unwrap().unwrap().index, index);
    }
}

/// An error of the one who reads a checkpoint.
#[derive(Debug)]
enum Mine {
    Enough,
    Storage,
}
impl From<crate::Error> for Mine {
    fn from(_: crate::Error) -> Self {
        Self::Storage
    }
}

#[test]
fn a_reader_of_a_checkpoint_may_stop_it_with_its_own_error() {
    let (_place, state) = fresh();
    state.write_checkpoint(1, b"", [vec![1], vec![2]].into_iter()).unwrap();
    let stopped =
        state.read_checkpoint(|chunk| if chunk == [2] { Err(Mine::Enough) } else { Ok(()) });
    assert!(matches!(stopped, Err(Mine::Enough)), "{stopped:?}");
    assert!(state.read_checkpoint(|_| Ok::<(), Mine>(())).is_ok());
}

#[test]
fn records_can_be_put_while_a_checkpoint_is_written() {
    let (place, state) = fresh();
    let record = any_record(&mut Dice::new(1));
    let chunks = (0..3_u8).map(|number| {
        state.put_records(std::slice::from_ref(&record)).unwrap();
        vec![number]
    });
    state.write_checkpoint(5, b"", chunks).unwrap();
    drop(state);
    assert_eq!(open(&place).get(&record.id).unwrap(), Some(record.body));
}

#[test]
fn a_checkpoint_that_was_broken_off_leaves_the_former_one() {
    let (place, state) = fresh();
    state.write_checkpoint(1, b"one", [vec![1]].into_iter()).unwrap();
    let too_large = vec![0; crate::CHUNK_BYTES_MAX + 1];
    let refused = state.write_checkpoint(2, b"two", [vec![2], too_large].into_iter());
    assert!(matches!(refused, Err(crate::Error::TooLarge { .. })), "{refused:?}");
    assert_eq!(read(&state), Some((1, b"one".to_vec(), vec![vec![1]])));
    drop(state);
    let state = open(&place);
    state.write_checkpoint(3, b"three", [vec![3]].into_iter()).unwrap();
    assert_eq!(read(&state), Some((3, b"three".to_vec(), vec![vec![3]])));
}

/// Index, header and chunks.
type Checkpoint = (u64, Vec<u8>, Vec<Vec<u8>>);

pub(super) fn read(state: &StateStore) -> Option<Checkpoint> {
    let mut chunks = Vec::new();
    let header = state
        .read_checkpoint(|chunk| {
            chunks.push(chunk);
            Ok::<(), crate::Error>(())
        })
        .unwrap()?;
    Some((header.index, header.header, chunks))
}
