//! kill -9 of the leader while jobs run.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::{Cluster, Options, wait_for};

const JOBS: usize = 200;

#[test]
fn every_accepted_job_ends_done_once_though_the_leader_is_killed_while_they_run() {
    let mut cluster = Cluster::start(&Options {
        actions: "[actions.work]\ncommand = [\"sleep\", \"1\"]\n",
        ..Options::default()
    });
    let leader = cluster.leader();
    let ids: Vec<_> = (0..JOBS).map(|i| cluster.submit(i % 3, r#"{"action":"work"}"#)).collect();
    let dead = cluster.replicas[leader].id.clone();
    wait_for("the leader's worker to run some", || {
        let path = format!("/api/v0/jobs?running=true&worker={dead}&limit=0");
        let jobs = cluster.get(leader, &path)?.json();
        let count = jobs["jobs"].as_array().map_or(0, Vec::len);
        if count > 0 { Ok(()) } else { Err(jobs.to_string()) }
    });
    cluster.kill(leader);
    let other = (leader + 1) % 3;
    let mut by_end: BTreeMap<String, usize> = BTreeMap::new();
    for id in &ids {
        let job = cluster.wait_for_status(other, id, "done");
        ends_done_exactly_once(&job);
        for attempt in job["attempts"].as_array().expect("attempts") {
            let end = attempt["end"].as_str().expect("an end").to_owned();
            if end == "worker_dead" {
                assert_eq!(attempt["workerID"], dead.as_str(), "{job}");
            }
            *by_end.entry(end).or_default() += 1;
        }
        if job["attempts"].as_array().is_some_and(|attempts| attempts.len() > 1) {
            assert_ne!(job["workerID"], dead.as_str(), "{job}");
        }
    }
    assert_eq!(by_end.get("exited"), Some(&JOBS), "{by_end:?}");
    assert!(by_end.contains_key("worker_dead"), "the dead worker ran nothing: {by_end:?}");
}

/// The record has one attempt that exited, and it is the last; the leases grow.
fn ends_done_exactly_once(job: &Value) {
    let attempts = job["attempts"].as_array().expect("attempts");
    let exited = attempts.iter().filter(|attempt| attempt["end"] == "exited").count();
    assert_eq!(exited, 1, "{job}");
    assert_eq!(attempts.last().map(|attempt| &attempt["end"]), Some(&"exited".into()), "{job}");
    let leases: Vec<_> = attempts.iter().map(|attempt| attempt["lease"].as_u64()).collect();
    assert!(leases.windows(2).all(|pair| pair[0] < pair[1]), "{job}");
}

#[test]
fn an_accepted_submit_is_never_lost_when_leaders_are_killed_one_after_the_other() {
    let mut cluster = Cluster::start(&Options::default());
    let later = r#"{"action":"noop","scheduledAt":"2099-01-01T00:00:00Z"}"#;
    let mut accepted = Vec::new();
    for _ in 0..4 {
        let leader = cluster.leader();
        for i in 0..30 {
            if i == 15 {
                cluster.kill(leader);
            }
            let address = &cluster.replicas[(leader + i) % 3].address;
            if let Ok(answer) = crate::harness::http::post(address, "/api/v0/jobs", later)
                && answer.status == 202
            {
                accepted.push(answer.json()["id"].as_str().expect("an id").to_owned());
            }
        }
        cluster.spawn(leader);
        cluster.wait_until_whole();
    }
    assert!(accepted.len() > 60, "only {} were accepted", accepted.len());
    for id in &accepted {
        for i in 0..3 {
            assert_eq!(cluster.job(i, id)["status"], "waiting");
        }
    }
}
