//! The room of removed records: it comes back, and nothing else is lost.

use std::{sync::Arc, thread};

use super::{Dice, IDS, Model, any_record, fresh, id, open};
use crate::{
    Filter, Gone, Record, StateStore,
    database::{Commit, Database, TableDefinition},
    limits::STATE_CACHE_BYTES,
    testing::Place,
};

fn numbered(number: u64) -> Record {
    Record {
        id: id(number),
        scheduled_at: number,
        action: "scan".into(),
        worker: Some(7),
        ended_at: number,
        output: Some(20_000 + u32::try_from(number % 2).unwrap()),
        listed: true,
        body: vec![number.to_le_bytes()[0]; 400],
    }
}

fn fill(state: &StateStore, numbers: std::ops::Range<u64>) {
    let records: Vec<_> = numbers.map(numbered).collect();
    records.chunks(1_000).for_each(|records| state.put_records(records).unwrap());
}

fn remove(state: &StateStore, numbers: std::ops::Range<u64>) {
    let ids: Vec<_> = numbers.map(id).collect();
    ids.chunks(256).for_each(|ids| state.remove_records(ids).unwrap());
}

fn bytes_of(place: &Place) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    512 * place.file("state.redb").metadata().unwrap().blocks()
}

#[test]
fn the_room_of_removed_records_comes_back() {
    let (place, state) = fresh();
    fill(&state, 0..20_000);
    state.write_checkpoint(9, b"nine", [vec![1; 3_000], vec![2; 3_000]].into_iter()).unwrap();
    let before = bytes_of(&place);
    remove(&state, 0..19_900);
    assert_eq!(state.slack().unwrap(), (100, 19_900));
    state.make_durable().unwrap();
    assert!(bytes_of(&place) > before / 2, "nothing else gives it back");
    assert!(state.shrink(|| true).unwrap());
    let after = bytes_of(&place);
    assert!(after < before / 20, "{after} bytes of {before}");
    assert_eq!(state.slack().unwrap(), (100, 0));
    for state in [&state, &{
        drop(state.clone());
        state.clone()
    }] {
        let keys = state.list(&Filter::default(), None, usize::MAX).unwrap();
        let scheduled: Vec<_> = keys.iter().map(|key| key.scheduled_at).collect();
        assert!(scheduled.iter().copied().eq((19_900..20_000).rev()), "{scheduled:?}");
        let mut chunks = Vec::new();
        let header = state.read_checkpoint(|chunk| {
            chunks.push(chunk);
            Ok::<(), crate::Error>(())
        });
        let header = header.unwrap().unwrap();
        assert_eq!((header.index, header.header.as_slice()), (9, b"nine".as_slice()));
        assert_eq!(chunks, [vec![1; 3_000], vec![2; 3_000]]);
    }
    drop(state);
    let state = open(&place);
    assert_eq!(state.count().unwrap(), 100, "after a restart");
    state.write_checkpoint(10, b"ten", [vec![3; 30]].into_iter()).unwrap();
    assert_eq!(state.checkpoint().unwrap().map(|header| header.index), Some(10));
}

#[test]
fn new_records_take_the_room_of_removed_ones() {
    let (_place, state) = fresh();
    fill(&state, 0..100);
    remove(&state, 0..60);
    assert_eq!(state.slack().unwrap(), (40, 60));
    fill(&state, 200..250);
    fill(&state, 200..250);
    assert_eq!(state.slack().unwrap(), (90, 10));
    fill(&state, 300..350);
    assert_eq!(state.slack().unwrap(), (140, 0));
}

#[test]
fn whoever_writes_meanwhile_loses_nothing() {
    for seed in 1..=4 {
        let (place, state) = fresh();
        fill(&state, 1_000..6_000);
        remove(&state, 1_000..6_000);
        let model = thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut dice = Dice::new(seed);
                let mut model = Model::default();
                for _ in 0..300 {
                    let records: Vec<Record> = (0..3).map(|_| any_record(&mut dice)).collect();
                    state.put_records(&records).unwrap();
                    model.put(&records);
                    let ids = [id(dice.below(IDS))];
                    state.remove_records(&ids).unwrap();
                    model.remove(&ids);
                }
                model
            });
            while !writer.is_finished() {
                assert!(state.shrink(|| true).unwrap());
            }
            writer.join().unwrap()
        });
        assert!(model.is_in(&state), "seed {seed}");
        drop(state);
        assert!(model.is_in(&open(&place)), "seed {seed}, after a restart");
    }
}

#[test]
fn it_is_known_of_which_periods_jobs_are_gone() {
    let (_place, state) = fresh();
    fill(&state, 0..10);
    assert_eq!(state.gone().unwrap(), []);
    remove(&state, 0..4);
    // Of a tombstone the output is gone, and once is enough.
    let tombstone = Record { listed: false, output: None, ..numbered(4) };
    state.put_records(&[tombstone]).unwrap();
    remove(&state, 0..5);
    let gone = |period, unswept, swept| Gone { period, unswept, swept };
    assert_eq!(state.gone().unwrap(), [gone(20_000, 3, 0), gone(20_001, 2, 0)]);
    assert!(state.shrink(|| true).unwrap());
    assert_eq!(state.gone().unwrap(), [gone(20_000, 3, 0), gone(20_001, 2, 0)]);
    // More goes while it is swept.
    remove(&state, 6..7);
    state.swept(gone(20_000, 3, 0), false).unwrap();
    state.swept(gone(20_001, 2, 0), true).unwrap();
    assert_eq!(state.gone().unwrap(), [gone(20_000, 1, 3)]);
    state.suspect(&[20_001]).unwrap();
    state.swept(gone(20_000, 1, 3), true).unwrap();
    assert_eq!(state.gone().unwrap(), [gone(20_001, 1, 0)]);
}

#[test]
fn a_file_without_an_order_of_ends_gets_one() {
    let (place, state) = fresh();
    let mut dice = Dice::new(3);
    let mut model = Model::default();
    for _ in 0..20 {
        let records = [any_record(&mut dice)];
        state.put_records(&records).unwrap();
        model.put(&records);
    }
    drop(state);
    {
        let database = Database::open(&place.file("state.redb"), STATE_CACHE_BYTES, None).unwrap();
        for name in ["by end", "tombstones by end"] {
            let delete = database.write(Commit::Durable, |txn| {
                let table: TableDefinition<'_, &[u8], ()> = TableDefinition::new(name);
                Ok(txn.delete_table(table)?)
            });
            assert!(delete.unwrap(), "{name}");
        }
    }
    assert!(model.is_in(&open(&place)));
}

#[test]
fn a_snapshot_that_is_installed_meanwhile_stands() {
    let (_place, state) = fresh();
    fill(&state, 0..5_000);
    state.write_checkpoint(1, b"", [vec![1]].into_iter()).unwrap();
    let received = |state: &StateStore| {
        let mut reader = state.snapshot().unwrap().unwrap();
        let mut writer = state.receive().unwrap();
        while let Some(frame) = reader.next_frame().unwrap() {
            writer.write_frame(&frame).unwrap();
        }
        writer.finish().unwrap()
    };
    let received = received(&state);
    let state = Arc::new(state);
    let shrinking = thread::spawn({
        let state = Arc::clone(&state);
        move || state.shrink(|| true).unwrap()
    });
    state.install(received).unwrap();
    let _either = shrinking.join().unwrap();
    assert_eq!(state.count().unwrap(), 5_000);
    fill(&state, 5_000..5_010);
    assert_eq!(state.count().unwrap(), 5_010);
}
