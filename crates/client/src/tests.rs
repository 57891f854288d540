//! The client against replicas that fail in every way that it knows.

mod configuration;
mod fake;
mod watch;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use stint_proto::v0;
use tonic::{Code as Grpc, Status};

use crate::{Client, Code, Error, LogRange};
use fake::{Answer, Call, Fake, Nobody, job, lines, no};

/// Longer than any of these tests takes, shorter than anybody waits.
const PATIENCE: Duration = Duration::from_secs(20);

fn client(addresses: &[SocketAddr]) -> Client {
    let endpoints = addresses.iter().map(ToString::to_string);
    Client::builder().endpoints(endpoints).deadline(PATIENCE).build().unwrap()
}

fn impatient(addresses: &[SocketAddr]) -> Client {
    let endpoints = addresses.iter().map(ToString::to_string);
    Client::builder().endpoints(endpoints).deadline(Duration::from_millis(300)).build().unwrap()
}

fn sleep() -> v0::SubmitJobRequest {
    v0::SubmitJobRequest { action: "sleep".into(), ..Default::default() }
}

fn no_leader() -> Answer {
    no(Grpc::Unavailable, "NO_LEADER", "no leader: an election is under way")
}

async fn numbers(client: &Client, range: LogRange) -> Result<Vec<u64>, Error> {
    let lines = client.job_logs("a", range).into_stream().map_ok(|line| line.line_num);
    lines.try_collect().await
}

const FOLLOW: LogRange = LogRange { follow: true, offset: 0, limit: 0 };

#[tokio::test]
async fn a_call_goes_on_to_the_next_replica_when_nobody_listens() {
    let fake = Fake::start(|_| job("waiting"));
    let (first, second) = (Nobody::take(), Nobody::take());
    let client = client(&[first.address, second.address, fake.address]);
    assert_eq!(client.submit_job(sleep()).await.unwrap().id, "a");
    assert_eq!(client.get_job("a").await.unwrap().id, "a");
}

#[tokio::test]
async fn a_call_starts_with_the_replica_that_answered_last() {
    let first = Fake::start(|_| no_leader());
    let second = Fake::start(|_| job("waiting"));
    let client = client(&[first.address, second.address]);
    for _ in 0..5 {
        client.get_job("a").await.unwrap();
    }
    assert_eq!((first.calls("get"), second.calls("get")), (1, 5));
}

#[tokio::test]
async fn a_submission_is_repeated_when_there_was_no_leader() {
    let fake = Fake::start(|call| match call.number {
        0..=2 => no_leader(),
        _ => job("waiting"),
    });
    assert_eq!(client(&[fake.address]).submit_job(sleep()).await.unwrap().id, "a");
    assert_eq!(fake.calls("submit"), 4);
}

#[tokio::test]
async fn a_submission_whose_outcome_is_unknown_is_never_repeated() {
    for unknown in [
        fake::unknown,
        || Answer::No(Status::unavailable("the connection was reset")),
        || Answer::No(Status::internal("h2 protocol error")),
    ] {
        let first = Fake::start(move |_| unknown());
        let second = Fake::start(|_| job("waiting"));
        let client = client(&[first.address, second.address]);
        let error = client.submit_job(sleep()).await.unwrap_err();
        assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
        assert_eq!(error.endpoint(), Some(format!("http://{}", first.address).as_str()));
        assert_eq!((first.calls("submit"), second.calls("submit")), (1, 0));
    }
}

#[tokio::test]
async fn a_submission_with_a_key_is_repeated_whatever_happened() {
    for unknown in [
        fake::unknown,
        || Answer::No(Status::unavailable("the connection was reset")),
        || Answer::No(Status::internal("h2 protocol error")),
    ] {
        let first = Fake::start(move |_| unknown());
        let second = Fake::start(|_| job("waiting"));
        let client = client(&[first.address, second.address]);
        let job = v0::SubmitJobRequest { idempotency_key: "a".into(), ..sleep() };
        assert_eq!(client.submit_job(job).await.unwrap().id, "a");
        assert_eq!((first.calls("submit"), second.calls("submit")), (1, 1));
    }
}

#[tokio::test]
async fn a_submission_that_a_stopping_replica_has_not_begun_with_goes_to_the_next() {
    let second = Fake::start(|_| job("waiting"));
    let client = client(&[fake::stopping(), second.address]);
    assert_eq!(client.submit_job(sleep()).await.unwrap().id, "a");
    assert_eq!(second.calls("submit"), 1);
}

