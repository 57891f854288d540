//! How long no job is accepted while the leadership goes from one replica to another.

use std::time::{Duration, Instant};

use super::acceptance::Acceptance;
use super::{at, is_held, print, size};
use crate::harness::program::stint;
use crate::harness::{Cluster, Options, wait_for};

/// Half of all deaths of a leader, and nearly all of them.
const KILLED_P50: Duration = Duration::from_millis(1_200);
const KILLED_P99: Duration = Duration::from_secs(3);

/// A hand-over that was planned.
const PLANNED: Duration = Duration::from_millis(100);

fn cluster() -> Cluster {
    Cluster::start(&Options { lease_ttl: "10s", ..Options::default() })
}

/// Waits until replica `i` can serve, and the cluster is whole.
fn settle(cluster: &Cluster, i: usize) {
    cluster.wait_until_whole();
    wait_for("the replica to be ready", || match cluster.get(i, "/readyz")? {
        ready if ready.status == 200 => Ok(()),
        other => Err(other.body),
    });
}

/// All of these jobs are there, and over.
fn nothing_is_lost(cluster: &Cluster, jobs: &[String]) {
    for id in jobs {
        cluster.wait_for_status(0, id, "done");
    }
}

fn figures(name: &str, mut gaps: Vec<Duration>) -> (Duration, Duration) {
    gaps.sort_unstable();
    let ms: Vec<_> = gaps.iter().map(|gap| u64::try_from(gap.as_millis()).expect("few")).collect();
    let (p50, p99) = (at(&ms, 50), at(&ms, 99));
    print(&format!("{name}, {} times: no job accepted for p50 {p50} ms, p99 {p99} ms", ms.len()));
    (Duration::from_millis(p50), Duration::from_millis(p99))
}

#[test]
#[ignore = "a measurement; small, it is part of .ci/run"]
fn how_long_no_job_is_accepted_when_the_leader_is_killed() {
    let mut cluster = cluster();
    let clients = Acceptance::begin(&cluster);
    let mut gaps = Vec::new();
    for _ in 0..size("KILLS", 3) {
        let leader = cluster.leader();
        let since = Instant::now();
        cluster.kill(leader);
        gaps.push(clients.longest_gap_since(since));
        cluster.spawn(leader);
        settle(&cluster, leader);
    }
    let (p50, p99) = figures("kill -9 of the leader", gaps);
    nothing_is_lost(&cluster, &clients.end());
    if is_held() {
        assert!(p50 < KILLED_P50 && p99 < KILLED_P99, "p50 {p50:?}, p99 {p99:?}");
    }
}

#[test]
#[ignore = "a measurement; small, it is part of .ci/run"]
fn how_long_no_job_is_accepted_when_the_leadership_is_handed_over() {
    let mut cluster = cluster();
    let addresses = cluster.addresses();
    let clients = Acceptance::begin(&cluster);
    let (mut named, mut stopped) = (Vec::new(), Vec::new());
    for _ in 0..size("HANDOVERS", 2) {
        let next = cluster.replicas[(cluster.leader() + 1) % 3].id.clone();
        let since = Instant::now();
        let run = stint(&["cluster", "transfer-leader", &next, "--address", &addresses]);
        assert_eq!(run.code, Some(0), "{run:?}");
        named.push(clients.longest_gap_since(since));

        let leader = cluster.leader();
        let since = Instant::now();
        assert_eq!(cluster.stop(leader), Some(0), "{}", cluster.log_tail(leader));
        stopped.push(clients.longest_gap_since(since));
        cluster.spawn(leader);
        settle(&cluster, leader);
    }
    let (_, named) = figures("transfer-leader", named);
    let (_, stopped) = figures("SIGTERM of the leader", stopped);
    nothing_is_lost(&cluster, &clients.end());
    if is_held() {
        assert!(named < PLANNED && stopped < PLANNED, "named {named:?}, stopped {stopped:?}");
    }
}
