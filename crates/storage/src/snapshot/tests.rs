//! Snapshots: from one store to another, whole or not at all.

use std::{fs, sync::Arc};

use crate::{
    Audited, Counts, Error, FRAME_BYTES_MAX, Filter, Received, Record, SnapshotWriter, StateStore,
    testing::{Dice, Place},
};

fn fresh() -> (Place, StateStore) {
    let place = Place::new();
    StateStore::create(&place.file("state.redb")).unwrap();
    let state = open(&place);
    (place, state)
}

fn open(place: &Place) -> StateStore {
    let state = StateStore::open(&place.file("state.redb"), Arc::clone(&place.lock), None).unwrap();
    state.count_by(|body| body.first().map_or(0, |first| first % 5)).unwrap();
    state
}

fn counts(state: &StateStore) -> Option<Counts> {
    state.counted().unwrap()?.without(&[]).unwrap()
}

fn record(number: u64, body: Vec<u8>) -> Record {
    Record {
        id: u128::from(number).to_be_bytes(),
        scheduled_at: number / 3,
        action: format!("action {}", number % 7),
        worker: (!number.is_multiple_of(4)).then_some(number % 5),
        ended_at: number + 5,
        output: number.is_multiple_of(3).then_some(20_000),
        listed: !number.is_multiple_of(11),
        body,
    }
}

fn fill(state: &StateStore, records: u64) {
    let numbers: Vec<u64> = (0..records).collect();
    for numbers in numbers.chunks(1000) {
        let batch: Vec<Record> = numbers
            .iter()
            .map(|number| record(*number, vec![number.to_le_bytes()[0]; 100]))
            .collect();
        state.put_records(&batch).unwrap();
    }
}

fn frames(state: &StateStore) -> Vec<Vec<u8>> {
    let mut reader = state.snapshot().unwrap().unwrap();
    std::iter::from_fn(|| reader.next_frame().unwrap()).collect()
}

fn receive(state: &StateStore, frames: &[Vec<u8>]) -> Result<Received, Error> {
    let mut writer = state.receive()?;
    for frame in frames {
        writer.write_frame(frame)?;
    }
    writer.finish()
}

fn chunks(state: &StateStore) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    state
        .read_checkpoint(|chunk| {
            chunks.push(chunk);
            Ok::<(), Error>(())
        })
        .unwrap();
    chunks
}

fn names(place: &Place) -> Vec<String> {
    let names = crate::directory::names(place.dir.path()).unwrap();
    names.into_iter().filter(|name| name != "LOCK").collect()
}

/// A store with a small snapshot of several frames, and the frames.
fn small() -> (Place, StateStore, Vec<Vec<u8>>) {
    let (place, state) = fresh();
    state.put_records(&[record(1, vec![1; 300_000]), record(2, vec![2; 300_000])]).unwrap();
    state.write_checkpoint(9, b"header", [vec![3; 100_000], vec![]].into_iter()).unwrap();
    let frames = frames(&state);
    (place, state, frames)
}

#[test]
fn the_audit_log_arrives_as_it_was_sent() {
    let (_place, sender) = fresh();
    let audited = |index: u64| Audited { index, body: vec![index.to_le_bytes()[0]; 300] };
    let all: Vec<_> = (1..5_000).map(|n| audited(n * 3)).collect();
    sender.put_batch(&[record(1, vec![1; 10])], &all).unwrap();
    sender.write_checkpoint(9, b"header", [vec![3; 100]].into_iter()).unwrap();

    let (_place, receiver) = fresh();
    receiver.put_batch(&[], &[audited(1)]).unwrap();
    receiver.install(receive(&receiver, &frames(&sender)).unwrap()).unwrap();

    let mut arrived = receiver.audit(None, usize::MAX).unwrap();
    arrived.reverse();
    assert_eq!(arrived, all);
    assert_eq!(receiver.count().unwrap(), sender.count().unwrap());
}