#[tokio::test]
async fn a_submission_that_a_dying_replica_took_is_never_repeated() {
    let first = Fake::start(|_| Answer::Silence);
    let second = Fake::start(|_| job("waiting"));
    let client = client(&[first.address, second.address]);
    let submitted = tokio::spawn({
        let client = client.clone();
        async move { client.submit_job(sleep()).await }
    });
    while first.calls("submit") == 0 {
        tokio::task::yield_now().await;
    }
    drop(first);
    let outcome = submitted.await.unwrap();
    assert!(matches!(outcome, Err(Error::OutcomeUnknown { .. })), "{outcome:?}");
    assert_eq!(second.calls("submit"), 0);
}

#[tokio::test]
async fn a_read_is_repeated_whatever_happened() {
    let first = Fake::start(|_| Answer::No(Status::internal("h2 protocol error")));
    let second = Fake::start(|_| job("done"));
    let client = client(&[first.address, second.address]);
    assert_eq!(client.get_job("a").await.unwrap().status, "done");
}

#[tokio::test]
async fn a_refusal_has_its_code_its_message_and_its_endpoint() {
    let fake = Fake::start(|_| no(Grpc::NotFound, "NO_SUCH_JOB", "job a: no such job"));
    let error = client(&[fake.address]).get_job("a").await.unwrap_err();
    assert_eq!(error.code(), Some(&Code::NoSuchJob));
    assert_eq!(error.to_string(), "job a: no such job");
    assert_eq!(error.endpoint(), Some(format!("http://{}", fake.address).as_str()));
    assert_eq!(fake.calls("get"), 1);
}

#[tokio::test]
async fn a_cluster_that_never_answers_is_unreachable_after_the_deadline() {
    let fake = Fake::start(|_| no_leader());
    let dead = Nobody::take();
    let error = impatient(&[dead.address, fake.address]).get_job("a").await.unwrap_err();
    let Error::Unreachable { failures, .. } = &error else { panic!("{error:?}") };
    let shown: Vec<_> = failures.iter().map(|failure| failure.endpoint.clone()).collect();
    assert_eq!(shown, [format!("http://{}", dead.address), format!("http://{}", fake.address)]);
    let text = error.to_string();
    assert!(text.contains("refused") && text.contains("no leader"), "{text}");
}

