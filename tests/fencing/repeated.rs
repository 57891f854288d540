//! The same again and again, in several clusters at once.

use std::thread;

use crate::harness::{Cluster, Options};

use super::beats::Beats;
use super::faults::{Fault, suffer};

const CLUSTERS: usize = 4;
const ROUNDS: usize = 25;

const FAULTS: &[Fault] = &[
    Fault::Killed,
    Fault::Stopped,
    Fault::Frozen(0),
    Fault::Cut,
    Fault::Jumped,
    Fault::Restarted,
    Fault::Frozen(1),
];

#[test]
fn a_worker_that_is_killed_or_restarted_or_stopped_has_nothing_left_when_its_job_runs_again() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let beats = Beats::new(dir.path());
    let actions = Box::leak(beats.action().into_boxed_str());
    let mut cluster = Cluster::start(&Options { actions, ..Options::default() });
    for fault in [Fault::Killed, Fault::Restarted, Fault::Stopped] {
        suffer(&mut cluster, &beats, fault);
    }
}

#[test]
#[ignore = "takes minutes, and needs root, network namespaces, cgroups and libfaketime"]
fn a_hundred_lost_workers_leave_no_run_that_overlaps_the_next() {
    let cluster = |number: usize| {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let beats = Beats::new(dir.path());
        let actions = Box::leak(beats.action().into_boxed_str());
        let options = Options { actions, has_hosts: true, ..Options::default() };
        let mut cluster = Cluster::start(&options);
        for round in 0..ROUNDS {
            suffer(&mut cluster, &beats, FAULTS[(number + round) % FAULTS.len()]);
        }
    };
    thread::scope(|scope| {
        let clusters: Vec<_> =
            (0..CLUSTERS).map(|number| scope.spawn(move || cluster(number))).collect();
        for cluster in clusters {
            cluster.join().expect("every run was fenced");
        }
    });
}
