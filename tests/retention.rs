//! The history of jobs is as short as the settings say, on every replica alike, and the rest is gone.

mod alike;
mod fires;
mod killed;
mod wiped;

use std::path::Path;

use serde_json::Value;

use crate::harness::{Cluster, wait_for};

const PATH: &str = "/api/v0/meta/settings";

/// Prints what nothing else does.
const ACTIONS: &str = r#"
[actions.say]
command = ["sh", "-c", "echo the mark of $STINT_PARAM_N.; echo and more"]
"#;

fn settings(cluster: &Cluster, body: &str) {
    let answer = cluster.post(0, PATH, body).expect("an answer");
    assert_eq!(answer.status, 202, "{answer:?}");
}

/// Has the history compacted, and gives the job that did it and the lines of its output.
fn compact(cluster: &Cluster) -> (Value, Vec<String>) {
    let id = cluster.submit(0, r#"{"action":"onlinegc_joblogs"}"#);
    let job = cluster.wait_for_status(0, &id, "done");
    let answer = cluster.get(0, &format!("/api/v0/jobs/{id}/logs")).expect("an answer");
    let lines = answer.json().as_array().expect("lines").clone();
    let text = |line: &Value| line["data"].as_str().expect("text").to_owned();
    (job, lines.iter().map(text).collect())
}

/// The first page of a list, byte for byte.
fn list(cluster: &Cluster, i: usize) -> String {
    wait_for("a list", || {
        let answer = cluster.get(i, "/api/v0/jobs?limit=0")?;
        if answer.status == 200 { Ok(answer.body) } else { Err(format!("{answer:?}")) }
    })
}

/// The jobs of a list, which every replica has.
fn list_of_all(cluster: &Cluster) -> Vec<Value> {
    let first = list(cluster, 0);
    for i in 1..cluster.replicas.len() {
        assert_eq!(list(cluster, i), first, "replica {i} has another list");
    }
    let json: Value = serde_json::from_str(&first).expect("JSON");
    json["jobs"].as_array().expect("jobs").clone()
}

/// Whether a file below `dir` has these bytes.
fn is_on_disk(dir: &Path, bytes: &[u8]) -> bool {
    let Ok(entries) = std::fs::read_dir(dir) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return is_on_disk(&path, bytes);
        }
        // One that is removed meanwhile has nothing.
        let file = std::fs::read(&path).unwrap_or_default();
        file.windows(bytes.len()).any(|window| window == bytes)
    })
}
