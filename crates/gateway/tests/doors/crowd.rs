//! One client among others: what it may ask, and how long it may listen.

use std::num::NonZeroU32;
use std::time::Duration;

use futures_util::future::join_all;
use stint_core::{Command, NewToken, Role, Timestamp, TokenId};
use stint_gateway::{Config, Secret};
use stint_proto::v0;
use stint_proto::v0::events_client::EventsClient;
use stint_proto::v0::jobs_client::JobsClient;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tonic::codec::Streaming;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::harness::{Answer, House, Puppet, propose, read_some, soon, until};

const JOBS: &str = "/api/v0/jobs";

/// A closed house with these bounds, and two of its users.
pub(crate) async fn with_two(per_second: u32, at_once: u32) -> (House, Secret, Secret) {
    let nonzero = |number| NonZeroU32::new(number).expect("a bound");
    let config = Config {
        requests_per_second: nonzero(per_second),
        requests_at_once: nonzero(at_once),
        ..Config::default()
    };
    let (house, _) = House::closed_with(config).await;
    let (ann, bob) = (token_of(&house, "ann", None).await, token_of(&house, "bob", None).await);
    (house, ann, bob)
}

pub(crate) async fn token_of(house: &House, user: &str, expires_at: Option<Timestamp>) -> Secret {
    let secret = Secret::draw().expect("a secret");
    let new = NewToken {
        user: user.to_owned(),
        role: Role::Operator,
        hash: secret.hash(),
        expires_at,
        description: String::new(),
    };
    propose(house, Command::CreateToken(Box::new(new))).await;
    secret
}

pub(crate) fn bearer(secret: &Secret) -> String {
    format!("Bearer {}", secret.reveal())
}

async fn list(house: &House, secret: &Secret) -> Answer {
    house.ask_as("GET", JOBS, &bearer(secret), "").await
}

/// What comes back, if it is that this is too much for one client.
fn assert_refused(answer: &Answer, key: &str) {
    assert_eq!(answer.refusal(), (429, "TOO_MANY_REQUESTS".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(answer.body.contains("user ann") && answer.body.contains(key), "{answer:?}");
}

/// The same by the other door.
fn assert_exhausted(status: &Status, key: &str) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.message().contains("user ann") && status.message().contains(key), "{status:?}");
    let details = status.get_error_details();
    let wait = details.retry_info().and_then(|info| info.retry_delay);
    assert_eq!(wait, Some(Duration::from_secs(1)));
    assert_eq!(details.error_info().map(|info| info.reason.as_str()), Some("TOO_MANY_REQUESTS"));
}

pub(crate) async fn channel(house: &House) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{}", house.address)).expect("an endpoint");
    endpoint.connect().await.expect("a connection")
}

fn request<T>(secret: &Secret, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = bearer(secret).parse().expect("a header value");
    request.metadata_mut().insert("authorization", value);
    request
}

async fn list_by_grpc(channel: &Channel, secret: &Secret) -> Result<(), Status> {
    let mut jobs = JobsClient::new(channel.clone());
    jobs.list_jobs(request(secret, v0::ListJobsRequest::default())).await.map(drop)
}

async fn watch_by_grpc(
    channel: &Channel,
    secret: &Secret,
) -> Result<Streaming<v0::WatchResponse>, Status> {
    let mut events = EventsClient::new(channel.clone());
    let message = v0::WatchRequest { from: None, kinds: Vec::new() };
    Ok(events.watch(request(secret, message)).await?.into_inner())
}

/// Asks for what goes on, and reads the first of it.
pub(crate) async fn listen(house: &House, path: &str, secret: &Secret) -> (TcpStream, Vec<u8>) {
    let mut stream = house.connect().await;
    let authorization = bearer(secret);
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("a request");
    let mut seen = Vec::new();
    assert!(soon("the head of an answer", read_some(&mut stream, &mut seen)).await);
    (stream, seen)
}

