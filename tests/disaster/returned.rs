//! A disk of yesterday comes back under one of three replicas.

use std::fs;
use std::path::Path;

use super::options;
use crate::harness::Cluster;

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.metadata().expect("metadata").is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

/// The leader has seen that replica acknowledge what it does not have any more. Raft gives up there
/// and then; what must not be is a process that goes on without it.
#[test]
fn a_leader_that_raft_has_left_ends_and_the_others_go_on() {
    let mut cluster = Cluster::start(&options());
    let early = cluster.submit(0, r#"{"action":"say"}"#);
    cluster.wait_for_status(0, &early, "done");
    let leader = cluster.leader();
    let victim = (leader + 1) % 3;

    assert_eq!(cluster.stop(victim), Some(0));
    let data = cluster.replicas[victim].data_dir.clone();
    let yesterday = data.with_extension("yesterday");
    copy(&data, &yesterday);
    cluster.spawn(victim);
    cluster.wait_until_whole();
    let late = cluster.submit(leader, r#"{"action":"say"}"#);
    cluster.wait_for_status(victim, &late, "done");

    assert_eq!(cluster.leader(), leader, "nothing has happened to it");
    cluster.kill(victim);
    fs::remove_dir_all(&data).expect("a directory can be removed");
    fs::rename(&yesterday, &data).expect("a directory can be moved");
    cluster.spawn(victim);

    let code = cluster.wait_for_end(leader);
    let log = cluster.log(leader);
    assert!(code != Some(0) && log.contains("Raft has ended by itself"), "{code:?} {log}");
    for i in [victim, (leader + 2) % 3] {
        cluster.wait_for_status(i, &late, "done");
    }
    cluster.spawn(leader);
    cluster.wait_until_whole();
    let id = cluster.submit(leader, r#"{"action":"say"}"#);
    for i in 0..3 {
        cluster.wait_for_status(i, &id, "done");
    }
}