#[test]
fn a_hundred_thousand_records_arrive_as_they_were_sent() {
    const RECORDS: u64 = 100_000;
    let (_place, sender) = fresh();
    fill(&sender, RECORDS);
    let parts: Vec<Vec<u8>> = (0..20).map(|number| vec![number; 70_000]).collect();
    sender.write_checkpoint(77, b"header", parts.clone().into_iter()).unwrap();

    let (place, receiver) = fresh();
    receiver.put_records(&[record(RECORDS + 5, b"replaced".to_vec())]).unwrap();
    let mut reader = sender.snapshot().unwrap().unwrap();
    let mut writer = receiver.receive().unwrap();
    // What comes later is not in the view that is being sent.
    sender.put_records(&[record(RECORDS + 9, b"later".to_vec())]).unwrap();
    let mut frames = 0;
    while let Some(frame) = reader.next_frame().unwrap() {
        assert!(frame.len() <= FRAME_BYTES_MAX);
        writer.write_frame(&frame).unwrap();
        frames += 1;
    }
    assert!(frames > 50, "{frames} frames");
    let arrived = writer.finish().unwrap();
    assert_eq!((arrived.checkpoint().index, &*arrived.checkpoint().header), (77, &b"header"[..]));
    assert!(receiver.checkpoint().unwrap().is_none(), "nothing changes before the installation");
    receiver.install(arrived).unwrap();
    assert_eq!(names(&place), ["state.redb"]);

    sender.remove_records(&[record(RECORDS + 9, vec![]).id]).unwrap();
    let arrived_counts = counts(&receiver);
    drop(receiver);
    let receiver = open(&place);
    assert_eq!(chunks(&receiver), parts);
    assert_eq!(receiver.count().unwrap(), sender.count().unwrap());
    assert_eq!(arrived_counts, counts(&sender));
    let total = arrived_counts.map(|counts| counts.values().sum::<u64>());
    assert_eq!(total, Some(receiver.count().unwrap()));
    for filter in [(None, None), (Some("action 3"), None), (None, Some(2)), (Some(""), Some(1))] {
        let filter = Filter { action: filter.0.map(str::to_owned), worker: filter.1 };
        assert!(
            receiver.list(&filter, None, usize::MAX).unwrap()
                == sender.list(&filter, None, usize::MAX).unwrap(),
            "{filter:?}"
        );
    }
    for number in 0..RECORDS + 10 {
        let id = record(number, vec![]).id;
        assert_eq!(receiver.get(&id).unwrap(), sender.get(&id).unwrap(), "record {number}");
    }
}

#[test]
fn without_a_checkpoint_there_is_no_snapshot() {
    let (_place, state) = fresh();
    state.put_records(&[record(1, vec![])]).unwrap();
    assert!(state.snapshot().unwrap().is_none());
}

#[test]
fn a_received_snapshot_can_be_sent_on() {
    let (_place, _state, first) = small();
    let (_other, receiver) = fresh();
    receiver.install(receive(&receiver, &first).unwrap()).unwrap();
    assert_eq!(frames(&receiver), first);
    receiver.install(receive(&receiver, &first).unwrap()).unwrap();
    assert_eq!(frames(&receiver), first, "twice is once");
}

#[test]
fn readers_finish_on_the_state_they_started_with() {
    let (_place, _state, other) = small();
    let (_receiver_place, receiver) = fresh();
    fill(&receiver, 20_000);
    receiver.write_checkpoint(1, b"old", std::iter::empty()).unwrap();
    let expected = frames(&receiver);

    let mut reader = receiver.snapshot().unwrap().unwrap();
    let first = reader.next_frame().unwrap();
    receiver.install(receive(&receiver, &other).unwrap()).unwrap();
    assert_eq!(receiver.checkpoint().unwrap().unwrap().header, b"header");
    let rest = std::iter::from_fn(|| reader.next_frame().unwrap());
    assert!(first.into_iter().chain(rest).collect::<Vec<_>>() == expected);
}