/// Reads on until the connection ends, or the answer does.
async fn rest(mut stream: TcpStream, mut seen: Vec<u8>) -> String {
    let is_whole = |seen: &[u8]| seen.ends_with(b"\r\n0\r\n\r\n");
    soon("the end of an answer", async {
        while !is_whole(&seen) && read_some(&mut stream, &mut seen).await {}
    })
    .await;
    String::from_utf8_lossy(&seen).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_shouts_is_refused_until_it_has_waited_and_another_is_served() {
    let (house, ann, bob) = with_two(1, 100).await;
    let channel = channel(&house).await;
    until("a refusal by HTTP", async || {
        let answers = join_all((0..20).map(|_| list(&house, &ann))).await;
        let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
        for answer in &refused {
            assert_refused(answer, "limits.requests_per_second");
        }
        !refused.is_empty()
    })
    .await;
    assert_eq!(list(&house, &bob).await.status, 200);
    until("a refusal by gRPC", async || {
        let answers = join_all((0..20).map(|_| list_by_grpc(&channel, &ann))).await;
        let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
        for status in &refused {
            assert_exhausted(status, "limits.requests_per_second");
        }
        !refused.is_empty()
    })
    .await;
    list_by_grpc(&channel, &bob).await.expect("a list");
    // Who asks how the replica is does not take from what its address may ask.
    let probes = join_all((0..20).map(|_| house.get("/readyz"))).await;
    assert!(probes.iter().all(|probe| probe.status == 200), "{probes:?}");

    // As long as `Retry-After` said: the promise is about time, so the test waits for time.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(list(&house, &ann).await.status, 200, "after the wait that it was told");
    // The same, by what `RetryInfo` says.
    tokio::time::sleep(Duration::from_secs(1)).await;
    list_by_grpc(&channel, &ann).await.expect("after the wait that it was told");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_counted_by_their_address_before_their_tokens_are_looked_up() {
    let (house, ann, _) = with_two(1, 100).await;
    let unknown = Secret::draw().expect("a secret");
    until("a refusal", async || {
        let answers = join_all((0..20).map(|_| list(&house, &unknown))).await;
        let codes: Vec<_> = answers.iter().map(Answer::refusal).collect();
        assert!(codes.iter().all(|(status, _)| [401, 429].contains(status)), "{codes:?}");
        let refused = answers.iter().find(|answer| answer.status == 429);
        refused.is_some_and(|answer| answer.body.contains("address 127.0.0.1"))
    })
    .await;
    assert_eq!(list(&house, &ann).await.status, 200, "who is known is not a stranger");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_client_has_under_way_is_bounded_at_both_doors_together() {
    let (house, ann, bob) = with_two(1_000, 2).await;
    let channel = channel(&house).await;
    let watching = watch_by_grpc(&channel, &ann).await.expect("a watch");
    let (following, _) = listen(&house, "/api/v0/watch", &ann).await;

    assert_refused(&list(&house, &ann).await, "limits.requests_at_once");
    let status = list_by_grpc(&channel, &ann).await.expect_err("a refusal");
    assert_exhausted(&status, "limits.requests_at_once");
    assert_eq!(list(&house, &bob).await.status, 200);
    list_by_grpc(&channel, &bob).await.expect("a list");

    drop(following);
    until("a place to be free", async || list(&house, &ann).await.status == 200).await;
    drop(watching);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_followed_log_and_a_watch_end_when_their_token_is_revoked_and_others_go_on() {
    let (house, ann, bob) = with_two(1_000, 100).await;
    let worker = Puppet::register(&house, &[]).await;
    let submitted = house.ask_as("POST", JOBS, &bearer(&ann), r#"{"action":"say"}"#).await;
    let job: stint_core::JobId = submitted.json()["id"].as_str().unwrap().parse().unwrap();
    let lease = worker.claim(job).await;
    worker.print(job, lease, 0, &["one"]).await;
    let path = format!("{JOBS}/{job}/logs?stream=true");
    let (log, log_seen) = listen(&house, &path, &ann).await;
    let (watch, watch_seen) = listen(&house, "/api/v0/watch", &ann).await;
    let (of_bob, bob_seen) = listen(&house, &path, &bob).await;
    let channel = channel(&house).await;
    let mut watch_by_grpc = watch_by_grpc(&channel, &ann).await.expect("a watch");
    let message = v0::GetJobLogsRequest { id: job.to_string(), stream: true, offset: 1, limit: 0 };
    let followed = JobsClient::new(channel.clone()).get_job_logs(request(&ann, message)).await;
    let mut log_by_grpc = followed.expect("an output").into_inner();

    propose(&house, Command::RevokeToken { id: TokenId::of(ann.hash()) }).await;

    let log = rest(log, log_seen).await;
    assert!(log.contains("one") && !log.ends_with("\r\n0\r\n\r\n"), "it has no end: {log}");
    let watch = rest(watch, watch_seen).await;
    assert!(watch.contains("NOT_AUTHENTICATED"), "{watch}");
    let status = soon("the end", log_by_grpc.message()).await.expect_err("an end");
    assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
    let status = soon("the end", async {
        loop {
            match watch_by_grpc.message().await {
                Ok(message) => assert!(message.is_some(), "the watch ended as if all were said"),
                Err(status) => break status,
            }
        }
    })
    .await;
    assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
    assert_eq!(list(&house, &ann).await.status, 401);

    worker.print(job, lease, 1, &["two"]).await;
    worker.finish(job, lease, 0).await;
    let whole = rest(of_bob, bob_seen).await;
    assert!(whole.contains("two") && whole.ends_with("\r\n0\r\n\r\n"), "{whole}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_ends_when_its_token_expires() {
    let (house, _, _) = with_two(1_000, 100).await;
    // On a slow machine a short life may be over before the watch begins: then a longer one.
    for seconds in [2, 4, 8] {
        let end = Timestamp::from_ms(house.replica.now().as_ms() + seconds * 1_000);
        let secret = token_of(&house, &format!("guest-{seconds}"), Some(end)).await;
        let (watch, seen) = listen(&house, "/api/v0/watch", &secret).await;
        if seen.starts_with(b"HTTP/1.1 200") {
            let whole = rest(watch, seen).await;
            assert!(whole.contains("NOT_AUTHENTICATED"), "{whole}");
            return house.stop().await;
        }
    }
    panic!("no watch began within 8 s");
}
