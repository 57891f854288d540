//! Every way to end, with its exact cause in the record.

use serde_json::Value;

use super::is_over;
use crate::harness::{Cluster, Options, wait_for};

const ACTIONS: &str = r#"
[actions.sh]
command = ["sh", "-c", "{param:DO}"]
stop_timeout = "5s"

[actions.nowhere]
command = ["/nonexistent/program"]

[actions.not_mine]
command = ["/etc/passwd"]
"#;

fn over(cluster: &Cluster, i: usize, id: &str) -> Value {
    wait_for("the job to be over", || {
        let job = cluster.job(i, id);
        if is_over(&job) { Ok(job) } else { Err(job) }
    })
}

/// Submits a script, with more fields of the submission.
fn submit(cluster: &Cluster, script: &str, more: &str) -> String {
    cluster.submit(0, &format!(r#"{{"action":"sh","parameters":{{"DO":"{script}"}}{more}}}"#))
}

#[test]
fn each_cause_of_an_end_is_recorded_as_what_it_was() {
    let cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    let ignore = "trap '' TERM; while :; do sleep 0.1; done";
    let nowhere = cluster.submit(0, r#"{"action":"nowhere"}"#);
    let not_mine = cluster.submit(0, r#"{"action":"not_mine"}"#);
    let cases = [
        (submit(&cluster, "exit 0", ""), "done", "exited", "it exited with code 0"),
        (submit(&cluster, "exit 7", ""), "error", "exited", "it exited with code 7"),
        (submit(&cluster, "kill -9 $$", ""), "error", "signaled", "signal 9 ended it"),
        (submit(&cluster, "kill -15 $$", ""), "error", "signaled", "signal 15 ended it"),
        (
            submit(&cluster, "sleep 600", r#","deadline":"200ms""#),
            "error",
            "deadline",
            "it ran longer than its deadline",
        ),
        (
            submit(&cluster, ignore, r#","deadline":"200ms","stopTimeout":"300ms""#),
            "error",
            "deadline",
            "it ran longer than its deadline",
        ),
        (nowhere, "error", "could_not_start", "No such file or directory"),
        (not_mine, "error", "could_not_start", "Permission denied"),
    ];
    for (id, status, end, words) in cases {
        let job = over(&cluster, 1, &id);
        let attempt = &job["attempts"][0];
        assert_eq!((&job["status"], &attempt["end"]), (&status.into(), &end.into()), "{job}");
        assert!(attempt["reason"].as_str().is_some_and(|why| why.contains(words)), "{job}");
    }
}

#[test]
fn a_cancel_ends_what_waits_runs_or_ignores_it_and_asking_twice_is_asking_once() {
    let cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    let ignore = "trap '' TERM; while :; do sleep 0.1; done";
    let later = cluster.submit(0, r#"{"action":"noop","scheduledAt":"2090-01-01T00:00:00Z"}"#);
    let runs = submit(&cluster, "sleep 600", "");
    let ignores = submit(&cluster, ignore, r#","stopTimeout":"300ms""#);
    for id in [&runs, &ignores] {
        cluster.wait_for_status(0, id, "running");
    }
    for (id, ends) in [(&later, vec![]), (&runs, vec!["canceled"]), (&ignores, vec!["canceled"])] {
        let path = format!("/api/v0/jobs/{id}/cancel");
        let first = cluster.post(1, &path, "").expect("an answer");
        assert_eq!(first.status, 204, "{first:?}");
        let second = cluster.post(2, &path, "").expect("an answer");
        assert!([204, 409].contains(&second.status), "{second:?}");
        let job = over(&cluster, 1, id);
        assert_eq!((&job["status"], super::ends(&job)), (&"cancel".into(), ends), "{job}");
        assert_eq!(cluster.post(2, &path, "").expect("an answer").status, 409);
    }
    // What is deleted while it runs is canceled first, and has no output any more.
    let id = submit(&cluster, "echo here; exec sleep 600", "");
    wait_for("its line", || {
        let lines = super::lines(&cluster, 0, &id);
        if lines.len() == 1 { Ok(()) } else { Err(lines) }
    });
    for i in 0..2 {
        assert_eq!(
            cluster.delete(i, &format!("/api/v0/jobs/{id}")).expect("an answer").status,
            204
        );
    }
    let job = cluster.wait_for_status(2, &id, "deleted");
    assert_eq!(super::ends(&job), ["canceled"], "{job}");
    assert_eq!(super::lines(&cluster, 2, &id), Vec::<String>::new());
}

#[test]
fn a_cancel_is_carried_out_though_the_leader_dies_that_took_it() {
    let mut cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    let ids: Vec<_> = (0..9).map(|_| submit(&cluster, "exec sleep 600", "")).collect();
    for id in &ids {
        cluster.wait_for_status(0, id, "running");
    }
    let leader = cluster.leader();
    for id in &ids {
        let path = format!("/api/v0/jobs/{id}/cancel");
        assert_eq!(cluster.post(leader, &path, "").expect("an answer").status, 204);
    }
    cluster.kill(leader);
    for id in &ids {
        let job = over(&cluster, (leader + 1) % 3, id);
        assert_eq!(job["status"], "cancel", "{job}");
    }
}
