//! Following the output of a job while its cluster loses its leader.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use crate::harness::program::STINT;
use crate::harness::{Cluster, Options};

const LINES: usize = 300;

const ACTIONS: &str = r#"
[actions.count]
command = ["sh", "-c", 'i=0; while [ $i -lt 300 ]; do echo "line $i"; i=$((i+1)); sleep 0.02; done']
"#;

#[test]
fn a_followed_log_has_each_line_once_across_the_death_of_the_leader() {
    let capacity = "{ slot = 1 }";
    let mut cluster = Cluster::start(&Options { capacity, actions: ACTIONS, ..Options::default() });
    let leader = cluster.leader();
    let worker = (leader + 1) % 3;
    // The job runs where it survives: on one that does not lead.
    for i in (0..3).filter(|i| *i != worker) {
        let path = format!("/api/v0/workers/{}/capacity", cluster.replicas[i].id);
        assert_eq!(cluster.post(0, &path, r#"{"capacityMap":{}}"#).expect("an answer").status, 202);
    }
    let id = cluster.submit(worker, r#"{"action":"count","capacityMap":{"slot":1}}"#);
    let job = cluster.wait_for_status(worker, &id, "running");
    assert_eq!(job["workerID"], cluster.replicas[worker].id.as_str(), "{job}");
    // The leader is asked first, so that it is the one that is followed when it dies.
    let others = (0..3).filter(|i| *i != leader).map(|i| cluster.replicas[i].address.clone());
    let addresses: Vec<_> =
        std::iter::once(cluster.replicas[leader].address.clone()).chain(others).collect();
    let mut follower = Command::new(STINT)
        .args(["--address", &addresses.join(","), "job", "logs", "-f", &id])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program under test starts");
    let mut out = BufReader::new(follower.stdout.take().expect("a pipe"));
    let mut text = String::new();
    while text.lines().count() < LINES / 10 {
        assert!(out.read_line(&mut text).expect("text") > 0, "it ended after {text:?}");
    }
    cluster.kill(leader);
    out.read_to_string(&mut text).expect("text");
    let run = follower.wait_with_output().expect("it ends");
    let err = String::from_utf8_lossy(&run.stderr);
    let expected: Vec<_> = (0..LINES).map(|n| format!("line {n}")).collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{err}");
    assert_eq!(run.status.code(), Some(0), "{err}");
    assert_eq!(cluster.wait_for_status(worker, &id, "done")["attempt"], 1);
}
