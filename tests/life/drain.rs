//! Workers that take no more jobs, because an operator or a signal says so.

use super::{command_line, ends, worker};
use crate::harness::{Cluster, Options, wait_for};

const SLEEPER: &str = "[actions.sleeper]\ncommand = [\"sleep\", \"{param:SECONDS}\"]\n";

fn sleeper(seconds: &str) -> String {
    format!(r#"{{"action":"sleeper","parameters":{{"SECONDS":"{seconds}"}}}}"#)
}

fn succeed(cluster: &Cluster, args: &[&str]) {
    let run = command_line(cluster, args);
    assert_eq!(run.code, Some(0), "{args:?}: {run:?}");
}

#[test]
fn a_draining_worker_takes_no_jobs_nor_does_it_when_it_has_started_anew() {
    let mut cluster = Cluster::start(&Options { actions: SLEEPER, ..Options::default() });
    let ids: Vec<_> = cluster.replicas.iter().map(|replica| replica.id.clone()).collect();
    succeed(&cluster, &["worker", "drain", &ids[0]]);
    for round in 0..2 {
        let jobs: Vec<_> = (0..20).map(|_| cluster.submit(0, r#"{"action":"noop"}"#)).collect();
        for job in &jobs {
            let job = cluster.wait_for_status(1, job, "done");
            assert_ne!(job["workerID"], ids[0].as_str(), "round {round}: {job}");
        }
        let drained = worker(&cluster, 1, &ids[0]);
        assert_eq!((&drained["draining"], &drained["status"]), (&true.into(), &"running".into()));
        if round == 0 {
            cluster.kill(0);
            cluster.spawn(0);
            cluster.wait_until_whole();
        }
    }
    // With nobody left a job waits, and says why.
    succeed(&cluster, &["worker", "drain", &ids[1]]);
    succeed(&cluster, &["worker", "drain", &ids[2]]);
    let job = cluster.submit(0, r#"{"action":"noop"}"#);
    let waiting = cluster.job(0, &job);
    assert_eq!(waiting["waitReason"], "the workers that could run it are draining", "{waiting}");
    let all: Vec<_> = ids.iter().map(String::as_str).collect();
    assert_eq!(waiting["waitDetail"]["kind"], "draining", "{waiting}");
    assert_eq!(waiting["waitDetail"]["workerIDs"], serde_json::json!(all), "{waiting}");
    succeed(&cluster, &["worker", "resume", &ids[0]]);
    let job = cluster.wait_for_status(0, &job, "done");
    assert_eq!(job["workerID"], ids[0].as_str(), "{job}");
    let answer = cluster.post(0, "/api/v0/workers/0000000000ff/drain", "").expect("an answer");
    assert_eq!((answer.status, answer.error_code().as_str()), (404, "NO_SUCH_WORKER"));
    let answer =
        cluster.post(0, &format!("/api/v0/workers/{}/drain", ids[0]), r#"{"limit":"-1s"}"#);
    assert_eq!(answer.expect("an answer").status, 400);
}

#[test]
fn what_a_draining_worker_runs_goes_on_unless_the_drain_has_a_limit() {
    let cluster = Cluster::start(&Options { actions: SLEEPER, ..Options::default() });
    let job = cluster.submit(0, &sleeper("2"));
    let running = cluster.wait_for_status(0, &job, "running");
    let id = running["workerID"].as_str().expect("a worker");
    succeed(&cluster, &["worker", "drain", id, "--wait", "--timeout", "1m"]);
    let done = cluster.job(0, &job);
    assert_eq!((&done["status"], ends(&done)), (&"done".into(), vec!["exited"]), "{done}");

    let job = cluster.submit(0, &sleeper("600"));
    let running = cluster.wait_for_status(0, &job, "running");
    let second = running["workerID"].as_str().expect("a worker");
    assert_ne!(second, id);
    succeed(&cluster, &["worker", "drain", second, "--limit", "500ms"]);
    assert!(worker(&cluster, 0, second)["drainStopsAt"].is_string());
    let moved = wait_for("another worker to run it", || {
        let job = cluster.job(0, &job);
        if job["status"] == "running" && job["attempt"] == 2 { Ok(job) } else { Err(job) }
    });
    assert_eq!(ends(&moved), ["worker_shutdown", ""], "{moved}");
    assert_ne!(moved["workerID"], second, "{moved}");
    cluster.post(0, &format!("/api/v0/jobs/{job}/cancel"), "").expect("an answer");
    cluster.wait_for_status(0, &job, "cancel");
}

#[test]
fn a_replica_that_is_told_to_stop_hands_its_jobs_and_its_leadership_over_and_ends_well() {
    let mut cluster = Cluster::start(&Options { actions: SLEEPER, ..Options::default() });
    let jobs: Vec<_> = (0..6).map(|_| cluster.submit(0, &sleeper("600"))).collect();
    for job in &jobs {
        cluster.wait_for_status(0, job, "running");
    }
    let leader = cluster.leader();
    let id = cluster.replicas[leader].id.clone();
    let other = (leader + 1) % 3;
    let had = worker(&cluster, other, &id)["running"].clone();
    assert_eq!(cluster.stop(leader), Some(0));
    assert_eq!(worker(&cluster, other, &id)["status"], "shutdown");
    assert_ne!(cluster.leader(), leader);
    let mut lost = 0;
    for job in &jobs {
        let job = wait_for("each job to run, elsewhere", || {
            let job = cluster.job(other, job);
            let is_there = job["status"] == "running" && job["workerID"] != id.as_str();
            if is_there { Ok(job) } else { Err(job) }
        });
        lost += u64::from(ends(&job) == ["worker_shutdown", ""]);
    }
    assert_eq!(had, lost, "what it had has moved, and nothing else");
}
