//! Workers: list, and capacity at run time.

use crate::harness::{Cluster, Options};

#[test]
fn capacity_can_be_changed_and_stays_when_the_worker_starts_anew() {
    let mut cluster = Cluster::start(&Options { capacity: "{ scan = 1 }", ..Options::default() });
    let id = cluster.replicas[1].id.clone();
    let path = format!("/api/v0/workers/{id}/capacity");
    let answer = cluster.post(2, &path, r#"{"capacityMap":{"scan":7}}"#).expect("an answer");
    assert_eq!(answer.status, 202, "{answer:?}");
    let scan = |cluster: &Cluster| {
        let json = cluster.get(0, "/api/v0/workers").expect("an answer").json();
        json["workers"][1]["capacityMap"]["scan"].clone()
    };
    assert_eq!(scan(&cluster), 7);
    assert_eq!(cluster.stop(1), Some(0));
    let json = cluster.get(0, "/api/v0/workers").expect("an answer").json();
    assert_eq!(json["workers"][1]["status"], "shutdown", "{json}");
    cluster.spawn(1);
    cluster.wait_until_whole();
    assert_eq!(scan(&cluster), 7);
}
