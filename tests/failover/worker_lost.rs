//! A worker that dies, is frozen or comes back.

use std::fs;
use std::path::Path;

use crate::harness::{Cluster, Options, wait_for};

/// Each run appends its lease number to a file every 50 ms.
fn beating(dir: &Path) -> String {
    format!(
        "[actions.beat]\ncommand = [\"sh\", \"-c\", \"for i in $(seq 1 $1); do echo $STINT_LEASE >> {}/$STINT_JOB_ID; sleep 0.05; done\", \"--\", \"{{param:BEATS}}\"]\n",
        dir.display()
    )
}

fn cluster(dir: &Path) -> Cluster {
    let actions = Box::leak(beating(dir).into_boxed_str());
    Cluster::start(&Options { actions, lease_ttl: "2s", ..Options::default() })
}

fn index_of(cluster: &Cluster, worker: &str) -> usize {
    cluster.replicas.iter().position(|replica| replica.id == worker).expect("a worker of ours")
}

#[test]
fn a_killed_workers_job_is_claimed_by_another_after_worker_dead() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut cluster = cluster(dir.path());
    let id = cluster.submit(0, r#"{"action":"beat","parameters":{"BEATS":"100"}}"#);
    let job = cluster.wait_for_status(0, &id, "running");
    let first = index_of(&cluster, job["workerID"].as_str().expect("a worker"));
    cluster.kill(first);
    let other = (first + 1) % 3;
    let job = cluster.wait_for_status(other, &id, "done");
    let ends: Vec<_> =
        job["attempts"].as_array().expect("attempts").iter().map(|a| a["end"].clone()).collect();
    assert_eq!(ends, ["worker_dead", "exited"], "{job}");
    assert_ne!(job["workerID"], cluster.replicas[first].id.as_str(), "{job}");
}

#[test]
fn a_worker_that_starts_anew_ends_its_leftovers_before_their_job_runs_again() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut cluster = cluster(dir.path());
    let ids: Vec<_> = (0..6)
        .map(|_| cluster.submit(0, r#"{"action":"beat","parameters":{"BEATS":"60"}}"#))
        .collect();
    for id in &ids {
        cluster.wait_for_status(0, id, "running");
    }
    for i in 0..3 {
        cluster.kill(i);
        cluster.spawn(i);
    }
    for id in &ids {
        let job = cluster.wait_for_status(0, id, "done");
        let beats = fs::read_to_string(dir.path().join(id)).expect("beats");
        let leases: Vec<u64> = beats.lines().map(|line| line.parse().expect("a lease")).collect();
        assert!(leases.is_sorted(), "an older run wrote after a newer one: {job} {leases:?}");
    }
}

#[test]
fn a_frozen_worker_reports_nothing_for_the_leases_it_has_lost() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cluster = cluster(dir.path());
    let id = cluster.submit(0, r#"{"action":"sleep","parameters":{"seconds":"6"}}"#);
    let job = cluster.wait_for_status(0, &id, "running");
    let frozen = index_of(&cluster, job["workerID"].as_str().expect("a worker"));
    let other = (frozen + 1) % 3;
    cluster.pause(frozen);
    wait_for("another worker to claim it", || {
        let job = cluster.job(other, &id);
        let moved = job["workerID"] != cluster.replicas[frozen].id.as_str();
        if moved && job["status"] == "running" { Ok(()) } else { Err(job) }
    });
    cluster.resume(frozen);
    let job = cluster.wait_for_status(other, &id, "done");
    assert_ne!(job["workerID"], cluster.replicas[frozen].id.as_str(), "{job}");
    assert_eq!(job["attempts"].as_array().map(Vec::len), Some(2), "{job}");
    cluster.wait_until_whole();
}
