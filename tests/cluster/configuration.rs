//! What operators configure is the cluster's: set on one replica, it is there on all, and stays.

use std::time::{Duration, SystemTime};

use serde_json::json;
use stint_client::Timestamp;

use crate::harness::{Cluster, Options};

const ACTIONS: &str = "[actions.license_update]\ncommand = [\"true\"]\n";

const CRON: &str = "/api/v0/crons/license_update";
const CONFIG: &str = "/api/v0/action_configs/license_update";
const SETTINGS: &str = "/api/v0/meta/settings";

/// Posts to replica `i`, which must accept it, and gives the body of the answer.
fn put(cluster: &Cluster, i: usize, path: &str, body: &str) -> String {
    let answer = cluster.post(i, path, body).expect("an answer");
    assert_eq!(answer.status, 202, "{path}: {answer:?}");
    answer.body
}

fn get(cluster: &Cluster, i: usize, path: &str) -> String {
    let answer = cluster.get(i, path).expect("an answer");
    assert_eq!(answer.status, 200, "replica {i}, {path}: {answer:?}");
    answer.body
}

#[test]
fn what_one_replica_was_told_all_know_and_keep_through_the_death_of_all() {
    let mut cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    let before = SystemTime::now();
    let documented = r#"{"action":"license_update","schedule":"57 54 3 * * *","retries":2,
        "capacityMap":null,"parameters":null,"deadline":"","stopTimeout":""}"#;
    let cron = put(&cluster, 0, "/api/v0/crons", documented);
    let config = r#"{"action":"license_update","parameters":{"SERVER":"a"}}"#;
    let config = put(&cluster, 1, "/api/v0/action_configs", config);
    let settings = r#"{"jobHistoryToKeep":1000,"jobHistoryMaxAge":"720h"}"#;
    let settings = put(&cluster, 2, SETTINGS, settings);

    let json: serde_json::Value = serde_json::from_str(&cron).expect("JSON");
    let next_run = json["nextRun"].as_str().expect("a time").to_owned();
    assert!(next_run.ends_with("T03:54:57Z"), "{next_run}");
    let next = SystemTime::try_from(next_run.parse::<Timestamp>().expect("a time"));
    let next = next.expect("a time since 1970");
    let day = Duration::from_hours(24);
    assert!(next > before && next <= SystemTime::now() + day, "{next_run} is not the next one");
    let expected = json!({
        "id": json["id"], "action": "license_update", "schedule": "57 54 3 * * *", "retries": 2,
        "capacityMap": null, "parameters": null, "deadline": "", "stopTimeout": "",
        "nextRun": next_run, "missed": "one", "missedWindow": "10s", "overlap": "allow",
        "jitter": "", "isPaused": false, "fired": 0, "skipped": {},
    });
    assert_eq!(json, expected);

    let all = [(CRON, &cron), (CONFIG, &config), (SETTINGS, &settings)];
    for i in 0..3 {
        for (path, body) in all {
            assert_eq!(&get(&cluster, i, path), body, "replica {i}, {path}");
        }
    }
    for i in 0..3 {
        cluster.kill(i);
    }
    for i in 0..3 {
        cluster.spawn(i);
    }
    cluster.wait_until_whole();
    for i in 0..3 {
        for (path, body) in all {
            assert_eq!(&get(&cluster, i, path), body, "replica {i}, {path}");
        }
        assert_eq!(get(&cluster, i, "/api/v0/crons"), format!("{{\"crons\":[{cron}]}}"));
    }
    let job = cluster.submit(1, r#"{"action":"license_update"}"#);
    assert_eq!(cluster.job(2, &job)["parameters"], json!({"SERVER": "a"}));

    for path in [CRON, CONFIG] {
        assert_eq!(cluster.delete(1, path).expect("an answer").status, 204, "{path}");
        assert_eq!(cluster.get(2, path).expect("an answer").status, 404, "{path}");
    }
}
