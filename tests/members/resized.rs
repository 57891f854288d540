//! A cluster grows and shrinks while jobs are submitted and run.

use std::time::Duration;

use super::load::Load;
use crate::harness::{Cluster, Options, wait_for};

/// What is promised: so long may writes stop.
const STOP_MAX: Duration = Duration::from_secs(2);

/// The same of a debug build, on a machine that is busy with other tests.
const STOP_MAX_AMONG_TESTS: Duration = Duration::from_secs(15);

#[test]
#[expect(clippy::print_stderr, reason = "the longest stop is a figure to be read")]
fn a_cluster_grows_from_one_to_five_and_shrinks_to_one_under_load_and_loses_nothing() {
    let options = Options { replicas: 1, ..Options::default() };
    let mut cluster = Cluster::start(&options);
    let load = Load::start(vec![cluster.replicas[0].address.clone()]);
    for number in 2..=5 {
        cluster.grow(0, number, &options);
        load.ask(addresses(&cluster, 0..number));
    }
    // Whoever leads goes first: four times the leadership has to move.
    let mut left: Vec<usize> = (0..5).collect();
    while left.len() > 1 {
        let leader = wait_for("a leader among those that are left", || {
            let asked = left.iter().find_map(|i| {
                let status = cluster.get(*i, "/api/v0/meta/cluster_status").ok()?.json();
                let leads = |i: &&usize| status["leaderID"] == cluster.replicas[**i].id.as_str();
                left.iter().find(leads).copied()
            });
            asked.ok_or("none knows one")
        });
        left.retain(|i| *i != leader);
        load.ask(addresses(&cluster, left.iter().copied()));
        let by = if left.len().is_multiple_of(2) { leader } else { left[0] };
        let answer = wait_for("the leader to go", || {
            let answer = cluster.remove(by, leader);
            if answer.status == 204 { Ok(answer) } else { Err(answer) }
        });
        assert_eq!(answer.body, "");
        assert_ne!(cluster.wait_until_ended(leader), Some(0), "it was not asked to stop");
        let log = cluster.log(leader);
        assert!(log.contains("was removed from the cluster"), "{log}");
    }
    let submitted = load.end();
    let last = left[0];
    assert_eq!(cluster.members(last).expect("an answer").len(), 1);
    eprintln!("{} jobs, the longest stop of writes {:?}", submitted.jobs.len(), submitted.longest);
    assert!(submitted.jobs.len() > 100, "only {} jobs", submitted.jobs.len());
    let stop_max = if crate::figures::is_held() { STOP_MAX } else { STOP_MAX_AMONG_TESTS };
    assert!(submitted.longest < stop_max, "writes stopped for {:?}", submitted.longest);
    for id in &submitted.jobs {
        cluster.wait_for_status(last, id, "done");
    }
}

fn addresses(cluster: &Cluster, of: impl Iterator<Item = usize>) -> Vec<String> {
    of.map(|i| cluster.replicas[i].address.clone()).collect()
}
