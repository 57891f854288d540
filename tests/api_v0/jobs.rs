//! Submit, get, list, cancel, delete.

use serde_json::{Value, json};

use crate::harness::{Cluster, Options};

const ACTIONS: &str = r#"
[actions.stubborn]
command = ["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"]

[actions.exit]
command = ["sh", "-c", "exit $1", "--", "{param:CODE}"]
"#;

fn cluster() -> Cluster {
    Cluster::start(&Options { actions: ACTIONS, ..Options::default() })
}

#[test]
fn what_real_clients_send_is_enough() {
    let cluster = cluster();
    let answer = cluster.post(0, "/api/v0/jobs/", r#"{"action":"noop"}"#).expect("an answer");
    assert_eq!(answer.status, 202, "{answer:?}");
    let job = answer.json();
    for (field, expected) in [
        ("status", json!("waiting")),
        ("workerID", json!("")),
        ("retriesLeft", json!(0)),
        ("retriesTotal", json!(0)),
        ("capacityMap", Value::Null),
        ("parameters", Value::Null),
        ("deadline", json!("")),
        ("stopTimeout", json!("")),
    ] {
        assert_eq!(job[field], expected, "{field} of {job}");
    }
    let id = job["id"].as_str().expect("an id");
    cluster.wait_for_status(2, id, "done");
}

#[test]
fn a_job_reads_the_same_on_every_replica_at_once() {
    let cluster = cluster();
    for round in 0..20 {
        let id = cluster.submit(round % 3, r#"{"action":"noop","retries":2}"#);
        for i in 0..3 {
            let answer = cluster.get(i, &format!("/api/v0/jobs/{id}/")).expect("an answer");
            assert_eq!(answer.status, 200, "replica {i} does not know job {id}: {answer:?}");
        }
    }
}

#[test]
fn lists_run_from_the_most_recently_scheduled_and_page() {
    let cluster = cluster();
    let ids: Vec<_> = (0..25).map(|_| cluster.submit(0, r#"{"action":"noop"}"#)).collect();
    cluster.submit(0, r#"{"action":"false"}"#);
    for id in &ids {
        cluster.wait_for_status(0, id, "done");
    }
    let list = |query: &str| -> Vec<String> {
        let answer = cluster.get(1, &format!("/api/v0/jobs?{query}")).expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        let json = answer.json();
        let jobs = json["jobs"].as_array().expect("a list").clone();
        jobs.iter().map(|job| job["id"].as_str().expect("an id").to_owned()).collect()
    };
    let newest_first: Vec<_> = ids.iter().rev().cloned().collect();
    assert_eq!(list("action=noop&limit=0"), newest_first);
    assert_eq!(list("action=noop"), newest_first[..10]);
    assert_eq!(list("action=noop&start=20&limit=10"), newest_first[20..]);
    assert_eq!(list("action=any&worker=any&running=any&start=0&limit=0").len(), 26);
    assert_eq!(list("running=T"), Vec::<String>::new());
    assert_eq!(list("worker=0000000000ff"), Vec::<String>::new());
    assert_eq!(list("action=unheard-of"), Vec::<String>::new());
}

#[test]
fn a_failed_job_is_an_error_and_is_tried_again_while_it_has_retries() {
    let cluster = cluster();
    let body = r#"{"action":"exit","parameters":{"CODE":"3"},"retries":2}"#;
    let first = cluster.submit(0, body);
    let failed = cluster.wait_for_status(0, &first, "error");
    assert_eq!(failed["attempts"][0]["end"], "exited", "{failed}");
    assert_eq!(failed["attempts"][0]["exitCode"], 3, "{failed}");
    let chain = crate::harness::wait_for("two retries", || {
        let answer = cluster.get(1, "/api/v0/jobs?action=exit&limit=0")?;
        let jobs = answer.json()["jobs"].as_array().cloned().unwrap_or_default();
        let over = jobs.iter().filter(|job| job["status"] == "error").count();
        if over == 3 { Ok(jobs) } else { Err(format!("{jobs:?}")) }
    });
    assert_eq!(chain.len(), 3, "{chain:?}");
    let by_left = |left: u64| {
        chain.iter().find(|job| job["retriesLeft"] == left).unwrap_or_else(|| panic!("{chain:?}"))
    };
    assert_eq!(by_left(2)["id"], first.as_str());
    assert_eq!(by_left(1)["retryFromID"], first.as_str());
    assert_eq!(by_left(0)["retryFromID"], by_left(1)["id"]);
    assert!(chain.iter().all(|job| job["retriesTotal"] == 2), "{chain:?}");
}

#[test]
fn a_waiting_job_is_canceled_at_once_and_a_second_cancel_is_a_conflict() {
    let cluster = cluster();
    let body = r#"{"action":"noop","scheduledAt":"2099-01-01T00:00:00Z"}"#;
    let id = cluster.submit(0, body);
    assert_eq!(cluster.job(1, &id)["scheduledAt"], "2099-01-01T00:00:00Z");
    let path = format!("/api/v0/jobs/{id}/cancel");
    assert_eq!(cluster.post(1, &path, "").expect("an answer").status, 204);
    assert_eq!(cluster.job(2, &id)["status"], "cancel");
    let again = cluster.post(2, &path, "").expect("an answer");
    assert_eq!((again.status, again.error_code().as_str()), (409, "CONFLICT"), "{again:?}");
}

#[test]
fn a_job_that_ignores_sigterm_is_killed_after_its_stop_timeout() {
    let cluster = cluster();
    let id = cluster.submit(0, r#"{"action":"stubborn","stopTimeout":"300ms"}"#);
    cluster.wait_for_status(0, &id, "running");
    let path = format!("/api/v0/jobs/{id}/cancel/");
    assert_eq!(cluster.post(1, &path, "").expect("an answer").status, 204);
    let job = cluster.wait_for_status(1, &id, "cancel");
    assert_eq!(job["attempts"][0]["end"], "canceled", "{job}");

    let id = cluster.submit(0, r#"{"action":"stubborn","stopTimeout":"300ms","deadline":"200ms"}"#);
    let job = cluster.wait_for_status(1, &id, "error");
    assert_eq!(job["attempts"][0]["end"], "deadline", "{job}");
}

#[test]
fn a_deleted_job_is_a_tombstone_in_no_list_and_a_running_one_is_ended_first() {
    let cluster = cluster();
    let over = cluster.submit(0, r#"{"action":"noop"}"#);
    cluster.wait_for_status(0, &over, "done");
    let running = cluster.submit(0, r#"{"action":"stubborn","stopTimeout":"100ms"}"#);
    cluster.wait_for_status(0, &running, "running");
    for id in [&over, &running] {
        let path = format!("/api/v0/jobs/{id}");
        assert_eq!(cluster.delete(1, &path).expect("an answer").status, 204);
        assert_eq!(cluster.delete(1, &path).expect("an answer").status, 204, "twice is once");
        cluster.wait_for_status(2, id, "deleted");
        let logs = cluster.get(2, &format!("{path}/logs")).expect("an answer");
        assert_eq!((logs.status, logs.body.as_str()), (200, "[]"));
    }
    let list = cluster.get(0, "/api/v0/jobs?limit=0").expect("an answer").json();
    assert_eq!(list, json!({"jobs": []}));
}

#[test]
fn a_job_for_later_is_not_claimed_before_its_time() {
    let cluster = cluster();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    let then = now.as_secs() + 3;
    let text = {
        let output = std::process::Command::new("date")
            .args(["-u", "-d", &format!("@{then}"), "+%Y-%m-%dT%H:%M:%SZ"])
            .output()
            .expect("date runs");
        String::from_utf8(output.stdout).expect("a date").trim().to_owned()
    };
    let id = cluster.submit(0, &json!({"action": "noop", "scheduledAt": text}).to_string());
    let job = cluster.job(0, &id);
    assert_eq!(job["status"], "waiting", "{job}");
    assert_eq!(job["waitReason"], "it is scheduled for later", "{job}");
    let job = cluster.wait_for_status(0, &id, "done");
    let started = job["attempts"][0]["startedAt"].as_str().expect("a time");
    assert!(started >= text.trim_end_matches('Z'), "started at {started}, scheduled at {text}");
}
