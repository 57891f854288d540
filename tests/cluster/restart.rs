//! What was accepted is there after every kind of stop.

use serde_json::Value;

use crate::harness::{Cluster, Options, wait_for};

fn list(cluster: &Cluster, i: usize) -> Result<Vec<Value>, String> {
    let answer = cluster.get(i, "/api/v0/jobs?limit=0")?;
    if answer.status != 200 {
        return Err(format!("{answer:?}"));
    }
    Ok(answer.json()["jobs"].as_array().cloned().unwrap_or_default())
}

#[test]
fn accepted_jobs_survive_the_death_of_all_replicas_at_once() {
    let mut cluster = Cluster::start(&Options::default());
    let later = r#"{"action":"noop","scheduledAt":"2099-01-01T00:00:00Z"}"#;
    let mut ids: Vec<_> = (0..50).map(|i| cluster.submit(i % 3, later)).collect();
    let over = cluster.submit(0, r#"{"action":"noop"}"#);
    cluster.wait_for_status(0, &over, "done");
    ids.push(over);
    ids.sort();
    for round in 0..3 {
        for i in 0..3 {
            cluster.kill(i);
        }
        for i in 0..3 {
            cluster.spawn(i);
        }
        cluster.wait_until_whole();
        for i in 0..3 {
            let mut found: Vec<_> = list(&cluster, i)
                .expect("a list")
                .iter()
                .map(|job| job["id"].as_str().expect("an id").to_owned())
                .collect();
            found.sort();
            assert_eq!(found, ids, "round {round}, replica {i}");
        }
    }
}

#[test]
fn a_replica_that_was_away_catches_up() {
    let mut cluster = Cluster::start(&Options::default());
    cluster.kill(2);
    let ids: Vec<_> = (0..300).map(|i| cluster.submit(i % 2, r#"{"action":"noop"}"#)).collect();
    cluster.spawn(2);
    wait_for("the replica to have all", || {
        let jobs = list(&cluster, 2)?;
        let done = jobs.iter().filter(|job| job["status"] == "done").count();
        if done == ids.len() { Ok(()) } else { Err(format!("{done} are done")) }
    });
}

#[test]
fn a_planned_stop_hands_over_and_loses_nothing() {
    let mut cluster = Cluster::start(&Options {
        actions: "[actions.short]\ncommand = [\"sleep\", \"0.2\"]\n",
        ..Options::default()
    });
    let mut ids = Vec::new();
    for _ in 0..3 {
        let leader = cluster.leader();
        ids.extend((0..20).map(|_| cluster.submit(leader, r#"{"action":"short"}"#)));
        assert_eq!(cluster.stop(leader), Some(0), "{}", cluster.log_tail(leader));
        let next = cluster.leader();
        ids.push(cluster.submit(next, r#"{"action":"short"}"#));
        cluster.spawn(leader);
        cluster.wait_until_whole();
    }
    for id in &ids {
        let job = cluster.wait_for_status(0, id, "done");
        let attempts = job["attempts"].as_array().expect("attempts");
        let ends: Vec<_> = attempts.iter().map(|attempt| attempt["end"].as_str()).collect();
        let (last, before) = ends.split_last().expect("an attempt");
        assert_eq!(*last, Some("exited"), "{job}");
        assert!(before.iter().all(|end| *end == Some("worker_shutdown")), "{job}");
    }
}

#[test]
fn output_that_a_replica_has_lost_is_reported_and_fetched_from_a_peer() {
    let mut cluster = Cluster::start(&Options {
        actions: "[actions.count]\ncommand = [\"seq\", \"{param:N}\"]\n",
        ..Options::default()
    });
    let id = cluster.submit(0, r#"{"action":"count","parameters":{"N":"3000"}}"#);
    cluster.wait_for_status(2, &id, "done");
    let path = format!("/api/v0/jobs/{id}/logs");
    let before = cluster.get(2, &path).expect("an answer");
    assert_eq!(before.json().as_array().map(Vec::len), Some(3000));
    cluster.kill(2);
    let output = cluster.replicas[2].data_dir.join("output");
    std::fs::remove_dir_all(&output).expect("the output is lost");
    std::fs::create_dir(&output).expect("an empty directory");
    cluster.spawn(2);
    cluster.wait_until_whole();
    let after = cluster.get(2, &path).expect("an answer");
    assert_eq!((after.status, after.body), (200, before.body));
    assert!(cluster.log(2).contains("lost"), "the loss is not reported: {}", cluster.log_tail(2));
}
