//! Submissions that are repeated because nobody knows what became of them.

use crate::harness::program::stint;
use crate::harness::{Cluster, Options, http, wait_for};

const LATER: &str = r#"{"action":"noop","scheduledAt":"2099-01-01T00:00:00Z"}"#;
const NOW: &str = r#"{"action":"noop"}"#;

/// Submits a job at replica `i` until it is accepted, and gives its id: that is what a key is for.
fn submit(cluster: &Cluster, i: usize, key: &str, body: &str) -> String {
    wait_for("a submission to be accepted", || {
        let answer = http::submit_once(&cluster.replicas[i].address, key, body)?;
        match answer.status {
            202 => Ok(answer.json()["id"].as_str().expect("an id").to_owned()),
            503 => Err(format!("{answer:?}")),
            _ => panic!("{answer:?}"),
        }
    })
}

#[test]
fn one_key_is_one_job_before_and_after_the_leader_is_killed_and_comes_back() {
    let mut cluster = Cluster::start(&Options::default());
    let leader = cluster.leader();
    let others = [(leader + 1) % 3, (leader + 2) % 3];
    let waiting = submit(&cluster, leader, "waiting", LATER);
    let over = submit(&cluster, others[0], "over", NOW);
    cluster.wait_for_status(leader, &over, "done");

    cluster.kill(leader);
    for i in others {
        assert_eq!(submit(&cluster, i, "waiting", LATER), waiting);
        assert_eq!(submit(&cluster, i, "over", NOW), over);
    }
    let different = http::submit_once(&cluster.replicas[others[0]].address, "over", LATER);
    let different = different.expect("an answer");
    assert_eq!((different.status, different.error_code().as_str()), (409, "CONFLICT"));

    cluster.spawn(leader);
    cluster.wait_until_whole();
    assert_eq!(submit(&cluster, leader, "waiting", LATER), waiting);
    assert_eq!(submit(&cluster, leader, "over", NOW), over);
    let addresses = cluster.addresses();
    let again = ["job", "submit", "noop", "--idempotency-key", "over", "--address", &addresses];
    let run = stint(&again);
    assert_eq!((run.code, run.out.trim()), (Some(0), over.as_str()), "{run:?}");
    let jobs = cluster.get(leader, "/api/v0/jobs").expect("an answer").json();
    assert_eq!(jobs["jobs"].as_array().map(Vec::len), Some(2), "{jobs}");
}
