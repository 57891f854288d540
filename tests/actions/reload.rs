//! SIGHUP: what is offered changes, and what runs does not.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Cluster, Options, wait_for};

const BEFORE: &str = r#"
[actions.old]
command = ["sh", "-c", 'echo before; while [ ! -e "$1" ]; do sleep 0.02; done; echo after', "--", "{param:gate}"]

[actions.same]
command = ["echo", "first"]
"#;

const AFTER: &str = r#"
[actions.new]
command = ["echo", "new"]
retries = 4

[actions.same]
command = ["echo", "second"]
"#;

fn rewrite(cluster: &Cluster, from: &str, to: &str) {
    for (i, replica) in cluster.replicas.iter().enumerate() {
        let text = fs::read_to_string(&replica.config).expect("a config");
        assert!(text.contains(from), "{from}");
        fs::write(&replica.config, text.replace(from, to)).expect("a config");
        cluster.hang_up(i);
    }
}

fn workers(cluster: &Cluster) -> Vec<Value> {
    let answer = cluster.get(0, "/api/v0/workers").expect("an answer").json();
    answer["workers"].as_array().expect("a list").clone()
}

#[test]
fn new_actions_and_capacity_are_taken_up_and_running_jobs_go_on() {
    let capacity = "{ scan = 1 }";
    let options = Options { capacity, actions: BEFORE, ..Options::default() };
    let cluster = Cluster::start(&options);
    let gate = cluster.dir().join("gate");
    let parameters = json!({ "gate": gate });
    let body = json!({"action": "old", "parameters": parameters}).to_string();
    let running = cluster.submit(0, &body);
    cluster.wait_for_status(0, &running, "running");
    let epochs: Vec<_> = workers(&cluster).iter().map(|w| w["epoch"].clone()).collect();

    rewrite(&cluster, BEFORE, AFTER);
    wait_for("all workers to offer the new action", || {
        let all = workers(&cluster);
        let has = |worker: &Value| {
            let actions = worker["actions"].as_array().expect("a list");
            actions.contains(&json!("new")) && !actions.contains(&json!("old"))
        };
        if all.iter().all(has) { Ok(()) } else { Err(all) }
    });
    rewrite(&cluster, capacity, "{ scan = 7, io = 1 }");
    wait_for("all workers to have more", || {
        let all = workers(&cluster);
        let has = |worker: &Value| worker["capacityMap"] == json!({"scan": 7, "io": 1});
        if all.iter().all(has) { Ok(()) } else { Err(all) }
    });
    let answer = cluster.post(0, "/api/v0/jobs", &body).expect("an answer");
    assert_eq!(answer.json()["errors"][0]["code"], "NO_SUCH_ACTION", "{answer:?}");
    let new = cluster.submit(0, r#"{"action":"new","capacityMap":{"io":1}}"#);
    assert_eq!(cluster.wait_for_status(0, &new, "done")["retriesTotal"], 4);
    let same = cluster.submit(0, r#"{"action":"same"}"#);
    cluster.wait_for_status(0, &same, "done");
    let logs = cluster.get(0, &format!("/api/v0/jobs/{same}/logs")).expect("an answer").json();
    assert_eq!(logs[0]["data"], "second", "{logs}");

    // The job that ran all the while ends as it began, in the same life of its worker.
    fs::write(&gate, "").expect("a file");
    let job = cluster.wait_for_status(0, &running, "done");
    assert_eq!(job["attempts"].as_array().map(Vec::len), Some(1), "{job}");
    let logs = cluster.get(0, &format!("/api/v0/jobs/{running}/logs")).expect("an answer").json();
    assert_eq!((&logs[0]["data"], &logs[1]["data"]), (&json!("before"), &json!("after")), "{logs}");
    let now: Vec<_> = workers(&cluster).iter().map(|worker| worker["epoch"].clone()).collect();
    assert_eq!(now, epochs, "nobody registered anew");
}

#[test]
fn a_wrong_configuration_changes_nothing_and_is_told_until_it_is_right() {
    let cluster = Cluster::start(&Options { replicas: 1, actions: BEFORE, ..Options::default() });
    let id = cluster.replicas[0].id.clone();
    let health = |wanted: &str| {
        wait_for(&format!("the health to say {wanted}"), || {
            let answer = cluster.get(0, "/api/v0/meta/cluster_status").expect("an answer").json();
            let health = answer["replica_health"][&id].as_str().expect("a text").to_owned();
            if health.contains(wanted) { Ok(health) } else { Err(health) }
        })
    };
    rewrite(&cluster, "[actions.same]", "[actions.same]\nretires = 1\n\n[actions.more]");
    let line = fs::read_to_string(&cluster.replicas[0].config).expect("a config");
    let line = 1 + line.lines().position(|line| line.starts_with("retires")).expect("the line");
    let said = health("unknown key \"retires\"");
    assert!(said.contains(&format!(":{line}:1:")), "{said}");
    assert!(cluster.log(0).contains("the configuration is wrong, and nothing changes"));
    assert_eq!(cluster.get(0, "/readyz").expect("an answer").status, 200);
    let job = cluster.submit(0, r#"{"action":"same"}"#);
    cluster.wait_for_status(0, &job, "done");

    // What needs a restart is named, and the rest is taken up.
    rewrite(&cluster, "retires = 1\n\n[actions.more]", "");
    rewrite(&cluster, "lease_ttl = \"2s\"", "lease_ttl = \"3s\"");
    assert_eq!(health("OK"), "OK");
    wait_for("the log to name the key", || {
        let log = cluster.log(0);
        let is_named = log.contains("worker.lease_ttl") && log.contains("needs a restart");
        if is_named { Ok(()) } else { Err(log) }
    });
}
