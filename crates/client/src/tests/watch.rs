//! Watching goes on at the next replica where the last one has failed.

use futures_util::{StreamExt as _, TryStreamExt as _};
use stint_proto::v0;
use tonic::{Code as Grpc, Status};

use super::fake::{Answer, Call, Fake, Nobody, no};
use super::{client, impatient, no_leader};
use crate::{Code, Error, WatchRange};

/// The log of a cluster: entry 4 made two things happen.
const LOG: [(u64, u32, u64); 5] = [(2, 0, 3), (4, 0, 4), (4, 1, 5), (5, 0, 6), (8, 0, 9)];

fn message((index, number, next): (u64, u32, u64)) -> v0::WatchResponse {
    v0::WatchResponse { index, number, next, kind: "job_submitted".into(), ..Default::default() }
}

fn bookmark(index: u64) -> v0::WatchResponse {
    v0::WatchResponse { index, next: index + 1, kind: "bookmark".into(), ..Default::default() }
}

/// What there is from the wanted index on, at most `count`, and then the failure.
fn some(call: &Call, count: usize, failure: Status) -> Answer {
    let from = call.watch.from.unwrap_or(0);
    let found = LOG.into_iter().filter(|(index, ..)| *index >= from).take(count);
    Answer::Messages(found.map(|place| Ok(message(place))).chain([Err(failure)]).collect())
}

async fn seen(addresses: &[std::net::SocketAddr], count: usize) -> Vec<(u64, u32)> {
    let range = WatchRange { from: Some(0), kinds: Vec::new() };
    let stream = client(addresses).watch(range).into_stream().take(count);
    stream.map_ok(|message| (message.index, message.number)).try_collect().await.unwrap()
}

#[tokio::test]
async fn each_event_comes_once_though_every_stream_breaks() {
    // A stream that ends in the middle of an entry is the one that matters: 2 and 3.
    for count in 2..=4 {
        let fake =
            || Fake::start(move |call| some(&call, count, Status::unavailable("going down")));
        let (first, second) = (fake(), fake());
        let expected: Vec<_> = LOG.iter().map(|(index, number, _)| (*index, *number)).collect();
        assert_eq!(seen(&[first.address, second.address], LOG.len()).await, expected);
        assert!(first.calls("watch") > 0 && second.calls("watch") > 0);
    }
}

#[tokio::test]
async fn a_bookmark_says_where_to_go_on() {
    let fake = Fake::start(|call| match call.watch.from {
        None => Answer::Messages(vec![Ok(bookmark(41))]),
        Some(42) => Answer::Messages(vec![Ok(message((42, 0, 43)))]),
        Some(_) => no_leader(),
    });
    let mut watch = client(&[fake.address]).watch(WatchRange::default());
    assert_eq!(watch.next_index(), None);
    assert_eq!(watch.next().await.unwrap().kind, "bookmark");
    assert_eq!(watch.next_index(), Some(42));
    assert_eq!(watch.next().await.unwrap().index, 42);
    assert_eq!(watch.next_index(), Some(43));
}

#[tokio::test]
async fn what_is_not_kept_any_more_ends_the_watch() {
    let fake = Fake::start(|_| no(Grpc::OutOfRange, "COMPACTED", "only from index 7 on"));
    let range = WatchRange { from: Some(1), kinds: Vec::new() };
    let error = client(&[fake.address]).watch(range).next().await.unwrap_err();
    assert_eq!(error.code(), Some(&Code::Compacted));
    assert_eq!(fake.calls("watch"), 1);
}

#[tokio::test]
async fn what_one_replica_does_not_keep_any_more_comes_from_another() {
    let compacted = || no(Grpc::OutOfRange, "COMPACTED", "only from index 7 on");
    let fresh = Fake::start(move |_| compacted());
    let old = Fake::start(|call| some(&call, LOG.len(), Status::unavailable("going down")));
    let expected: Vec<_> = LOG.iter().map(|(index, number, _)| (*index, *number)).collect();
    assert_eq!(seen(&[fresh.address, old.address], LOG.len()).await, expected);

    let both = [Fake::start(move |_| compacted()), Fake::start(move |_| compacted())];
    let range = WatchRange { from: Some(1), kinds: Vec::new() };
    let mut watch = client(&both.each_ref().map(|fake| fake.address)).watch(range.clone());
    assert_eq!(watch.next().await.unwrap_err().code(), Some(&Code::Compacted));
    assert_eq!(both.each_ref().map(|fake| fake.calls("watch")), [1, 1]);

    let dead = Nobody::take();
    let error = impatient(&[fresh.address, dead.address]).watch(range).next().await.unwrap_err();
    assert_eq!(error.code(), Some(&Code::Compacted), "whoever answers says so");
}

#[tokio::test]
async fn a_watch_of_a_cluster_without_a_leader_ends_with_the_deadline() {
    let fake = Fake::start(|_| no_leader());
    let mut watch = impatient(&[fake.address]).watch(WatchRange::default());
    let error = watch.next().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}
