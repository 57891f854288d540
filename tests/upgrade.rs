//! A cluster gets another version, one replica after the other, while clients go on.

mod formats;
mod load;
mod rolling;
mod two_builds;

use std::path::Path;
use std::time::Duration;

use crate::harness::{Cluster, wait_for};

/// What the replicas of these tests can run, beside what is built in.
const ACTIONS: &str = "\
    [actions.talk]\ncommand = [\"sh\", \"-c\", \"for i in 1 2 3 4 5 6; do echo line $i; sleep 0.3; done\"]\n\
    [actions.tick]\ncommand = [\"true\"]\n";

/// A planned restart of replica `i` as another program, as its supervisor does it: SIGTERM, and the
/// next replica only when this one is ready.
fn restart_as(cluster: &mut Cluster, i: usize, program: &Path) {
    assert_eq!(cluster.stop(i), Some(0), "{}", cluster.log_tail(i));
    program.clone_into(&mut cluster.replicas[i].program);
    cluster.spawn(i);
    wait_until_ready(cluster, i);
}

fn wait_until_ready(cluster: &Cluster, i: usize) {
    wait_for(&format!("replica {i} to be ready"), || match cluster.get(i, "/readyz") {
        Ok(answer) if answer.status == 200 => Ok(()),
        other => Err(format!("{other:?}\n{}", cluster.log_tail(i))),
    });
    wait_for(&format!("the worker of replica {i}"), || {
        let id = cluster.replicas[i].id.as_str();
        let workers = cluster.get(i, "/api/v0/workers")?.json();
        let mut all = workers["workers"].as_array().into_iter().flatten();
        let is_up = all.any(|worker| worker["id"] == id && worker["status"] == "running");
        if is_up { Ok(()) } else { Err(workers.to_string()) }
    });
}

/// The replicas, the one that leads last.
fn leader_last(cluster: &Cluster) -> Vec<usize> {
    let leader = cluster.leader();
    let others = (0..cluster.replicas.len()).filter(|i| *i != leader);
    others.chain([leader]).collect()
}

/// Time for something to happen that must not: some looks of a leader at the versions.
const A_WHILE: Duration = Duration::from_secs(3);
