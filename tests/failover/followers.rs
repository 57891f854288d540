//! Those who follow the output of a job whose worker dies.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::harness::{Cluster, Options, PATIENCE};

/// Each run prints its lease and a count.
const ACTIONS: &str = r#"
[actions.say]
command = ["sh", "-c", "for i in $(seq 1 60); do echo $STINT_LEASE $i; sleep 0.05; done"]
"#;

/// Follows the output as it comes, behind the head of the answer.
fn follow(cluster: &Cluster, i: usize, id: &str, accept: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(&cluster.replicas[i].address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    // HTTP/1.0 answers have no chunks.
    let path = format!("/api/v0/jobs/{id}/logs?stream=true");
    let head = format!("GET {path} HTTP/1.0\r\nHost: x\r\nAccept: {accept}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("a request");
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line).expect("a head") > 2 {
        line.clear();
    }
    reader
}

fn next(reader: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).expect("a line in time");
    line
}

#[test]
fn a_follower_elsewhere_sees_the_next_attempt_of_a_job_whose_worker_was_killed() {
    let mut cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    let id = cluster.submit(0, r#"{"action":"say"}"#);
    let job = cluster.wait_for_status(0, &id, "running");
    let worker = job["workerID"].as_str().expect("a worker");
    let victim = cluster.replicas.iter().position(|replica| replica.id == worker);
    let victim = victim.expect("a worker of ours");
    let mut lines = follow(&cluster, (victim + 1) % 3, &id, "application/x-ndjson");
    let mut events = follow(&cluster, (victim + 2) % 3, &id, "text/event-stream");
    let (mut printed, mut told) = (next(&mut lines), next(&mut events));
    cluster.kill(victim);
    for (reader, text) in [(&mut lines, &mut printed), (&mut events, &mut told)] {
        while reader.read_line(text).expect("a line in time") > 0 {}
    }
    let job = cluster.wait_for_status((victim + 1) % 3, &id, "done");
    let attempts = job["attempts"].as_array().expect("attempts");
    assert_eq!(attempts.len(), 2, "{job}");

    let printed: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(job["lineCount"], printed.len(), "{job}");
    assert!(printed.iter().enumerate().all(|(i, line)| line["lineNum"] == i), "{printed:?}");
    let last = format!("{} ", attempts[1]["lease"]);
    let of_last: Vec<_> =
        printed.iter().filter_map(|line| line["data"].as_str()?.strip_prefix(&last)).collect();
    assert_eq!(of_last, (1..=60).map(|i| i.to_string()).collect::<Vec<_>>());
    assert!(printed.len() > 60, "and what the first attempt has printed");

    let told: Vec<Value> = told
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).expect("JSON"))
        .collect();
    let (end, told) = told.split_last().expect("an end");
    assert_eq!((told, end), (&printed[..], &serde_json::json!({})));
}
