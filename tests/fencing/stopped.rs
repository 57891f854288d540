//! A worker that is stopped for longer than its lease lasts, and goes on.

use std::time::Duration;

use stint_client::{Client, WatchRange};
use tokio::time::timeout;

use crate::harness::{Cluster, Options, PATIENCE};

use super::beats::{Beats, index_of};

/// Its epoch, as replica `i` says.
fn epoch(cluster: &Cluster, i: usize, worker: usize) -> u64 {
    let workers = cluster.get(i, "/api/v0/workers").expect("an answer").json();
    let id = cluster.replicas[worker].id.as_str();
    let mut workers = workers["workers"].as_array().into_iter().flatten();
    let found = workers.find(|worker| worker["id"] == id).expect("the worker");
    found["epoch"].as_u64().expect("an epoch")
}

/// What happened to the job up to its end, from the beginning on.
async fn kinds(cluster: &Cluster, id: &str) -> Vec<String> {
    let addresses = cluster.replicas.iter().map(|replica| replica.address.clone());
    let client = Client::builder().endpoints(addresses).deadline(Duration::from_secs(30));
    let range = WatchRange { from: Some(0), kinds: vec!["jobs".to_owned()] };
    let mut watch = client.build().expect("a client").watch(range);
    let mut kinds = Vec::new();
    while kinds.last().map(String::as_str) != Some("job_ended") {
        let next = timeout(PATIENCE, watch.next()).await;
        let event = next.unwrap_or_else(|_| panic!("only {kinds:?}")).expect("an event");
        kinds.extend((event.name == id).then_some(event.kind));
    }
    kinds
}

#[tokio::test]
async fn a_job_that_nobody_else_can_run_is_resurrected_with_its_worker_under_a_new_epoch() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let beats = Beats::new(dir.path());
    let actions = Box::leak(beats.action().into_boxed_str());
    let cluster = Cluster::start(&Options { actions, ..Options::default() });
    let leader = cluster.leader();
    let only = (leader + 1) % 3;
    let path = format!("/api/v0/workers/{}/capacity", cluster.replicas[only].id);
    let answer = cluster.post(leader, &path, r#"{"capacityMap":{"only":1}}"#).expect("an answer");
    assert_eq!(answer.status, 202, "{answer:?}");

    let job = r#"{"action":"beat","capacityMap":{"only":1}}"#;
    let (id, victim) = beats.start(&cluster, job);
    assert_eq!(victim, only);
    assert_eq!(beats.alive(&id).len(), 2);
    let before = epoch(&cluster, leader, victim);
    cluster.pause(victim);
    let job = cluster.wait_for_status(leader, &id, "worker_dead");
    assert_eq!(beats.alive(&id), Vec::<String>::new(), "its lease is over");
    let written = beats.leases(&id).len();
    assert_eq!(index_of(&cluster, &job), victim);
    cluster.resume(victim);

    let job = cluster.wait_for_status(leader, &id, "done");
    beats.are_fenced(&job);
    let first = job["attempts"][0]["lease"].as_u64();
    let by_first = beats.leases(&id).iter().filter(|lease| Some(**lease) == first).count();
    assert_eq!(by_first, written, "it beat after its lease was over");
    let ends: Vec<_> =
        job["attempts"].as_array().expect("attempts").iter().map(|a| a["end"].clone()).collect();
    assert_eq!(ends, ["worker_dead", "exited"], "{job}");
    assert!(epoch(&cluster, leader, victim) > before);
    let kinds = kinds(&cluster, &id).await;
    let found: Vec<_> =
        kinds.iter().map(String::as_str).filter(|kind| *kind != "job_due").collect();
    let expected = [
        "job_submitted",
        "job_claimed",
        "job_worker_lost",
        "job_worker_returned",
        "job_resurrected",
        "job_claimed",
        "job_ended",
    ];
    assert_eq!(found, expected);
}
