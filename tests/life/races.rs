//! Cancel and delete against the end of a job, again and again, and whether the record is one that
//! can be.

use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::{ends, is_over};
use crate::harness::{Cluster, Options, wait_for};

const ACTIONS: &str = "[actions.short]\ncommand = [\"sleep\", \"{param:SECONDS}\"]\n";

/// So many races of each kind; each job of a round ends a little later than the one before.
const ROUNDS: u32 = 40;

/// What may be true of a job that was to be canceled, by what its canceler was answered.
fn check_canceled(job: &Value, answer: u16) {
    let end = ends(job);
    let is_possible = match (job["status"].as_str(), answer) {
        // It had ended before: with its own result, and nobody has said that it would be canceled.
        (Some("done"), 409) => end == ["exited"],
        // Its own end came first, though the cancel was in the log before that was.
        (Some("done"), 204) => end == ["exited"] && job["attempts"][0]["exitCode"] == 0,
        // Before it was claimed, or by its worker.
        (Some("cancel"), 204) => end.is_empty() || end == ["canceled"],
        _ => false,
    };
    assert!(is_possible, "answered {answer}, and it is {job}");
    check_record(job);
}

/// What is true of every record of a job that is over.
fn check_record(job: &Value) {
    assert_eq!(job["attempt"], ends(job).len(), "{job}");
    for attempt in job["attempts"].as_array().expect("attempts") {
        assert!(attempt["endedAt"].is_string(), "it is over, and an attempt is not: {job}");
        assert_eq!(attempt["end"] == "exited", attempt["exitCode"].is_number(), "{job}");
    }
    assert!(job["waitReason"].is_null(), "{job}");
}

fn over(cluster: &Cluster, i: usize, id: &str) -> Value {
    wait_for("the job to be over", || {
        let job = cluster.job(i, id);
        if is_over(&job) { Ok(job) } else { Err(job) }
    })
}

#[test]
fn of_a_cancel_and_an_end_one_comes_first_and_the_record_says_which() {
    let cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..ROUNDS {
        let body = r#"{"action":"short","parameters":{"SECONDS":"0.05"}}"#;
        let id = cluster.submit(0, body);
        // From before its claim to after its end.
        thread::sleep(Duration::from_millis(u64::from(round) * 5));
        let path = format!("/api/v0/jobs/{id}/cancel");
        let answers: Vec<_> = thread::scope(|scope| {
            let ask = |i| {
                scope.spawn({
                    let (cluster, path) = (&cluster, &path);
                    move || cluster.post(i, path, "").expect("an answer").status
                })
            };
            let asked: Vec<_> = (0..2).map(ask).collect();
            asked.into_iter().map(|asked| asked.join().expect("an answer")).collect()
        });
        let answer = *answers.iter().min().expect("two answers");
        let job = over(&cluster, 2, &id);
        check_canceled(&job, answer);
        seen.insert(job["status"].as_str().expect("a status").to_owned());
        // What was over once stays as it was.
        assert_eq!(cluster.job(1, &id), job);
    }
    assert_eq!(seen.len(), 2, "neither side ever won, so nothing was raced: {seen:?}");
}

#[test]
fn of_a_deletion_and_an_end_a_tombstone_is_left_whichever_came_first() {
    let cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    for round in 0..ROUNDS {
        let id = cluster.submit(0, r#"{"action":"short","parameters":{"SECONDS":"0.05"}}"#);
        thread::sleep(Duration::from_millis(u64::from(round) * 5));
        let path = format!("/api/v0/jobs/{id}");
        assert_eq!(cluster.delete(1, &path).expect("an answer").status, 204);
        let job = cluster.wait_for_status(2, &id, "deleted");
        assert!(ends(&job).iter().all(|end| ["exited", "canceled"].contains(end)), "{job}");
        check_record(&job);
        let listed = cluster.get(0, "/api/v0/jobs?limit=0").expect("an answer").body;
        assert!(!listed.contains(&id), "a deleted job is in the list");
    }
    wait_for("nothing to be held any more", || {
        let workers = cluster.get(0, "/api/v0/workers").expect("an answer").json();
        let all = workers["workers"].as_array().expect("workers").clone();
        if all.iter().all(|worker| worker["running"] == 0) { Ok(()) } else { Err(all) }
    });
}
