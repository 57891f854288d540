//! Two of three are gone for good: the one that is left goes on, if somebody says so.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::{options, text};
use crate::harness::program::{stint, stint_told};
use crate::harness::{Cluster, wait_for};

/// A cluster of which only replica 0 is left, and a job that was done before. The data of 1 is older,
/// that of 2 is gone.
fn ruin() -> (Cluster, String) {
    let mut cluster = Cluster::start(&options());
    cluster.kill(1);
    let done = cluster.submit(0, r#"{"action":"say"}"#);
    cluster.wait_for_status(0, &done, "done");
    cluster.kill(0);
    cluster.kill(2);
    fs::remove_dir_all(&cluster.replicas[2].data_dir).expect("the directory");
    (cluster, done)
}

/// The index of the last entry, as `stint repair --look` says it.
fn last_entry(said: &str) -> String {
    let (_, rest) = said.split_once("its last entry is ").expect("the last entry");
    rest.split(' ').next().expect("an index").to_owned()
}

#[test]
fn a_replica_that_is_left_alone_goes_on_after_a_repair_and_not_before() {
    let (mut cluster, done) = ruin();
    let config = cluster.replicas[0].config.clone();
    let older = cluster.replicas[1].data_dir.clone();

    let looked = stint(&["repair", "--look", "--config", text(&config), "--also", text(&older)]);
    assert_eq!(looked.code, Some(0), "{looked:?}");
    assert!(looked.out.contains("the newest is the first of them"), "{looked:?}");
    let last = last_entry(&looked.out);

    // Nobody has confirmed it.
    for told in ["", "yes\n", "0\n"] {
        let run = stint_told(&["repair", "--config", text(&config)], told);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.out.contains("What may be lost"), "{run:?}");
        assert!(run.err.contains("nothing was changed"), "{run:?}");
    }
    let again = stint(&["repair", "--look", "--config", text(&config)]);
    assert_eq!(last_entry(&again.out), last, "{again:?}");

    // The other one that is left knows less.
    let other = cluster.replicas[1].config.clone();
    let newest = cluster.replicas[0].data_dir.clone();
    let run =
        stint(&["repair", "--config", text(&other), "--also", text(&newest), "--confirm", "1"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.err.contains("has newer entries: repair that one"), "{run:?}");

    let run = stint_told(&["repair", "--config", text(&config)], &format!("{last}\n"));
    assert_eq!(run.code, Some(0), "{run:?}");
    let copies = fs::read_dir(cluster.dir()).expect("the directory").filter_map(Result::ok);
    let copies: Vec<_> = copies
        .filter(|entry| entry.file_name().to_string_lossy().contains("before-repair"))
        .collect();
    assert_eq!(copies.len(), 1, "{copies:?}");
    for name in ["log.redb", "state.redb", "format.toml"] {
        assert!(copies[0].path().join(name).is_file(), "{name} in {copies:?}");
    }
    let mode = copies[0].metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "others may read what the replica keeps");

    cluster.spawn(0);
    cluster.wait_until_whole();
    assert_eq!(cluster.job(0, &done)["status"], "done");
    let job = cluster.submit(0, r#"{"action":"say"}"#);
    cluster.wait_for_status(0, &job, "done");
    let status = cluster.get(0, "/api/v0/meta/cluster_status").expect("an answer").json();
    assert_eq!(status["members"].as_array().map(Vec::len), Some(1), "{status}");

    // One of the lost comes back with its old data, and is not listened to.
    cluster.spawn(1);
    wait_for("the one that came back to be told", || {
        let log = cluster.log(1);
        if log.contains("another cluster") { Ok(()) } else { Err(log) }
    });
    let job = cluster.submit(0, r#"{"action":"say"}"#);
    cluster.wait_for_status(0, &job, "done");
    let status = cluster.get(0, "/api/v0/meta/cluster_status").expect("an answer").json();
    assert_eq!(status["leaderID"], cluster.replicas[0].id.as_str(), "{status}");

    cluster.kill(0);
    cluster.spawn(0);
    wait_for("it to go on after a restart", || {
        let answer = cluster.get(0, &format!("/api/v0/jobs/{job}"))?;
        if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
    });

    // New ones join it, with the id of the cluster as it was; then it can lose the one that was left.
    let one = cluster.grow(0, 4, &options());
    let other = cluster.grow(one, 5, &options());
    cluster.kill(0);
    cluster.wait_for_status(other, &done, "done");
    let job = cluster.submit(one, r#"{"action":"say"}"#);
    cluster.wait_for_status(other, &job, "done");
}

#[test]
fn a_replica_that_runs_is_not_repaired() {
    let cluster = Cluster::start(&options());
    let run = stint(&["repair", "--look", "--config", text(&cluster.replicas[0].config)]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.err.contains("in use by another process"), "{run:?}");
}

#[test]
fn runs_of_before_a_repair_are_lost_and_no_lease_is_given_twice() {
    let mut cluster = Cluster::start(&options());
    let id = cluster.submit(0, r#"{"action":"long","capacityMap":{"slot":1}}"#);
    let job = cluster.wait_for_status(0, &id, "running");
    let lease = job["attempts"][0]["lease"].as_u64().expect("a lease");
    for i in 0..3 {
        cluster.kill(i);
    }
    // Any of them has it: it was answered as running.
    let config = cluster.replicas[0].config.clone();
    let looked = stint(&["repair", "--look", "--config", text(&config)]);
    let last = last_entry(&looked.out);
    let repair = ["repair", "--config", text(&config), "--confirm", &last, "--copy-to"];
    // The copy goes where there is a place for it, and into itself it does not go.
    let inside = cluster.replicas[0].data_dir.join("output");
    for (place, why) in
        [(inside, "in the data directory itself"), (PathBuf::from("/not/there"), "No such")]
    {
        let run = stint(&[&repair[..], &[text(&place)]].concat());
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(run.err.contains(why) && run.err.contains("nothing was changed"), "{run:?}");
    }
    let place = tempfile::tempdir().expect("a place for the copy");
    let run = stint(&[&repair[..], &[text(place.path())]].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    let copies: Vec<_> =
        fs::read_dir(place.path()).expect("the place").filter_map(Result::ok).collect();
    assert!(copies.len() == 1 && copies[0].path().join("log.redb").is_file(), "{copies:?}");
    cluster.spawn(0);
    cluster.wait_until_whole();
    let job = wait_for("the job to run again", || {
        let job = cluster.job(0, &id);
        if job["status"] == "running" && job["attempt"] == 2 { Ok(job) } else { Err(job) }
    });
    assert_eq!(job["attempts"][0]["end"], "worker_dead", "{job}");
    let again = job["attempts"][1]["lease"].as_u64().expect("a lease");
    assert!(again > lease + (1 << 40), "lease {again} after {lease}");
}
