//! The log on a disk that is full, broken or damaged.

use std::fs;
use std::sync::{Arc, Mutex};

use crate::{
    Durable, Error, Log, Pace, Turn,
    database::Database,
    directory::held,
    limits::{GROUP_BYTES_MAX, LOG_CACHE_BYTES},
    log::table::damage,
    testing::{Place, Recorder},
};

use super::{append, entry, fresh, indexes, open};

fn on_recorder() -> (Place, Arc<Recorder<()>>, Log) {
    let place = Place::new();
    let path = place.file("log.redb");
    Log::create(&path).unwrap();
    let recorder = Recorder::new(&path);
    let log = Log::open(&path, Arc::clone(&place.lock), Some(recorder.tap())).unwrap();
    (place, recorder, log)
}

fn damaged(break_it: impl Fn(&Database)) -> (Place, Log) {
    let (place, log) = fresh();
    append(&log, 0..100).unwrap();
    drop(log);
    let database = Database::open(&place.file("log.redb"), LOG_CACHE_BYTES, None).unwrap();
    break_it(&database);
    drop(database);
    let log = open(&place);
    (place, log)
}

#[test]
fn a_full_disk_refuses_appends_and_the_log_goes_on_when_there_is_room() {
    let (place, recorder, log) = on_recorder();
    append(&log, 0..100).unwrap();
    log.put("vote", b"1", Durable::Now).unwrap();

    recorder.set_full(true);
    for _ in 0..3 {
        let refused = append(&log, 100..200).unwrap_err();
        assert!(matches!(refused, Error::DiskFull { .. }), "{refused}");
        assert_eq!(log.last_index(), Some(99), "what was refused is not shown");
    }
    assert!(matches!(log.put("vote", b"2", Durable::Now), Err(Error::DiskFull { .. })));

    recorder.set_full(false);
    assert_eq!(indexes(&log, 0, 200), (0..100).collect::<Vec<_>>());
    assert_eq!(log.get("vote").unwrap().unwrap(), b"1");
    append(&log, 100..150).unwrap();
    log.put("vote", b"3", Durable::Now).unwrap();
    drop(log);

    let log = open(&place);
    assert_eq!(indexes(&log, 0, 200), (0..150).collect::<Vec<_>>());
    assert_eq!(log.get("vote").unwrap().unwrap(), b"3");
}

