//! A snapshot that is cut on its way again and again, between two disks.

use std::path::Path;

use futures_util::stream;
use stint_storage::{Identity, Record, Store};
use tempfile::TempDir;

use super::*;

const RECORDS: u8 = 60;
const RECORD_BYTES: usize = 700 * 1024;
const INDEX: u64 = 9;
const PEER: u64 = 2;

fn store(dir: &Path, replica: u64) -> StateStore {
    let identity = Identity { replica, cluster: [7; 16] };
    Store::open(dir, identity).expect("a store").state
}

/// A disk with a checkpoint, and with more history than the frames that are kept.
fn filled(dir: &Path) -> StateStore {
    let state = store(dir, 1);
    for number in 0..RECORDS {
        let record = Record {
            id: [number; 16],
            scheduled_at: 1,
            action: "scan".to_owned(),
            worker: None,
            ended_at: 2,
            output: None,
            listed: true,
            body: vec![number; RECORD_BYTES],
        };
        state.put_records(&[record]).expect("its disk");
    }
    state.write_checkpoint(INDEX, b"header", std::iter::once(vec![3; 100])).expect("its disk");
    state
}

/// What was cut off, once whoever was sending it has noticed.
async fn cut_off(outgoing: &Outgoing) -> Sending {
    outgoing.take(PEER, INDEX).await.expect("what was cut off is kept")
}

fn header() -> pb::SnapshotHeader {
    pb::SnapshotHeader::default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_cut_again_and_again_sends_nothing_twice_but_what_was_on_its_way() {
    let (here, there) = (TempDir::new().expect("a directory"), TempDir::new().expect("another"));
    let (sender, receiver) = (filled(here.path()), store(there.path(), PEER));
    let (outgoing, incoming) = (Arc::new(Outgoing::new(u64::MAX)), Incoming::new());
    let mut sending = Sending::begin(&sender, 77).expect("its disk").expect("a snapshot");
    let transfer = sending.transfer;
    let (mut from, mut sent, mut cuts) = (0, 0, 0);
    let whole = loop {
        let mut frames = frames(sending, (PEER, from), header(), Arc::clone(&outgoing)).boxed();
        let first = frames.next().await.and_then(|frame| frame.header).expect("a header");
        assert_eq!((first.transfer, first.from_frame), (transfer, from));
        // Twenty-five frames leave, and three of them are lost.
        let left: Vec<_> = (&mut frames).take(25).collect().await;
        let is_last = left.len() < 25;
        sent += left.len();
        let arrived = left.len() - if is_last { 0 } else { 3 };
        let cut = (!is_last).then(|| Err(Status::unavailable("the cable is pulled")));
        let arrived = left.into_iter().take(arrived).map(Ok).chain(cut);
        let outcome =
            incoming.receive(&receiver, (transfer, from), stream::iter(arrived), |_| Ok(())).await;
        drop(frames);
        if is_last {
            break outcome.expect("the whole");
        }
        assert!(outcome.is_err(), "it was cut");
        cuts += 1;
        sending = cut_off(&outgoing).await;
        from = incoming.place(transfer).await.expect("a place");
        assert_eq!(from, cuts * 22);
        assert!(sending.has(from), "frame {from} is not kept");
    };
    let frames = usize::from(RECORDS) * RECORD_BYTES / (256 * 1024);
    let again = usize::try_from(cuts).unwrap_or(0) * 3;
    assert!(sent - again >= frames && sent - again < frames + 5, "{sent} frames, {again} again");
    assert!(cuts >= 5, "only {cuts} cuts");
    receiver.install(whole).expect("its disk");
    assert_eq!(receiver.count().expect("its disk"), u64::from(RECORDS));
    outgoing.forget(PEER);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_snapshot_does_not_go_on_where_one_was_cut() {
    let (here, there) = (TempDir::new().expect("a directory"), TempDir::new().expect("another"));
    let (sender, receiver) = (filled(here.path()), store(there.path(), PEER));
    let (outgoing, incoming) = (Arc::new(Outgoing::new(u64::MAX)), Incoming::new());
    let sending = Sending::begin(&sender, 77).expect("its disk").expect("a snapshot");
    let transfer = sending.transfer;
    let mut way = frames(sending, (PEER, 0), header(), Arc::clone(&outgoing)).boxed();
    let some: Vec<_> = (&mut way).skip(1).take(8).map(Ok).collect().await;
    drop(way);
    let cut = incoming.receive(&receiver, (transfer, 0), stream::iter(some), |_| Ok(())).await;
    assert!(cut.is_err(), "it is cut short");
    assert_eq!(incoming.place(transfer + 1).await.expect("a place"), 0, "it is not known");
    assert_eq!(incoming.place(transfer).await.expect("a place"), 8);
    let sending = cut_off(&outgoing).await;
    assert!(sending.has(8) && !sending.has(1_000), "what was read can be sent again");
    outgoing.keep(PEER, sending);
    assert!(outgoing.take(PEER, INDEX + 1).await.is_none(), "there is a newer checkpoint");
    let wrong = incoming.receive(&receiver, (transfer, 7), stream::iter([]), |_| Ok(())).await;
    assert!(wrong.is_err(), "a frame would come twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_not_wanted_is_refused_by_its_head_and_the_rest_is_not_read() {
    let (here, there) = (TempDir::new().expect("a directory"), TempDir::new().expect("another"));
    let (sender, receiver) = (filled(here.path()), store(there.path(), PEER));
    let (outgoing, incoming) = (Arc::new(Outgoing::new(u64::MAX)), Incoming::new());
    let sending = Sending::begin(&sender, 77).expect("its disk").expect("a snapshot");
    let way = frames(sending, (PEER, 0), header(), Arc::clone(&outgoing)).boxed();
    let read = std::cell::Cell::new(0);
    let way = way.skip(1).inspect(|_| read.set(read.get() + 1)).map(Ok);
    let judge = |head: &CheckpointHeader| {
        assert_eq!((head.index, head.header.as_slice()), (INDEX, &b"header"[..]));
        Err(Status::failed_precondition("too new"))
    };
    let refused = incoming.receive(&receiver, (77, 0), way, judge).await.err();
    assert_eq!(refused.expect("a refusal").message(), "too new");
    assert_eq!(read.get(), 1, "one frame has the head");
    assert_eq!(incoming.place(77).await.expect("a place"), 0, "nothing of it is kept");
}

#[test]
fn bytes_are_sent_no_faster_than_the_bound() {
    let mut pace = Pace::new(1_000_000);
    assert_eq!(pace.pause(500_000), Duration::ZERO);
    let pause = pace.pause(500_000);
    assert!(pause > Duration::from_millis(400) && pause <= Duration::from_millis(500), "{pause:?}");
    let pause = pace.pause(1);
    assert!(pause > Duration::from_millis(900) && pause <= Duration::from_secs(1), "{pause:?}");
}
