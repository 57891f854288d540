//! Output lines: by offset and limit, while they come, on every replica.

use serde_json::{Value, json};

use crate::harness::{Cluster, Options};

const ACTIONS: &str = r#"
[actions.count]
command = ["sh", "-c", "i=0; while [ $i -lt $1 ]; do echo line $i; i=$((i+1)); done", "--", "{param:N}"]

[actions.both]
command = ["sh", "-c", "echo out; echo err >&2; printf 'no end\\377'"]
"#;

fn lines(body: &str) -> Vec<Value> {
    let json: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    json.as_array().expect("a list").clone()
}

#[test]
fn lines_are_numbered_from_0_without_gap_on_every_replica() {
    let cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    let id = cluster.submit(0, r#"{"action":"count","parameters":{"N":"5000"}}"#);
    let path = format!("/api/v0/jobs/{id}/logs");
    // Followed from the start: the answer ends when the job does.
    let followed = cluster.get(1, &format!("{path}?stream=true")).expect("an answer");
    let followed: Vec<Value> =
        followed.body.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(followed.len(), 5000);
    cluster.wait_for_status(0, &id, "done");
    for i in 0..3 {
        let all = lines(&cluster.get(i, &path).expect("an answer").body);
        assert_eq!(all.len(), 5000, "replica {i}");
        for (n, line) in all.iter().enumerate() {
            assert_eq!(line["lineNum"], n, "replica {i}");
            assert_eq!(line["data"], format!("line {n}"), "replica {i}");
        }
        assert_eq!(all, followed, "replica {i}");
        let page =
            lines(&cluster.get(i, &format!("{path}/?offset=4321&limit=2")).expect("it").body);
        assert_eq!(page, all[4321..4323], "replica {i}");
        let end = cluster.get(i, &format!("{path}?offset=5000")).expect("an answer");
        assert_eq!((end.status, end.body.as_str()), (200, "[]"));
    }
}

#[test]
fn both_streams_a_partial_last_line_and_odd_bytes_are_kept() {
    let cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    let id = cluster.submit(0, r#"{"action":"both"}"#);
    cluster.wait_for_status(0, &id, "done");
    let all = lines(&cluster.get(2, &format!("/api/v0/jobs/{id}/logs")).expect("it").body);
    let has = |source: &str, data: &str| {
        all.iter().any(|line| line["source"] == source && line["data"] == data)
    };
    assert!(has("stdout", "out") && has("stderr", "err"), "{all:?}");
    assert!(has("stdout", "no end\\xff"), "{all:?}");
    assert_eq!(cluster.job(0, &id)["lineCount"], json!(3));
}
