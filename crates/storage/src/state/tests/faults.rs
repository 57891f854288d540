//! The state on a disk that is full, broken or damaged.

use std::sync::Arc;

use crate::{
    Error, Filter, Record, StateStore,
    database::Database,
    limits::{STATE_CACHE_BYTES, UNSYNCED_BYTES_MAX},
    state::{checkpoint, history},
    testing::{Dice, Place, Recorder},
};

use super::{any_record, fresh, id, open, read};

fn on_recorder() -> (Place, Arc<Recorder<()>>, StateStore) {
    let place = Place::new();
    let path = place.file("state.redb");
    StateStore::create(&path).unwrap();
    let recorder = Recorder::new(&path);
    let state = StateStore::open(&path, Arc::clone(&place.lock), Some(recorder.tap())).unwrap();
    (place, recorder, state)
}

#[test]
fn a_full_disk_refuses_a_checkpoint_and_takes_it_when_there_is_room() {
    let (place, recorder, state) = on_recorder();
    let record = any_record(&mut Dice::new(1));
    state.put_records(std::slice::from_ref(&record)).unwrap();
    state.write_checkpoint(1, b"", [vec![1; 100_000]].into_iter()).unwrap();
    recorder.set_full(true);
    let refused = state.write_checkpoint(2, b"", std::iter::empty()).unwrap_err();
    assert!(matches!(refused, Error::DiskFull { .. }), "{refused}");

    recorder.set_full(false);
    assert_eq!(state.checkpoint().unwrap().unwrap().index, 1);
    state.write_checkpoint(3, b"", [vec![3]].into_iter()).unwrap();
    drop(state);
    let state = open(&place);
    assert_eq!(read(&state), Some((3, vec![], vec![vec![3]])));
    assert_eq!(state.get(&record.id).unwrap(), Some(record.body));
}

#[test]
fn a_full_disk_that_takes_visible_records_with_it_ends_the_store() {
    let (place, recorder, state) = on_recorder();
    state.write_checkpoint(1, b"", std::iter::empty()).unwrap();
    let record = any_record(&mut Dice::new(1));
    state.put_records(std::slice::from_ref(&record)).unwrap();
    recorder.set_full(true);
    assert!(state.make_durable().unwrap_err().is_final());
    recorder.set_full(false);
    assert!(state.get(&record.id).unwrap_err().is_final(), "it must not vanish silently");
    drop(state);
    assert_eq!(open(&place).checkpoint().unwrap().unwrap().index, 1);
}

#[test]
fn a_failed_sync_ends_the_store_for_good() {
    let (_place, recorder, state) = on_recorder();
    recorder.set_sync_fails(true);
    assert!(state.make_durable().unwrap_err().is_final());
    recorder.set_sync_fails(false);
    assert!(state.put_records(&[]).unwrap_err().is_final());
    assert!(state.list(&Filter::default(), None, 1).unwrap_err().is_final());
    assert!(state.write_checkpoint(1, b"", std::iter::empty()).unwrap_err().is_final());
    assert!(state.snapshot().map(drop).unwrap_err().is_final());
}

#[test]
fn records_cost_no_sync_until_many_of_them_wait_for_one() {
    let (_place, recorder, state) = on_recorder();
    let mut record = any_record(&mut Dice::new(1));
    record.body = vec![1; 4096];
    let put_all = |record: &mut Record| {
        for number in 0..100 {
            record.id = id(number);
            state.put_records(std::slice::from_ref(record)).unwrap();
        }
    };
    // The first rounds grow the file, which the engine syncs.
    for _ in 0..3 {
        put_all(&mut record);
        state.make_durable().unwrap();
    }
    let syncs = recorder.syncs();
    put_all(&mut record);
    assert_eq!(recorder.syncs(), syncs);
    for _ in 0..UNSYNCED_BYTES_MAX / record.body.len() {
        state.put_records(std::slice::from_ref(&record)).unwrap();
    }
    assert!(recorder.syncs() > syncs, "what is not durable has a bound");
}

#[test]
fn damaged_records_and_chunks_are_errors_and_never_other_bytes() {
    let (place, state) = fresh();
    let record = any_record(&mut Dice::new(1));
    state.put_records(std::slice::from_ref(&record)).unwrap();
    state.write_checkpoint(1, b"", [vec![1], vec![2]].into_iter()).unwrap();
    drop(state);
    let database = Database::open(&place.file("state.redb"), STATE_CACHE_BYTES, None).unwrap();
    history::damage::flip(&database, record.id).unwrap();
    checkpoint::damage::flip(&database, 1).unwrap();
    drop(database);

    let state = open(&place);
    let error = state.get(&record.id).unwrap_err();
    assert!(matches!(&error, Error::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("does not match its checksum"), "{error}");
    let mut chunks = Vec::new();
    let error = state
        .read_checkpoint(|chunk| {
            chunks.push(chunk);
            Ok::<(), Error>(())
        })
        .unwrap_err();
    assert!(error.to_string().contains("chunk 1 of the checkpoint is damaged"), "{error}");
    assert_eq!(chunks, [[1]]);
    let mut snapshot = state.snapshot().unwrap().unwrap();
    let error = snapshot.next_frame().unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}
