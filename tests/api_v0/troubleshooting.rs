//! The worked example of the job troubleshooting page, end to end.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Cluster, Options, wait_for};

/// One worker with one `scan` and one `scanCheck`; each job runs until the test lets it end.
fn cluster() -> (Cluster, std::path::PathBuf) {
    let gates = tempfile::tempdir().expect("a temporary directory").keep();
    // One worker has the capacities, as on the page; the others are there for the log.
    let actions = format!(
        "[actions.gated]\ncommand = [\"sh\", \"-c\", \"until [ -e {}/$1 ]; do sleep 0.02; done\", \"--\", \"{{param:GATE}}\"]\n",
        gates.display()
    );
    let options = Options {
        capacity: "{ scan = 1, scanCheck = 1 }",
        actions: Box::leak(actions.into_boxed_str()),
        replicas: 3,
        ..Options::default()
    };
    let cluster = Cluster::start(&options);
    for replica in &cluster.replicas[1..] {
        let path = format!("/api/v0/workers/{}/capacity", replica.id);
        let answer = cluster.post(0, &path, r#"{"capacityMap":{}}"#).expect("an answer");
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    (cluster, gates)
}

fn submit(cluster: &Cluster, capacity: &str, gate: &str) -> String {
    let body = json!({
        "action": "gated",
        "parameters": {"GATE": gate},
        "capacityMap": {capacity: 1},
        "retries": 0,
        "deadline": "",
        "stopTimeout": "",
        "scheduledAt": "",
    });
    cluster.submit(1, &body.to_string())
}

#[test]
fn jobs_0_and_2_run_and_1_waits_until_0_has_ended() {
    let (cluster, gates) = cluster();
    let worker = cluster.replicas[0].id.clone();
    let jobs = [
        submit(&cluster, "scan", "0"),
        submit(&cluster, "scan", "1"),
        submit(&cluster, "scanCheck", "2"),
    ];
    for id in [&jobs[0], &jobs[2]] {
        let job = cluster.wait_for_status(2, id, "running");
        assert_eq!(job["workerID"], worker.as_str(), "{job}");
    }
    let waiting = cluster.job(0, &jobs[1]);
    assert_eq!(waiting["status"], "waiting", "{waiting}");
    assert_eq!(waiting["workerID"], "", "{waiting}");
    assert_eq!(waiting["waitReason"], "the capacity scan: 1 is in use", "{waiting}");
    let answer = cluster.get(1, "/api/v0/jobs?running=true").expect("an answer");
    let running = answer.json();
    assert_eq!(running["jobs"].as_array().map(Vec::len), Some(2), "{running}");

    fs::write(gates.join("0"), "").expect("a gate opens");
    cluster.wait_for_status(1, &jobs[0], "done");
    cluster.wait_for_status(1, &jobs[1], "running");
    for gate in ["1", "2"] {
        fs::write(gates.join(gate), "").expect("a gate opens");
    }
    for id in &jobs {
        let job = cluster.wait_for_status(0, id, "done");
        job_is_field_for_field_of_v0(&job, &worker);
    }
    fs::remove_dir_all(gates).expect("the gates go");
}

/// The fields of v0, their types and their spelling; ours come after them.
fn job_is_field_for_field_of_v0(job: &Value, worker: &str) {
    let fields: Vec<_> = job.as_object().expect("an object").keys().map(String::as_str).collect();
    let known = [
        "id",
        "retryFromID",
        "workerID",
        "status",
        "scheduledAt",
        "lastUpdated",
        "action",
        "retriesLeft",
        "retriesTotal",
        "capacityMap",
        "parameters",
        "deadline",
        "stopTimeout",
    ];
    for name in known {
        assert!(fields.contains(&name), "{name} is missing in {job}");
    }
    assert_eq!(job["id"], job["retryFromID"], "{job}");
    assert_eq!(job["workerID"], worker, "{job}");
    assert_eq!(job["action"], "gated", "{job}");
    assert_eq!(job["retriesLeft"], 0, "{job}");
    assert_eq!(job["retriesTotal"], 0, "{job}");
    assert_eq!(job["deadline"], "", "{job}");
    assert_eq!(job["stopTimeout"], "", "{job}");
    assert!(job["parameters"]["GATE"].is_string(), "{job}");
    assert_eq!(job["capacityMap"].as_object().map(serde_json::Map::len), Some(1), "{job}");
    for name in ["scheduledAt", "lastUpdated"] {
        let text = job[name].as_str().expect("a time");
        assert!(text.ends_with('Z') && text.len() >= 20, "{name} is {text}");
    }
}

#[test]
fn a_worker_is_field_for_field_of_v0() {
    let (cluster, gates) = cluster();
    let answer = cluster.get(2, "/api/v0/workers/").expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    let workers = answer.json();
    let first = &workers["workers"][0];
    assert_eq!(first["id"], "000000000001");
    assert_eq!(first["status"], "running");
    assert_eq!(first["capacityMap"], json!({"scan": 1, "scanCheck": 1}));
    assert!(first["heartbeatExpiration"].as_str().is_some_and(|text| text.ends_with('Z')));
    let of_others = &workers["workers"][1]["capacityMap"];
    assert_eq!(*of_others, json!({}), "a map that was set to nothing is empty, not null");
    fs::remove_dir_all(gates).expect("the gates go");
}

#[test]
fn a_waiting_job_that_fits_nowhere_says_so_and_blocks_nobody() {
    let (cluster, gates) = cluster();
    let stuck = submit(&cluster, "gpu", "never");
    let next = submit(&cluster, "scan", "next");
    cluster.wait_for_status(0, &next, "running");
    let job = cluster.job(0, &stuck);
    assert_eq!(job["status"], "waiting", "{job}");
    assert_eq!(job["waitReason"], "no live worker has the capacity gpu: 1", "{job}");
    let path = format!("/api/v0/workers/{}/capacity/", cluster.replicas[2].id);
    cluster.post(0, &path, r#"{"capacityMap":{"gpu":1}}"#).expect("an answer");
    fs::write(gates.join("never"), "").expect("a gate opens");
    let job = cluster.wait_for_status(0, &stuck, "done");
    assert_eq!(job["workerID"], cluster.replicas[2].id.as_str(), "{job}");
    fs::write(gates.join("next"), "").expect("a gate opens");
    wait_for("the other to end", || {
        let job = cluster.job(1, &next);
        if job["status"] == "done" { Ok(()) } else { Err(job) }
    });
    fs::remove_dir_all(gates).expect("the gates go");
}
