//! One client that takes all it can get, and what is left for another. By counts: how long it takes
//! is a matter of the machine.

use std::future::poll_fn;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message as _;
use stint_gateway::{Config, Secret};
use stint_proto::v0;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tower::Service as _;

use crate::crowd::{bearer, channel, listen, token_of};
use crate::harness::{Answer, House, Puppet, soon};

const JOBS: &str = "/api/v0/jobs";

/// Requests that the shouting one has under way at any time.
const SHOUTS: u64 = 300;

/// How often the other asks, one after the other.
const ASKED: u64 = 30;

/// Of the answers to the shouts that come while the other waits for one, how many at most. Were all
/// served in the order in which they come, they would be all of [`SHOUTS`].
const ANSWERS_BETWEEN_MAX: u64 = 100;

/// Messages that take long to read, of which the shouting one has as many under way: fewer, since each
/// takes as long as many others.
const MESSAGES: u64 = 40;

/// The number of the status in gRPC.
const INVALID_ARGUMENT: &str = "3";

async fn with_two(config: Config) -> (House, Secret, Secret) {
    let (house, _) = House::closed_with(config).await;
    let (ann, bob) = (token_of(&house, "ann", None).await, token_of(&house, "bob", None).await);
    (house, ann, bob)
}

fn head(method: &str, path: &str, who: &Secret, length: usize) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n",
        bearer(who)
    )
}

/// Asks on a connection that is kept.
async fn ask(stream: &mut TcpStream, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).await.expect("a request");
    Answer::read(stream).await
}

