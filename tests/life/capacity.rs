//! Capacity that changes while jobs hold some of it.

use serde_json::json;

use super::{command_line, ends, worker};
use crate::harness::{Cluster, Options, wait_for};

const SLEEPER: &str = "[actions.sleeper]\ncommand = [\"sleep\", \"{param:SECONDS}\"]\n";

fn sleeper(seconds: &str) -> String {
    let parameters = format!(r#""parameters":{{"SECONDS":"{seconds}"}}"#);
    format!(r#"{{"action":"sleeper","capacityMap":{{"scan":1}},{parameters}}}"#)
}

#[test]
fn capacity_falls_below_what_runs_and_to_nothing_and_rises_again() {
    let options =
        Options { replicas: 1, capacity: "{ scan = 3 }", actions: SLEEPER, ..Options::default() };
    let cluster = Cluster::start(&options);
    let id = cluster.replicas[0].id.clone();
    let set = |amount: &str| {
        let run = command_line(&cluster, &["worker", "capacity", &id, amount]);
        assert_eq!(run.code, Some(0), "{run:?}");
    };
    let running: Vec<_> = ["3", "600", "600"].map(|s| cluster.submit(0, &sleeper(s))).into();
    for job in &running {
        cluster.wait_for_status(0, job, "running");
    }
    set("scan=1");
    let shown = worker(&cluster, 0, &id);
    assert_eq!(
        (&shown["capacityMap"], &shown["capacityInUse"]),
        (&json!({"scan":1}), &json!({"scan":3}))
    );
    let next = cluster.submit(0, &sleeper("0"));
    let waiting = cluster.job(0, &next);
    let detail = &waiting["waitDetail"];
    assert_eq!(detail["kind"], "capacity_in_use", "{waiting}");
    assert_eq!(detail["capacityMap"], json!({"scan":1}), "{waiting}");
    let mut holders = running.clone();
    holders.sort();
    assert_eq!(detail["jobIDs"], json!(holders), "{waiting}");
    // One that ends leaves two, which is still more than there is.
    cluster.wait_for_status(0, &running[0], "done");
    assert_eq!(cluster.job(0, &next)["status"], "waiting");
    set("scan=0");
    let waiting = cluster.job(0, &next);
    assert_eq!(waiting["waitDetail"]["kind"], "no_worker_has", "{waiting}");
    for job in &running[1..] {
        let job = cluster.job(0, job);
        assert_eq!((&job["status"], ends(&job)), (&"running".into(), vec![""]), "{job}");
    }
    set("scan=3");
    cluster.wait_for_status(0, &next, "done");
    for job in &running[1..] {
        cluster.delete(0, &format!("/api/v0/jobs/{job}")).expect("an answer");
    }
    wait_for("all of it to be given back", || {
        let shown = worker(&cluster, 0, &id);
        if shown["capacityInUse"] == json!({}) { Ok(()) } else { Err(shown) }
    });
}