#[tokio::test]
async fn a_silent_replica_does_not_outlast_the_deadline() {
    let fake = Fake::start(|_| Answer::Silence);
    let error = impatient(&[fake.address]).get_job("a").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn canceling_again_after_a_lost_answer_is_no_conflict() {
    for (status, expected) in [("cancel", None), ("done", Some(Code::Conflict))] {
        let fake = Fake::start(move |call| match (call.method, call.number) {
            ("cancel", 0) => Answer::No(Status::unavailable("the connection was reset")),
            ("cancel", _) => no(Grpc::FailedPrecondition, "CONFLICT", "job a is over"),
            _ => job(status),
        });
        let outcome = client(&[fake.address]).cancel_job("a").await;
        assert_eq!(outcome.err().and_then(|error| error.code().cloned()), expected, "{status}");
    }
}

#[tokio::test]
async fn what_can_be_repeated_is_repeated_after_a_lost_answer() {
    let fake = Fake::start(|call| match call.number {
        0 => Answer::No(Status::unavailable("the connection was reset")),
        _ => Answer::Done,
    });
    let client = client(&[fake.address]);
    client.cancel_job("a").await.unwrap();
    client.delete_job("a").await.unwrap();
    assert_eq!((fake.calls("cancel"), fake.calls("delete")), (2, 2));
}

#[tokio::test]
async fn deleting_again_after_a_lost_answer_is_done() {
    let fake = Fake::start(|call| match call.number {
        0 => Answer::No(Status::unavailable("the connection was reset")),
        _ => no(Grpc::NotFound, "NO_SUCH_JOB", "job a: no such job"),
    });
    client(&[fake.address]).delete_job("a").await.unwrap();
    let error = client(&[fake.address]).delete_job("a").await.unwrap_err();
    assert_eq!(error.code(), Some(&Code::NoSuchJob), "the first answer counts");
}

#[tokio::test]
async fn lines_go_on_at_the_next_replica_and_come_once() {
    let dies = |call: Call| match call.method {
        "logs" => {
            Answer::Lines(vec![lines(0..3), lines(3..5), Err(Status::unavailable("going down"))])
        }
        _ => job("running"),
    };
    let first = Fake::start(dies);
    // The second one also sends again what was sent before.
    let second = Fake::start(|call| match call.method {
        "logs" => Answer::Lines(vec![lines(call.logs.offset.saturating_sub(2)..9)]),
        _ => job("done"),
    });
    for range in [FOLLOW, LogRange::default()] {
        let client = client(&[first.address, second.address]);
        assert_eq!(numbers(&client, range).await.unwrap(), (0..9).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_stream_that_ends_before_its_job_goes_on_elsewhere() {
    let first = Fake::start(|call| match call.method {
        "logs" => Answer::Lines(vec![lines(0..3)]),
        _ => job("running"),
    });
    let second = Fake::start(|call| match call.method {
        "logs" => Answer::Lines(vec![lines(call.logs.offset..5)]),
        _ => job("done"),
    });
    let client = client(&[first.address, second.address]);
    assert_eq!(numbers(&client, FOLLOW).await.unwrap(), [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn a_limit_counts_across_replicas() {
    let first = Fake::start(|call| match call.method {
        "logs" => Answer::Lines(vec![lines(2..4), Err(Status::unavailable("going down"))]),
        _ => job("running"),
    });
    let second = Fake::start(|call| match call.method {
        "logs" => {
            let end = call.logs.offset + call.logs.limit;
            Answer::LinesAndSilence(vec![lines(call.logs.offset..end)])
        }
        _ => job("running"),
    });
    let client = client(&[first.address, second.address]);
    let range = LogRange { follow: true, offset: 2, limit: 5 };
    assert_eq!(numbers(&client, range).await.unwrap(), [2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_replica_that_ends_every_stream_at_once_is_not_asked_for_ever() {
    let fake = Fake::start(|call| match call.method {
        "logs" => Answer::Lines(Vec::new()),
        _ => job("running"),
    });
    let error = numbers(&impatient(&[fake.address]), FOLLOW).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(fake.calls("logs") < 20, "{} times", fake.calls("logs"));
}

#[tokio::test]
async fn lines_that_nobody_can_give_end_the_stream_of_a_job_that_is_over() {
    let over = v0::Job { status: "done".into(), line_count: 7, ..Default::default() };
    let fake = Fake::start(move |call| match call.method {
        "logs" => Answer::Lines(vec![lines(call.logs.offset..5)]),
        _ => Answer::Job(Box::new(over.clone())),
    });
    assert_eq!(numbers(&client(&[fake.address]), FOLLOW).await.unwrap(), [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn the_lines_of_no_job_are_refused() {
    let fake = Fake::start(|_| no(Grpc::NotFound, "NO_SUCH_JOB", "job a: no such job"));
    let error = numbers(&client(&[fake.address]), FOLLOW).await.unwrap_err();
    assert_eq!(error.code(), Some(&Code::NoSuchJob));
}

#[tokio::test]
async fn waiting_sees_each_change_and_the_end() {
    let fake = Fake::start(|call| match call.number {
        0 => job("waiting"),
        1..=3 => job("running"),
        4 => no_leader(),
        _ => job("done"),
    });
    let mut seen = Vec::new();
    let client = client(&[fake.address]);
    let job = client.wait_job_with("a", None, |job| seen.push(job.status.clone())).await.unwrap();
    assert_eq!(job.status, "done");
    assert_eq!(seen, ["waiting", "running", "done"]);
}

#[tokio::test]
async fn a_lost_job_that_is_about_to_say_why_it_waits_is_waited_for() {
    let fake = Fake::start(|call| match call.number {
        0 | 2 => job("worker_dead"),
        1 => job("running"),
        _ => job("done"),
    });
    let job = client(&[fake.address]).wait_job("a", None).await.unwrap();
    assert_eq!(job.status, "done");

    let fake = Fake::start(|_| fake::job("worker_dead"));
    let job = client(&[fake.address]).wait_job("a", None).await.unwrap();
    assert_eq!(job.status, "worker_dead");
    assert_eq!(fake.calls("get"), 2);
}

#[tokio::test]
async fn waiting_ends_with_its_timeout() {
    let fake = Fake::start(|_| job("running"));
    let timeout = Some(Duration::from_millis(200));
    let error = client(&[fake.address]).wait_job("a", timeout).await.unwrap_err();
    let Error::StillWaiting { status, .. } = &error else { panic!("{error:?}") };
    assert_eq!(status, "running");
    assert!(fake.calls("get") < 15, "{} looks", fake.calls("get"));
}

#[test]
fn a_lost_job_is_over_only_if_it_does_not_wait() {
    for (status, wait_reason, expected) in [
        ("waiting", "", false),
        ("running", "", false),
        ("cancel_request", "", false),
        ("worker_resurrection", "", false),
        ("worker_dead", "it is about to be claimed", false),
        ("worker_dead", "", true),
        ("worker_shutdown", "", true),
        ("done", "", true),
        ("error", "", true),
        ("cancel", "", true),
        ("deleted", "", true),
    ] {
        let wait_reason = wait_reason.into();
        let job = v0::Job { status: status.into(), wait_reason, ..Default::default() };
        assert_eq!(crate::is_over(&job), expected, "{status}");
    }
}