/// Has the first one shout `request` and the second ask for it, and counts the answers to shouts
/// while the second waits.
async fn answers_between(house: &House, shout: &str, asked: &str, status: u16) -> u64 {
    let (answers, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut shouts = JoinSet::new();
    for _ in 0..SHOUTS {
        let mut stream = house.connect().await;
        let (answers, is_over) = (Arc::clone(&answers), Arc::clone(&is_over));
        let shout = shout.to_owned();
        shouts.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                assert_eq!(ask(&mut stream, &shout).await.status, status);
                answers.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let mut stream = house.connect().await;
    while answers.load(Ordering::Relaxed) < 2 * SHOUTS {
        tokio::task::yield_now().await;
    }
    let before = answers.load(Ordering::Relaxed);
    for _ in 0..ASKED {
        assert_eq!(ask(&mut stream, asked).await.status, status);
    }
    let between = answers.load(Ordering::Relaxed) - before;
    is_over.store(true, Ordering::Relaxed);
    while let Some(shout) = soon("the shouts to end", shouts.join_next()).await {
        shout.expect("answers to all shouts");
    }
    between / ASKED
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_submissions_makes_others_wait_for_a_turn_and_not_for_the_flood() {
    let config = Config { calls_at_once: 4, ..Config::default() };
    let (house, ann, bob) = with_two(config).await;
    let _worker = Puppet::register(&house, &[]).await;
    let body = r#"{"action":"say"}"#;
    let request = |who| format!("{}{body}", head("POST", JOBS, who, body.len()));
    let between = answers_between(&house, &request(&ann), &request(&bob), 202).await;
    assert!(between <= ANSWERS_BETWEEN_MAX, "{between} answers for each that was waited for");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_lists_makes_others_wait_for_a_turn_and_not_for_the_flood() {
    let config = Config { pages_at_once: 2, ..Config::default() };
    let (house, ann, bob) = with_two(config).await;
    let _worker = Puppet::register(&house, &[]).await;
    for _ in 0..20 {
        house.ask_as("POST", JOBS, &bearer(&ann), r#"{"action":"say"}"#).await;
    }
    let request = |who| head("GET", JOBS, who, 0);
    let between = answers_between(&house, &request(&ann), &request(&bob), 200).await;
    assert!(between <= ANSWERS_BETWEEN_MAX, "{between} answers for each that was waited for");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_begins_to_watch_again_and_again_has_to_wait_long_before_one_that_asks_does() {
    let per_second = NonZeroU32::new(32).expect("not zero");
    let config = Config { requests_per_second: per_second, ..Config::default() };
    let (house, ann, bob) = with_two(config).await;
    let mut begun = 0;
    let refused = loop {
        let (_stream, seen) = listen(&house, "/api/v0/watch", &ann).await;
        if !seen.starts_with(b"HTTP/1.1 200") {
            break String::from_utf8_lossy(&seen).into_owned();
        }
        begun += 1;
        assert!(begun < 60, "as often as somebody who asks for something small");
    };
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    for _ in 0..60 {
        assert_eq!(house.ask_as("GET", JOBS, &bearer(&bob), "").await.status, 200);
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_follows_all_it_can_leaves_places_for_others() {
    let config = Config { followers_max: 4, ..Config::default() };
    let (house, ann, bob) = with_two(config).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let (stream, seen) = listen(&house, "/api/v0/watch", &ann).await;
        assert!(seen.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&seen));
        held.push(stream);
    }
    let refused = house.ask_as("GET", "/api/v0/watch", &bearer(&ann), "").await;
    assert_eq!(refused.refusal(), (429, "TOO_MANY_REQUESTS".to_owned()));
    assert!(refused.body.contains("user ann: 2 requests follow"), "{refused:?}");
    let (_stream, seen) = listen(&house, "/api/v0/watch", &bob).await;
    assert!(seen.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&seen));
    drop(held);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_sends_large_bodies_without_end_leaves_room_for_those_of_others() {
    let (house, ann, bob) = with_two(Config::default()).await;
    let _worker = Puppet::register(&house, &[]).await;
    let text = "x".repeat(100_000);
    let body = format!(r#"{{"action":"say","parameters":{{"text":"{text}"}}}}"#);
    let whole = |who| format!("{}{body}", head("POST", JOBS, who, body.len()));
    let mut held = Vec::new();
    let refused = loop {
        let mut stream = house.connect().await;
        let request = whole(&ann);
        // All but the end, which does not come.
        stream.write_all(&request.as_bytes()[..request.len() - 1]).await.expect("a request");
        held.push(stream);
        let mut stream = house.connect().await;
        let answer = ask(&mut stream, &whole(&ann)).await;
        if answer.status != 202 {
            break answer;
        }
        assert!(held.len() < 1_000, "{} large bodies of one client", held.len());
    };
    assert_eq!(refused.refusal(), (429, "TOO_MANY_REQUESTS".to_owned()));
    assert!(refused.body.contains("user ann: 16 large requests"), "{refused:?}");
    assert_eq!(ask(&mut house.connect().await, &whole(&bob)).await.status, 202);
    drop(held);
    house.stop().await;
}

/// A submission as gRPC frames it: of so many parameters that it is refused, and some kilobytes on the
/// wire.
fn packed(count: u32) -> Bytes {
    let entries = (0..count).map(|n| (format!("{n:05}"), "x".to_owned())).collect();
    let message = v0::SubmitJobRequest {
        action: "say".to_owned(),
        parameters: Some(v0::StringMap { entries }),
        ..v0::SubmitJobRequest::default()
    };
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(&message.encode_to_vec()).expect("memory");
    let bytes = packer.finish().expect("memory");
    let length = u32::try_from(bytes.len()).expect("a small message");
    [&[1], length.to_be_bytes().as_slice(), &bytes].concat().into()
}

/// Sends it, and gives the status of gRPC.
async fn submit_packed(channel: &mut Channel, who: &Secret, message: Bytes) -> String {
    let request = http::Request::post("http://x/stint.v0.Jobs/SubmitJob")
        .header("content-type", "application/grpc")
        .header("grpc-encoding", "gzip")
        .header("te", "trailers")
        .header("authorization", bearer(who))
        .body(tonic::body::Body::new(axum::body::Body::from(message)))
        .expect("a request");
    poll_fn(|cx| channel.poll_ready(cx)).await.expect("a connection");
    let answer = channel.call(request).await.expect("an answer");
    answer.headers()["grpc-status"].to_str().expect("a number").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_messages_that_take_long_to_read_makes_nobody_wait_for_all_of_them() {
    let config = Config { pages_at_once: 2, ..Config::default() };
    let (house, ann, bob) = with_two(config).await;
    let _worker = Puppet::register(&house, &[]).await;
    let (answers, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let message = packed(20_000);
    assert!(message.len() < 64 * 1024, "{} bytes are no small body", message.len());
    let mut shouts = JoinSet::new();
    for _ in 0..MESSAGES {
        let (mut channel, ann, message) = (channel(&house).await, ann, message.clone());
        let (answers, is_over) = (Arc::clone(&answers), Arc::clone(&is_over));
        shouts.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                let status = submit_packed(&mut channel, &ann, message.clone()).await;
                assert_eq!(status, INVALID_ARGUMENT);
                answers.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let mut stream = house.connect().await;
    while answers.load(Ordering::Relaxed) < MESSAGES {
        tokio::task::yield_now().await;
    }
    let before = answers.load(Ordering::Relaxed);
    let asked = head("GET", "/api/v0/workers", &bob, 0);
    for _ in 0..ASKED {
        assert_eq!(ask(&mut stream, &asked).await.status, 200);
    }
    let between = answers.load(Ordering::Relaxed) - before;
    is_over.store(true, Ordering::Relaxed);
    while let Some(shout) = soon("the shouts to end", shouts.join_next()).await {
        shout.expect("answers to all shouts");
    }
    let between = between / ASKED;
    assert!(between <= MESSAGES / 8, "{between} messages were read for each that was waited for");
    house.stop().await;
}
