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
        let others = ids.iter().enumerate().filter(|(i, _)| *i != dead);
        let is_told = shown.contains(&told) && row(&shown, &ids[dead]).contains("see below");
        let are_well = others.map(|(_, id)| row(&shown, id)).all(|row| is_well(&row));
        if is_told && are_well { Ok(()) } else { Err(shown) }
    });
}
