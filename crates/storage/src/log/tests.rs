//! The log: bounds, reads, failures of the disk, and power cuts at any write.

mod faults;
mod power_cut;

use std::sync::{Arc, mpsc};

use crate::{
    Durable, Error, Log,
    testing::{Dice, Place},
};

fn fresh() -> (Place, Log) {
    let place = Place::new();
    Log::create(&place.file("log.redb")).unwrap();
    let log = open(&place);
    (place, log)
}

fn open(place: &Place) -> Log {
    Log::open(&place.file("log.redb"), Arc::clone(&place.lock), None).unwrap()
}

fn entry(index: u64) -> Vec<u8> {
    Dice::new(index).bytes(usize::try_from(index % 200).unwrap())
}

fn append(log: &Log, indexes: impl Iterator<Item = u64>) -> Result<(), Error> {
    let (sender, receiver) = mpsc::channel();
    let entries = indexes.map(|index| (index, entry(index))).collect();
    log.append(entries, move |result| sender.send(result).unwrap());
    receiver.recv().unwrap()
}

fn indexes(log: &Log, from: u64, to: u64) -> Vec<u64> {
    log.read(from, to, usize::MAX).unwrap().into_iter().map(|(index, _)| index).collect()
}

#[test]
fn what_was_appended_is_there_after_reopening() {
    let (place, log) = fresh();
    assert_eq!((log.first_index(), log.last_index(), log.purged()), (None, None, None));
    append(&log, 0..1000).unwrap();
    drop(log);

    let log = open(&place);
    assert_eq!((log.first_index(), log.last_index()), (Some(0), Some(999)));
    let expected: Vec<(u64, Vec<u8>)> = (0..1000).map(|index| (index, entry(index))).collect();
    assert_eq!(log.read(0, 1000, usize::MAX).unwrap(), expected);
}

#[test]
fn queued_entries_are_read_before_they_are_durable() {
    let (_place, log) = fresh();
    for start in (0..2000).step_by(100) {
        let entries = (start..start + 100).map(|index| (index, entry(index))).collect();
        log.append(entries, |result| result.unwrap());
        assert_eq!(log.last_index(), Some(start + 99));
        assert_eq!(indexes(&log, start, start + 100), (start..start + 100).collect::<Vec<_>>());
    }
}

#[test]
fn completions_come_in_the_order_of_the_appends() {
    let (_place, log) = fresh();
    let (sender, receiver) = mpsc::channel();
    for index in 0..500 {
        let sender = sender.clone();
        log.append(vec![(index, entry(index))], move |result| {
            result.unwrap();
            sender.send(index).unwrap();
        });
    }
    drop(sender);
    assert_eq!(receiver.iter().collect::<Vec<_>>(), (0..500).collect::<Vec<_>>());
}

#[test]
fn a_read_stops_at_its_bytes_but_never_before_one_entry() {
    let (place, log) = fresh();
    let entries = (1..=10).map(|index| (index, vec![7; 100])).collect();
    log.append(entries, |result| result.unwrap());
    log.truncate_from(11).unwrap();
    let lens = |log: &Log| {
        [0, 99, 100, 250, 10_000].map(|bytes_max| log.read(3, 9, bytes_max).unwrap().len())
    };
    assert_eq!(lens(&log), [1, 1, 1, 2, 6], "from memory");
    drop(log);
    assert_eq!(lens(&open(&place)), [1, 1, 1, 2, 6], "from the disk");
}

#[test]
fn a_read_crosses_from_the_disk_into_memory() {
    let (place, log) = fresh();
    append(&log, 0..100).unwrap();
    drop(log);
    let log = open(&place);
    append(&log, 100..200).unwrap();
    assert_eq!(indexes(&log, 50, 150), (50..150).collect::<Vec<_>>());
    assert_eq!(indexes(&log, 150, 1000), (150..200).collect::<Vec<_>>());
    assert_eq!(indexes(&log, 200, 1000), Vec::<u64>::new());
}

#[test]
fn an_append_that_does_not_follow_is_refused() {
    let (_place, log) = fresh();
    append(&log, 5..10).unwrap();
    for wrong in [9, 11, 0] {
        let refused = append(&log, wrong..=wrong).unwrap_err();
        assert!(
            matches!(refused, Error::NotContiguous { expected: 10, found } if found == wrong),
            "{refused}"
        );
    }
    let (sender, receiver) = mpsc::channel();
    log.append(vec![(10, vec![]), (12, vec![])], move |result| sender.send(result).unwrap());
    let refused = receiver.recv().unwrap().unwrap_err();
    assert!(matches!(refused, Error::NotContiguous { expected: 11, found: 12 }), "{refused}");
    assert_eq!(log.last_index(), Some(9));
    append(&log, 10..11).unwrap();
}

