//! kill -9 in the middle of a compaction.

use std::thread;

use crate::harness::{Cluster, Options, wait_for};

use super::{list_of_all, settings};

/// Enough for several steps.
const JOBS: usize = 3_000;

/// How many of all are to be left.
const KEPT: usize = 20;

fn submit_all(cluster: &Cluster) {
    thread::scope(|scope| {
        for i in 0..3 {
            scope.spawn(move || {
                for _ in 0..JOBS / 3 {
                    cluster.submit(i, r#"{"action":"noop"}"#);
                }
            });
        }
    });
    wait_for("all jobs to be over", || {
        let answer = cluster.get(0, &format!("/api/v0/jobs?start={}&limit=1", JOBS - 1))?;
        let running = cluster.get(0, "/api/v0/jobs?running=true")?;
        let job = &answer.json()["jobs"][0];
        let is_over = job["status"] == "done" && running.json()["jobs"] == serde_json::json!([]);
        if is_over { Ok(()) } else { Err(format!("{answer:?} {running:?}")) }
    });
}

#[test]
fn kills_of_its_worker_and_of_the_leader_do_not_keep_it_from_its_end() {
    let mut cluster = Cluster::start(&Options::default());
    submit_all(&cluster);
    // One after the other, so that those that were scheduled last have also ended last.
    let mut newest = Vec::new();
    for _ in 0..KEPT {
        let id = cluster.submit(0, r#"{"action":"noop"}"#);
        cluster.wait_for_status(0, &id, "done");
        newest.insert(0, id);
    }
    let keep = format!(r#"{{"jobHistoryCompactionEnabled":true,"jobHistoryToKeep":{KEPT}}}"#);
    settings(&cluster, &keep);
    let gc = cluster.submit(0, r#"{"action":"onlinegc_joblogs"}"#);
    let mut killed = Vec::new();
    for round in 0..2 {
        let alive = (0..3).find(|i| !killed.contains(i)).expect("at most one is dead");
        let job = wait_for("the compaction to run", || {
            let job = cluster.job(alive, &gc);
            if job["status"] == "running" || job["status"] == "done" { Ok(job) } else { Err(job) }
        });
        let victim = if round == 0 {
            let worker = &job["workerID"];
            let of_worker = cluster.replicas.iter().position(|one| *worker == one.id.as_str());
            of_worker.expect("a worker of ours")
        } else {
            cluster.leader()
        };
        cluster.kill(victim);
        killed = vec![victim];
        if round == 0 {
            // It starts again while another one goes on.
            cluster.spawn(victim);
            killed.clear();
        }
    }
    let alive = (0..3).find(|i| !killed.contains(i)).expect("two live");
    let job = cluster.wait_for_status(alive, &gc, "done");
    assert!(job["attempt"].as_u64() >= Some(2), "it was over before the first kill: {job}");
    cluster.spawn(killed[0]);
    cluster.wait_until_whole();
    let left = list_of_all(&cluster);
    let ids = left.iter().map(|job| job["id"].as_str().expect("an id"));
    let left: Vec<_> = ids.filter(|id| *id != gc).collect();
    assert_eq!(left, newest, "{job}");
}
