//! A queue that rests.

use crate::harness::program::stint;
use crate::harness::{Cluster, Options, wait_for};

#[test]
fn a_paused_queue_rests_though_leaders_die_and_says_why_until_it_is_resumed() {
    let mut cluster = Cluster::start(&Options { is_closed: true, ..Options::default() });
    let pause = r#"{"reason":"the disk is full"}"#;
    let answer = cluster.post(1, "/api/v0/queues/noop/pause", pause).expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = cluster.submit(2, r#"{"action":"noop"}"#);
    let other = cluster.submit(0, r#"{"action":"false"}"#);
    cluster.wait_for_status(0, &other, "error");

    let dead = cluster.leader();
    cluster.kill(dead);
    let alive = (dead + 1) % 3;
    wait_for("another leader that knows", || {
        let queues = cluster.get(alive, "/api/v0/queues")?.json();
        let all = queues["queues"].as_array().cloned().unwrap_or_default();
        let queue = all.iter().find(|queue| queue["action"] == "noop").cloned();
        let queue = queue.ok_or_else(|| queues.to_string())?;
        let said = (&queue["pausedBy"], &queue["pauseReason"], &queue["due"]);
        if said == (&"admin".into(), &"the disk is full".into(), &1.into()) {
            Ok(())
        } else {
            Err(queue.to_string())
        }
    });
    let job = cluster.job(alive, &id);
    assert_eq!((&job["status"], &job["attempt"]), (&"waiting".into(), &0.into()), "{job}");
    assert_eq!(job["waitDetail"]["kind"], "paused", "{job}");
    assert!(job["waitReason"].as_str().is_some_and(|why| why.contains("paused")), "{job}");

    let addresses = cluster.addresses();
    let token = cluster.admin.clone().expect("a closed cluster has one");
    let of = |args: &[&str]| stint(&[&["--address", &addresses, "--token", &token], args].concat());
    let shown = of(&["queue", "list"]);
    assert!(shown.out.contains("admin") && shown.out.contains("the disk is full"), "{shown:?}");
    let resumed = of(&["queue", "resume", "noop"]);
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    cluster.wait_for_status(alive, &id, "done");
    let unknown = of(&["queue", "pause", "nobodys"]);
    assert_eq!(unknown.code, Some(7), "{unknown:?}");
}
