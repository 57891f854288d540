//! One unique key is one live job, whoever is asked and whoever dies.

use std::collections::BTreeSet;
use std::thread;

use serde_json::Value;

use crate::harness::{Cluster, Options, http, wait_for};

/// Submissions of each client in a round.
const EACH: usize = 15;

/// Submits until it is accepted, at one replica after the other, and gives the answer.
fn submit(addresses: &[String], first: usize, body: &str) -> Value {
    let mut at = first;
    wait_for("a submission to be accepted", || {
        let address = &addresses[at % addresses.len()];
        at += 1;
        let answer = http::post(address, "/api/v0/jobs", body)?;
        match answer.status {
            202 => Ok(answer.json()),
            503 => Err(format!("{answer:?}")),
            _ => panic!("{answer:?}"),
        }
    })
}

/// Three clients at each of three replicas submit with one key at once, while `trouble` is made; the
/// jobs that they were answered with.
fn submit_at_once(
    cluster: &mut Cluster,
    body: &str,
    trouble: impl FnOnce(&mut Cluster),
) -> Vec<Value> {
    let addresses: Vec<_> = cluster.replicas.iter().map(|one| one.address.clone()).collect();
    let addresses = addresses.as_slice();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..9)
            .map(|client| {
                scope.spawn(move || {
                    (0..EACH).map(|_| submit(addresses, client, body)).collect::<Vec<_>>()
                })
            })
            .collect();
        trouble(cluster);
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    })
}

fn ids(answers: &[Value]) -> BTreeSet<&str> {
    answers.iter().map(|job| job["id"].as_str().expect("an id")).collect()
}

#[test]
fn one_unique_key_is_one_job_though_all_replicas_are_asked_at_once_and_leaders_die() {
    let mut cluster = Cluster::start(&Options::default());
    for round in 0..3 {
        let body = format!(
            r#"{{"action":"noop","scheduledAt":"2099-01-01T00:00:00Z","uniqueKey":"key {round}"}}"#
        );
        let leader = cluster.leader();
        let answers = submit_at_once(&mut cluster, &body, |cluster| {
            if round > 0 {
                cluster.kill(leader);
            }
        });
        assert_eq!(answers.len(), 9 * EACH);
        assert_eq!(ids(&answers).len(), 1, "{answers:#?}");
        // Whoever has created it may have died before it could say so.
        let new = answers.iter().filter(|job| job["existing"] != true).count();
        assert!(new <= 1 && (new == 1 || round > 0), "{new} were told that theirs is the first");
        if round > 0 {
            cluster.spawn(leader);
            cluster.wait_until_whole();
        }
        for i in 0..3 {
            let list = cluster.get(i, "/api/v0/jobs?limit=0").expect("an answer").json();
            let jobs = list["jobs"].as_array().expect("jobs");
            let with_key = jobs.iter().filter(|job| job["uniqueKey"] == format!("key {round}"));
            assert_eq!(with_key.count(), 1, "at replica {i}: {list}");
        }
        let id = answers[0]["id"].as_str().expect("an id");
        let path = format!("/api/v0/jobs/{id}/cancel");
        assert_eq!(cluster.post(1, &path, "").expect("an answer").status, 204);
        let next = cluster.submit(2, &body);
        assert_ne!(next, id, "it is over, and its key is free");
    }
}
