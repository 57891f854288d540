//! Full disks: what is new waits, what was taken is carried on with, and what makes room goes on.

use super::House;
use crate::harness::wait_for;

/// Between the two bounds: too little for new work, enough to carry on.
const FEW: u64 = 48 << 20;

#[test]
#[ignore = "needs root and loop devices"]
fn a_leader_with_a_full_disk_gives_way_and_work_goes_on() {
    let mut house = House::start(1);
    house.make_first_lead();
    // Not even enough to carry on.
    house.disks[0].fill(20 << 20);
    wait_for("another leader", || match house.cluster.leader() {
        0 => Err("the first leads"),
        _ => Ok(()),
    });
    house.works(1);
    house.warns(0, "the disk is full");
    house.warns(0, "free some space");
    let refused = house.cluster.post(0, "/api/v0/jobs", r#"{"action":"say"}"#).expect("an answer");
    assert_eq!((refused.status, refused.error_code().as_str()), (507, "INSUFFICIENT_STORAGE"));

    house.disks[0].clear();
    house.works(0);
    let status = house.status(0).expect("a status");
    assert!(!status["warnings"].to_string().contains("full"), "{status}");
}

#[test]
#[ignore = "needs root and loop devices"]
fn where_all_disks_are_full_runs_are_kept_and_history_is_still_compacted() {
    let house = House::start(3);
    let cluster = &house.cluster;
    for _ in 0..30 {
        house.works(0);
    }
    let long = cluster.submit(0, r#"{"action":"long"}"#);
    cluster.wait_for_status(0, &long, "running");
    for disk in &house.disks {
        disk.fill(FEW);
    }
    wait_for("new work to be refused", || {
        let answer = cluster.post(1, "/api/v0/jobs", r#"{"action":"say"}"#)?;
        if answer.status == 507 { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    // Longer than the leases of the workers: they are renewed.
    let lease = cluster.job(0, &long)["attempts"][0]["lease"].clone();
    let renewed = |from: &str| {
        let workers = cluster.get(0, "/api/v0/workers")?.json();
        let at = workers["workers"][0]["heartbeatExpiration"].as_str().unwrap_or_default();
        if at > from { Ok(at.to_owned()) } else { Err(workers.to_string()) }
    };
    let mut at = String::new();
    for _ in 0..4 {
        at = wait_for("a renewal", || renewed(&at));
    }
    let job = cluster.job(0, &long);
    assert_eq!(
        (&job["status"], &job["attempts"][0]["lease"]),
        (&"running".into(), &lease),
        "{job}"
    );

    let settings = r#"{"jobHistoryCompactionEnabled":true,"jobHistoryToKeep":5}"#;
    let answer = cluster.post(0, "/api/v0/meta/settings", settings).expect("an answer");
    assert_eq!(answer.status, 202, "{answer:?}");
    let run = cluster.submit(0, r#"{"action":"onlinegc_joblogs"}"#);
    cluster.wait_for_status(0, &run, "done");
    let listed = cluster.get(0, "/api/v0/jobs?limit=100").expect("an answer").json();
    let count = listed["jobs"].as_array().map(Vec::len);
    assert!(count.is_some_and(|count| count <= 8), "{count:?} jobs are left");

    for disk in &house.disks {
        disk.clear();
    }
    house.works(2);
}