#[test]
fn a_damaged_reordered_or_short_stream_changes_nothing() {
    let (_sender, _state, frames) = small();
    let (place, receiver) = fresh();
    receiver.write_checkpoint(1, b"old", [vec![1]].into_iter()).unwrap();
    let refuse = |frames: &[Vec<u8>], what: &str| {
        let error = receive(&receiver, frames).map(drop).unwrap_err();
        assert!(matches!(error, Error::BadSnapshot { .. }), "{what}: {error}");
        assert_eq!(receiver.checkpoint().unwrap().unwrap().header, b"old", "{what}");
        assert_eq!(names(&place), ["state.redb"], "{what}");
    };
    let mut dice = Dice::new(1);
    for _ in 0..30 {
        let mut damaged = frames.clone();
        let frame = dice.index(damaged.len());
        let at = dice.index(damaged[frame].len());
        damaged[frame][at] ^= 1 << dice.below(8);
        // Before anything of it is taken for a record, and not only by the sum of the whole.
        let mut writer = receiver.receive().unwrap();
        let taken = damaged.iter().take_while(|frame| writer.write_frame(frame).is_ok()).count();
        assert_eq!(taken, frame, "byte {at} of frame {frame} flipped");
        drop(writer);
        refuse(&damaged, &format!("byte {at} of frame {frame} flipped"));
    }
    for len in 0..frames.len() {
        refuse(&frames[..len], &format!("only {len} frames"));
    }
    let mut swapped = frames.clone();
    swapped.swap(0, 1);
    refuse(&swapped, "two frames swapped");
    refuse(&[frames.clone(), vec![frames[0].clone()]].concat(), "a frame behind the end");
    refuse(&[vec![0; FRAME_BYTES_MAX + 1]], "a frame that is too long");
    refuse(&[vec![]], "an empty frame");
}

#[test]
fn frames_with_good_checksums_and_nonsense_inside_are_refused() {
    let (_place, receiver) = fresh();
    let item = |kind: u8, content: &[u8]| {
        let mut item = vec![kind];
        crate::checked::put_bytes(&mut item, content);
        item
    };
    let head = item(super::HEAD, &[1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    let id = |last: u8| [vec![0; 15], vec![last]].concat();
    let a_record = |last: u8| {
        let body = record(1, vec![]).encode();
        item(super::RECORD, &[id(last), body].concat())
    };
    let cases = [
        ("a newer version", item(super::HEAD, &[2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0])),
        ("no head", item(super::CHUNK, b"chunk")),
        ("two heads", [head.clone(), head.clone()].concat()),
        ("an unknown kind", [head.clone(), item(9, b"")].concat()),
        ("a chunk behind a record", [head.clone(), a_record(1), item(super::CHUNK, b"")].concat()),
        ("records out of order", [head.clone(), a_record(2), a_record(1)].concat()),
        ("a record twice", [head.clone(), a_record(1), a_record(1)].concat()),
        ("half a record", [head.clone(), item(super::RECORD, &[0; 20])].concat()),
        ("a wrong end", [head.clone(), item(super::END, &[0; 24])].concat()),
        ("an enormous item", [head, vec![super::CHUNK, 255, 255, 255, 255]].concat()),
    ];
    for (what, payload) in cases {
        let mut writer: SnapshotWriter = receiver.receive().unwrap();
        let frame = crate::checked::seal(&[], &[vec![0; 4], payload].concat());
        let error = writer.write_frame(&frame).unwrap_err();
        assert!(matches!(error, Error::BadSnapshot { .. }), "{what}: {error}");
        let error = writer.finish().map(drop).unwrap_err();
        assert!(matches!(error, Error::BadSnapshot { .. }), "{what}: {error}");
    }
}

#[test]
fn what_is_not_installed_is_removed_at_once_or_at_the_next_open() {
    let (_sender, _state, frames) = small();
    let (place, receiver) = fresh();
    let arrived = receive(&receiver, &frames).unwrap();
    assert_eq!(names(&place).len(), 2);
    drop(arrived);
    assert_eq!(names(&place), ["state.redb"]);
    drop(receiver);
    fs::write(place.file("incoming-3.redb"), b"left by a kill").unwrap();
    let state = open(&place);
    assert_eq!(names(&place), ["state.redb"]);
    assert!(state.checkpoint().unwrap().is_none());
}

#[test]
fn the_bytes_of_the_stream_are_these() {
    let (_place, state) = fresh();
    state.put_records(&[record(1, b"body".to_vec())]).unwrap();
    state.write_checkpoint(9, b"head", [b"chunk".to_vec()].into_iter()).unwrap();
    let frames = frames(&state);
    let hex: Vec<String> = frames.concat().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hex.concat(),
        include_str!("tests/stream.hex").trim(),
        "a change of this is one of format"
    );
}