#[test]
fn an_entry_above_the_bound_is_refused() {
    let (_place, log) = fresh();
    let (sender, receiver) = mpsc::channel();
    let entry = vec![0; crate::ENTRY_BYTES_MAX + 1];
    log.append(vec![(0, entry)], move |result| sender.send(result).unwrap());
    assert!(matches!(receiver.recv().unwrap(), Err(Error::TooLarge { .. })));
    assert_eq!(log.last_index(), None);
}

#[test]
fn truncated_entries_are_gone_and_can_be_written_anew() {
    let (place, log) = fresh();
    append(&log, 0..100).unwrap();
    for _ in 0..2 {
        log.truncate_from(40).unwrap();
        assert_eq!(log.last_index(), Some(39));
    }
    assert_eq!(indexes(&log, 30, 100), (30..40).collect::<Vec<_>>());
    log.append(vec![(40, b"another".to_vec())], |result| result.unwrap());
    drop(log);
    let log = open(&place);
    assert_eq!(log.read(39, 99, usize::MAX).unwrap(), [(39, entry(39)), (40, b"another".to_vec())]);
    log.truncate_from(0).unwrap();
    assert_eq!((log.first_index(), log.last_index()), (None, None));
}

#[test]
fn a_purge_leaves_its_marker_and_the_rest() {
    let (place, log) = fresh();
    append(&log, 0..10_000).unwrap();
    for _ in 0..2 {
        log.purge_to(8_999, b"marker").unwrap();
        assert_eq!(log.purged(), Some((8_999, b"marker".to_vec())));
        assert_eq!((log.first_index(), log.last_index()), (Some(9_000), Some(9_999)));
    }
    log.purge_to(10, b"older").unwrap();
    assert_eq!(log.purged(), Some((8_999, b"marker".to_vec())), "a purge never goes back");
    assert!(matches!(log.read(8_999, 9_100, 10), Err(Error::Purged { upto: 8_999 })));
    assert!(matches!(log.truncate_from(8_999), Err(Error::Purged { upto: 8_999 })));
    drop(log);

    let log = open(&place);
    assert_eq!(log.purged(), Some((8_999, b"marker".to_vec())));
    assert_eq!(indexes(&log, 9_000, 20_000), (9_000..10_000).collect::<Vec<_>>());
}

#[test]
fn a_purge_beyond_the_end_empties_the_log_and_says_what_comes_next() {
    let (place, log) = fresh();
    append(&log, 0..10).unwrap();
    log.purge_to(99, b"snapshot").unwrap();
    assert_eq!((log.first_index(), log.last_index()), (None, None));
    let refused = append(&log, 10..11).unwrap_err();
    assert!(matches!(refused, Error::NotContiguous { expected: 100, found: 10 }), "{refused}");
    drop(log);
    let log = open(&place);
    append(&log, 100..103).unwrap();
    assert_eq!((log.first_index(), log.last_index()), (Some(100), Some(102)));
}

#[test]
fn named_values_are_the_last_put_also_after_reopening() {
    let (place, log) = fresh();
    assert_eq!(log.get("vote").unwrap(), None);
    log.put("vote", b"1", Durable::Now).unwrap();
    log.put("vote", b"2", Durable::Now).unwrap();
    log.put("committed", b"7", Durable::Later).unwrap();
    assert_eq!(log.get("vote").unwrap().unwrap(), b"2");
    assert_eq!(log.get("committed").unwrap().unwrap(), b"7", "seen before it is stored");
    log.put("committed", b"8", Durable::Later).unwrap();
    drop(log);
    let log = open(&place);
    assert_eq!(log.get("vote").unwrap().unwrap(), b"2");
    assert_eq!(log.get("committed").unwrap().unwrap(), b"8", "written when the log is closed");
}

#[test]
fn a_log_outlives_the_clone_that_opened_it_and_ends_with_the_last() {
    let (place, log) = fresh();
    let clone = log.clone();
    drop(log);
    append(&clone, 0..10).unwrap();
    drop(clone);
    assert_eq!(open(&place).last_index(), Some(9));
}

#[test]
fn a_completion_may_append_and_drop_the_last_handle() {
    let (place, log) = fresh();
    let (sender, receiver) = mpsc::channel();
    let second = log.clone();
    log.append(vec![(0, entry(0))], move |result| {
        result.unwrap();
        second.append(vec![(1, entry(1))], move |result| sender.send(result).unwrap());
    });
    drop(log);
    receiver.recv().unwrap().unwrap();
    // The file is closed by the writer thread; until then a second engine must not open it.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while Arc::strong_count(&place.lock) > 1 {
        assert!(std::time::Instant::now() < deadline, "the log was not closed");
        std::thread::yield_now();
    }
    assert_eq!(open(&place).last_index(), Some(1));
}

#[test]
fn a_file_that_was_never_used_is_blank() {
    let (place, log) = fresh();
    drop(log);
    assert!(Log::is_blank(&place.file("log.redb")).unwrap());
    let log = open(&place);
    log.put("vote", b"1", Durable::Now).unwrap();
    drop(log);
    assert!(!Log::is_blank(&place.file("log.redb")).unwrap());
}