#[test]
fn what_was_queued_behind_a_failed_append_fails_with_it() {
    let (_place, recorder, log) = on_recorder();
    append(&log, 0..10).unwrap();
    recorder.set_full(true);
    let (sender, receiver) = std::sync::mpsc::channel();
    for index in 10..60 {
        let sender = sender.clone();
        log.append(vec![(index, entry(index))], move |result| sender.send(result).unwrap());
    }
    drop(sender);
    // Once the first group has failed, the next index is 10 again: an append that came later than
    // the failure does not follow, all others are told why.
    for result in receiver {
        assert!(
            matches!(result, Err(Error::DiskFull { .. } | Error::NotContiguous { .. })),
            "{result:?}"
        );
    }
    recorder.set_full(false);
    append(&log, 10..20).unwrap();
    assert_eq!(indexes(&log, 0, 100), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_failed_sync_ends_the_log_for_good() {
    let (place, recorder, log) = on_recorder();
    append(&log, 0..10).unwrap();
    recorder.set_sync_fails(true);
    assert!(append(&log, 10..20).unwrap_err().is_final());
    recorder.set_sync_fails(false);

    assert!(append(&log, 10..20).unwrap_err().is_final());
    assert!(log.put("vote", b"1", Durable::Now).unwrap_err().is_final());
    assert!(log.put("committed", b"1", Durable::Later).unwrap_err().is_final());
    assert!(log.get("vote").unwrap_err().is_final());
    assert!(log.truncate_from(5).unwrap_err().is_final());
    assert!(log.purge_to(5, b"").unwrap_err().is_final());
    assert!(log.read(0, 5, 100).unwrap_err().is_final());
    drop(log);

    assert_eq!(indexes(&open(&place), 0, 10), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_value_put_for_later_costs_no_sync() {
    let (_place, recorder, log) = on_recorder();
    append(&log, 0..10).unwrap();
    let syncs = recorder.syncs();
    for number in 0_u64..100 {
        log.put("committed", &number.to_le_bytes(), Durable::Later).unwrap();
    }
    assert_eq!(recorder.syncs(), syncs);
    append(&log, 10..11).unwrap();
    assert_eq!(recorder.syncs(), syncs + 1, "an append syncs once");
}

/// Keeps the turns to write until the test takes them.
#[derive(Debug, Default)]
struct Turns(Mutex<Vec<Turn>>);

impl Pace for Turns {
    fn queued(&self, turn: Turn) {
        held(&self.0).push(turn);
    }
}

/// What the log would be after a kill at this moment.
fn after_a_kill(place: &Place) -> (Place, Log) {
    let copy = Place::new();
    fs::copy(place.file("log.redb"), copy.file("log.redb")).unwrap();
    let log = open(&copy);
    (copy, log)
}

/// What is committed is put so, and names an entry that was queued before. A log that ends before it
/// is one that Raft does not start with.
#[test]
fn a_value_put_for_later_is_never_durable_before_what_was_queued_ahead_of_it() {
    let (place, turns) = (Place::new(), Arc::new(Turns::default()));
    let path = place.file("log.redb");
    Log::create(&path).unwrap();
    let held_up: Arc<dyn Pace> = Arc::<Turns>::clone(&turns);
    let log = Log::open_paced(&path, Arc::clone(&place.lock), None, held_up).unwrap();
    for index in 0..3_u64 {
        let entry = vec![7; GROUP_BYTES_MAX / 2 + 1];
        log.append(vec![(index, entry)], |result| result.unwrap());
    }
    log.put("committed", b"2", Durable::Later).unwrap();

    for last in 0..3 {
        let turn = held(&turns.0).pop().expect("there is more to write");
        turn.write();
        let (_copy, left) = after_a_kill(&place);
        assert_eq!(left.last_index(), Some(last), "a commit takes one such entry");
        let committed = (last == 2).then(|| b"2".to_vec());
        assert_eq!(left.get("committed").unwrap(), committed, "with the log up to {last}");
    }
}

#[test]
fn a_value_put_for_later_is_not_written_when_what_was_queued_ahead_of_it_has_failed() {
    let (place, turns) = (Place::new(), Arc::new(Turns::default()));
    let path = place.file("log.redb");
    Log::create(&path).unwrap();
    let recorder = Recorder::<()>::new(&path);
    let held_up: Arc<dyn Pace> = Arc::<Turns>::clone(&turns);
    let log =
        Log::open_paced(&path, Arc::clone(&place.lock), Some(recorder.tap()), held_up).unwrap();
    let queued = |index| {
        let (sender, receiver) = std::sync::mpsc::channel();
        log.append(vec![(index, entry(index))], move |result| sender.send(result).unwrap());
        receiver
    };
    let write = || held(&turns.0).pop().expect("there is something to write").write();
    let first = queued(0);
    log.put("committed", b"0", Durable::Later).unwrap();
    write();
    first.recv().unwrap().unwrap();

    let lost = queued(1);
    log.put("committed", b"1", Durable::Later).unwrap();
    recorder.set_full(true);
    write();
    let refused = lost.recv().unwrap().unwrap_err();
    assert!(matches!(refused, Error::DiskFull { .. }), "{refused}");
    let late = log.put("committed", b"1", Durable::Later).unwrap_err();
    assert!(matches!(late, Error::DiskFull { .. }), "put after the failure it is refused: {late}");
    recorder.set_full(false);
    assert_eq!(log.get("committed").unwrap().unwrap(), b"0");
    drop(log);

    let log = open(&place);
    assert_eq!(log.last_index(), Some(0));
    assert_eq!(log.get("committed").unwrap().unwrap(), b"0");
}

#[test]
fn a_damaged_entry_is_an_error_with_its_index() {
    let (_place, log) = damaged(|database| damage::flip(database, 42).unwrap());
    assert_eq!(indexes(&log, 0, 100), (0..42).collect::<Vec<_>>());
    let error = log.read(42, 100, usize::MAX).unwrap_err();
    assert!(matches!(error, Error::Corrupt { index: 42 }), "{error}");
    assert_eq!(error.to_string(), "log entry 42 is damaged: its checksum does not match");
    assert_eq!(indexes(&log, 43, 100), (43..100).collect::<Vec<_>>());
}

#[test]
fn a_missing_entry_is_an_error_with_its_index() {
    let (_place, log) = damaged(|database| damage::remove(database, 42).unwrap());
    assert_eq!(indexes(&log, 0, 100), (0..42).collect::<Vec<_>>());
    let error = log.read(42, 100, usize::MAX).unwrap_err();
    assert!(matches!(error, Error::Hole { index: 42 }), "{error}");
}

#[test]
fn a_log_that_does_not_start_where_it_was_purged_is_not_opened() {
    let (place, log) = fresh();
    append(&log, 0..100).unwrap();
    log.purge_to(49, b"").unwrap();
    drop(log);
    let path = place.file("log.redb");
    let database = Database::open(&path, LOG_CACHE_BYTES, None).unwrap();
    damage::remove(&database, 50).unwrap();
    drop(database);
    let refused = Log::open(&path, Arc::clone(&place.lock), None).map(drop).unwrap_err();
    assert!(matches!(refused, Error::Hole { index: 50 }), "{refused}");
}

#[test]
fn an_empty_file_is_not_taken_for_a_new_log() {
    let (place, log) = fresh();
    drop(log);
    let path = place.file("log.redb");
    fs::write(&path, b"").unwrap();
    let refused = Log::open(&path, Arc::clone(&place.lock), None).map(drop).unwrap_err();
    assert!(matches!(refused, Error::Damaged { .. }), "{refused}");
}
