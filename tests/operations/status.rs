//! `stint cluster status`: each replica by what it says of itself.

use serde_json::Value;

use crate::harness::program::stint;
use crate::harness::{Cluster, Options, wait_for};

#[test]
fn the_status_of_a_cluster_has_each_replica_with_its_disk_and_lease_and_says_what_is_wrong() {
    let mut cluster = Cluster::start(&Options::default());
    let addresses = cluster.addresses();
    let ids: Vec<_> = cluster.replicas.iter().map(|replica| replica.id.clone()).collect();
    let look = |args: &[&str]| {
        let run = stint(&[&["cluster", "status", "--address", &addresses], args].concat());
        if run.code == Some(0) { Ok(run.out) } else { Err(run) }
    };
    let is_well =
        |row: &str| row.contains(" OK ") && row.contains("GiB (") && row.contains("running");
    let row = |shown: &str, id: &str| {
        shown.lines().find(|line| line.starts_with(id)).unwrap_or_default().to_owned()
    };
    wait_for("all replicas to be well", || {
        let shown = look(&[]).map_err(|run| format!("{run:?}"))?;
        if ids.iter().all(|id| is_well(&row(&shown, id))) { Ok(()) } else { Err(shown) }
    });
    let json: Value =
        serde_json::from_str(&look(&["--output", "json"]).expect("JSON")).expect("JSON");
    assert!(json["disk"]["freeBytes"].as_u64().is_some_and(|free| free > 0), "{json}");
    assert_eq!(json["warnings"], serde_json::json!([]), "{json}");

    let dead = cluster.leader();
    cluster.kill(dead);
    wait_for("the dead replica to be told of", || {
        let shown = look(&[]).map_err(|run| format!("{run:?}"))?;
        let told = format!("\n{}: it has not been heard of lately", ids[dead]);
        // The one that leads now may have heard of it before.
        let since = format!("\nreplica {} has not been heard of ", ids[dead]);
        let margin = "2 are heard of, and 2 are needed: one more loss stops all writes";
        let others = ids.iter().enumerate().filter(|(i, _)| *i != dead);
        let is_warned = shown.contains(&since) && shown.contains(margin);
        let is_told =
            is_warned && shown.contains(&told) && row(&shown, &ids[dead]).contains("see below");
        let are_well = others.map(|(_, id)| row(&shown, id)).all(|row| is_well(&row));
        if is_told && are_well { Ok(()) } else { Err(shown) }
    });
}

#[test]
fn work_that_cannot_go_on_is_warned_of_at_each_door() {
    let options = Options {
        replicas: 1,
        capacity: "{ scan = 1 }",
        actions: "[actions.say]\ncommand = [\"true\"]\n[actions.hush]\ncommand = [\"true\"]\n",
        ..Options::default()
    };
    let cluster = Cluster::start(&options);
    let warnings = || {
        let status = cluster.get(0, "/api/v0/meta/cluster_status").expect("an answer").json();
        let all = status["clusterWarnings"].as_array().expect("warnings").clone();
        all.iter().map(|one| one.as_str().expect("words").to_owned()).collect::<Vec<_>>()
    };
    let alone = "one replica votes: without it nothing works";
    assert!(matches!(&*warnings(), [one] if one.starts_with(alone)), "{:?}", warnings());

    cluster.submit(0, r#"{"action":"say","capacityMap":{"gpu":1}}"#);
    let pause = r#"{"reason":"the disk is full"}"#;
    assert_eq!(cluster.post(0, "/api/v0/queues/hush/pause", pause).expect("an answer").status, 200);
    let worker = &cluster.replicas[0].id;
    let drain = format!("/api/v0/workers/{worker}/drain");
    assert_eq!(cluster.post(0, &drain, "").expect("an answer").status, 202);
    let words = [
        alone,
        &format!("worker {worker} is draining and takes no jobs"),
        "the queue of the action \"hush\" is paused (the disk is full): none of its jobs is claimed",
        "1 job of the action \"say\" fits nowhere: no live worker has the capacity",
    ];
    let all = warnings();
    assert_eq!(all.len(), words.len(), "{all:?}");
    for (found, words) in all.iter().zip(words) {
        assert!(found.starts_with(words), "{found}");
    }
    let run = stint(&["cluster", "status", "--address", &cluster.addresses()]);
    for words in words {
        assert!(run.out.contains(&format!("\n{words}")), "{words}: {run:?}");
    }
}
