//! Submissions with a key: made twice, they are one job.

use serde_json::{Value, json};
use stint_core::{JobId, Role, State};
use stint_proto::v0;
use stint_proto::v0::jobs_client::JobsClient;
use tonic::Code;

use crate::access::{bearer, give};
use crate::grpc::{channel, reason};
use crate::harness::{Answer, House, Puppet, soon};

const LATER: &str = r#"{"action":"noop","scheduledAt":"2099-01-01T00:00:00Z"}"#;

/// POSTs a submission with these lines of the head.
async fn post(house: &House, lines: &str, body: &str) -> Answer {
    let length = body.len();
    house
        .ask(&format!(
            "POST /api/v0/jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await
}

async fn submit(house: &House, key: &str, body: &str) -> Answer {
    post(house, &format!("Idempotency-Key: {key}\r\n"), body).await
}

fn id(answer: &Answer) -> JobId {
    assert_eq!(answer.status, 202, "{answer:?}");
    let json = answer.json();
    json.get("id").and_then(Value::as_str).expect("an id").parse().expect("an id")
}

/// The refusal of a key that is in use, which says why.
fn assert_conflict(answer: &Answer, why: &str) {
    assert_eq!(answer.refusal(), (409, "CONFLICT".to_owned()), "{answer:?}");
    assert!(answer.body.contains("idempotency key") && answer.body.contains(why), "{answer:?}");
}

async fn count(house: &House) -> usize {
    let json = house.get("/api/v0/jobs?limit=0").await.json();
    json.get("jobs").and_then(Value::as_array).expect("a list").len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_is_one_job_by_both_doors_and_another_submission_is_a_conflict() {
    let house = House::start().await;
    let mut jobs = JobsClient::new(channel(&house).await);
    let first = id(&submit(&house, "build-42", LATER).await);
    assert_eq!(first.to_string().as_bytes()[14], b'8', "{first} is no UUID of version 8");
    assert_eq!(id(&submit(&house, "build-42", LATER).await), first);
    let same = v0::SubmitJobRequest {
        action: "noop".to_owned(),
        scheduled_at: Some(prost_types::Timestamp { seconds: 4_070_908_800, nanos: 0 }),
        idempotency_key: "build-42".to_owned(),
        ..v0::SubmitJobRequest::default()
    };
    let job = jobs.submit_job(same.clone()).await.expect("a job").into_inner();
    assert_eq!(job.id, first.to_string());

    for different in [
        r#"{"action":"sleep","scheduledAt":"2099-01-01T00:00:00Z"}"#,
        r#"{"action":"noop","scheduledAt":"2099-01-01T00:00:01Z"}"#,
        r#"{"action":"noop"}"#,
        r#"{"action":"noop","scheduledAt":"2099-01-01T00:00:00Z","retries":1}"#,
        r#"{"action":"noop","scheduledAt":"2099-01-01T00:00:00Z","parameters":{"A":"b"}}"#,
    ] {
        assert_conflict(&submit(&house, "build-42", different).await, "submitted differently");
    }
    let different = v0::SubmitJobRequest { retries: Some(1), ..same.clone() };
    let status = jobs.submit_job(different).await.expect_err("a refusal");
    assert_eq!(reason(&status), (Code::FailedPrecondition, "CONFLICT".to_owned()));
    assert_eq!(count(&house).await, 1);

    assert_ne!(id(&submit(&house, "build-43", LATER).await), first);
    assert_ne!(house.submit(LATER).await, first);
    let without = v0::SubmitJobRequest { idempotency_key: String::new(), ..same };
    assert_ne!(jobs.submit_job(without).await.expect("a job").into_inner().id, job.id);
    assert_eq!(count(&house).await, 4);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_job_of_a_key_is_found_in_history_until_it_is_deleted() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[]).await;
    let say = r#"{"action":"say","parameters":{"A":"b"}}"#;
    let first = id(&submit(&house, "k", say).await);
    worker.run(first, &["one"], 0).await;
    let commands = house.replica.with_state(State::sequence);
    let again = submit(&house, "k", say).await;
    assert_eq!((id(&again), again.json()["status"].clone()), (first, json!("done")));
    // The state, which forgets in the end, was not asked.
    assert_eq!(house.replica.with_state(State::sequence), commands);
    assert_conflict(&submit(&house, "k", r#"{"action":"say"}"#).await, "submitted differently");

    assert_eq!(house.delete(&format!("/api/v0/jobs/{first}")).await.status, 204);
    assert_conflict(&submit(&house, "k", say).await, "deleted");

    let running = id(&submit(&house, "l", say).await);
    worker.claim(running).await;
    assert_eq!(id(&submit(&house, "l", say).await), running);
    assert_eq!(house.delete(&format!("/api/v0/jobs/{running}")).await.status, 204);
    assert_conflict(&submit(&house, "l", say).await, "deleted");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn submissions_with_one_key_at_one_time_are_one_job() {
    const CLIENTS: usize = 32;
    let house = House::start().await;
    let jobs = JobsClient::new(channel(&house).await);
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let mut jobs = jobs.clone();
        clients.spawn(async move {
            let submission = v0::SubmitJobRequest {
                action: "noop".to_owned(),
                idempotency_key: "once".to_owned(),
                ..v0::SubmitJobRequest::default()
            };
            jobs.submit_job(submission).await.expect("a job").into_inner().id
        });
    }
    let ids = soon("all clients", clients.join_all()).await;
    assert_eq!(ids.len(), CLIENTS);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(count(&house).await, 1);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_its_users_own_whatever_the_token() {
    let (house, admin) = House::closed().await;
    let mut jobs = Vec::new();
    for user in ["ann", "ann", "bob"] {
        let secret = give(&house, user, Role::Operator, None).await;
        let head = format!("Authorization: {}\r\nIdempotency-Key: k\r\n", bearer(&secret));
        jobs.push(id(&post(&house, &head, LATER).await));
    }
    let head = format!("Authorization: {}\r\nIdempotency-Key: k\r\n", bearer(&admin));
    jobs.push(id(&post(&house, &head, LATER).await));
    assert_eq!(jobs[0], jobs[1], "two tokens of one user");
    jobs.sort();
    jobs.dedup();
    assert_eq!(jobs.len(), 3, "{jobs:?}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_none_is_refused_by_name() {
    let house = House::start().await;
    let (long, twice) =
        ("x".repeat(256), "Idempotency-Key: a\r\nIdempotency-Key: a\r\n".to_owned());
    let line = |key: &str| format!("Idempotency-Key: {key}\r\n");
    for head in [line(""), line("a b"), line("schl\u{fc}ssel"), line(&long), twice] {
        let answer = post(&house, &head, LATER).await;
        assert_eq!(answer.refusal(), (400, "INVALID_PARAMETERS".to_owned()), "{head}: {answer:?}");
        assert_eq!(answer.json()["errors"][0]["detail"]["field"], "Idempotency-Key", "{answer:?}");
    }
    let mut jobs = JobsClient::new(channel(&house).await);
    for key in ["a b", &long] {
        let submission = v0::SubmitJobRequest {
            action: "noop".to_owned(),
            idempotency_key: key.to_owned(),
            ..v0::SubmitJobRequest::default()
        };
        let status = jobs.submit_job(submission).await.expect_err("a refusal");
        assert_eq!(reason(&status), (Code::InvalidArgument, "INVALID_PARAMETERS".to_owned()));
        assert!(status.message().starts_with("idempotencyKey: expected 1 to 255"), "{status:?}");
    }
    assert_eq!(count(&house).await, 0);
    house.stop().await;
}
