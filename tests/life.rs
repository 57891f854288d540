//! The life of a job beyond its run: children, drains, capacity that changes, and every way to end.

mod capacity;
mod children;
mod drain;
mod encrypted;
mod ends;
mod flood;
mod guardian;
mod races;
mod token;

use serde_json::Value;

use crate::harness::Cluster;
use crate::harness::program::{Run, stint};

/// A worker as replica `i` answers.
fn worker(cluster: &Cluster, i: usize, id: &str) -> Value {
    let answer = cluster.get(i, "/api/v0/workers").expect("an answer");
    let json = answer.json();
    let workers = json["workers"].as_array().expect("workers");
    workers.iter().find(|worker| worker["id"] == id).expect("the worker").clone()
}

/// How the attempts of a job ended, in order.
fn ends(job: &Value) -> Vec<&str> {
    let attempts = job["attempts"].as_array().expect("attempts");
    attempts.iter().map(|attempt| attempt["end"].as_str().expect("an end")).collect()
}

/// All lines that a job has written.
fn lines(cluster: &Cluster, i: usize, id: &str) -> Vec<String> {
    let answer = cluster.get(i, &format!("/api/v0/jobs/{id}/logs")).expect("an answer");
    let json = answer.json();
    let lines = json.as_array().expect("lines").iter();
    lines.map(|line| line["data"].as_str().expect("a line").to_owned()).collect()
}

/// The command line, at any replica of the cluster.
fn command_line(cluster: &Cluster, args: &[&str]) -> Run {
    let addresses = cluster.addresses();
    stint(&[&["--address", addresses.as_str()], args].concat())
}

/// Whether nothing will change the job any more.
fn is_over(job: &Value) -> bool {
    ["done", "error", "cancel", "deleted"].iter().any(|status| job["status"] == *status)
}
