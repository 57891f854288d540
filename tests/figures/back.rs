//! How soon a replica is back: from a restart with much to remember, and after a long absence.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{bench, fill, is_held, print, size};
use crate::harness::{Cluster, Options, http, wait_for};

/// A restart, until the replica is ready.
const READY: Duration = Duration::from_secs(5);

/// A long absence, until the replica has what the leader has.
const CAUGHT_UP: Duration = Duration::from_mins(1);

/// How long either may take on whatever machine this runs on.
const PATIENCE: Duration = Duration::from_mins(10);

/// Between two submissions of the light load.
const PACE: Duration = Duration::from_millis(20);

/// From here on entries are made as fast as can be: jobs that are submitted, and deleted before they run.
const MANY: u64 = 100_000;

/// A job that nobody takes up.
const LATER: &str = r#"{"action":"noop","scheduledAt":"2099-01-01T00:00:00Z"}"#;

#[test]
#[ignore = "a measurement; small, it is part of .ci/run"]
fn how_soon_a_replica_is_back_from_a_restart_and_from_a_long_absence() {
    let (finished, waiting) = (size("FINISHED", 2_000), size("WAITING", 500));
    let mut cluster = Cluster::start(&Options { lease_ttl: "10s", ..Options::default() });
    let finished = fill(&cluster, finished);
    let before = memory_mib(&cluster);
    let waiting = leave_waiting(&cluster, waiting);
    print(&format!(
        "{finished} jobs finished, {waiting} wait; memory of the replicas in MiB: {before:?} before they \
         did, {:?} with them",
        memory_mib(&cluster)
    ));

    let back = (cluster.leader() + 1) % 3;
    assert_eq!(cluster.stop(back), Some(0), "{}", cluster.log_tail(back));
    let stopped = until_ready(&mut cluster, back);
    cluster.kill(back);
    let killed = until_ready(&mut cluster, back);
    print(&format!("ready {stopped:?} after a stop, {killed:?} after kill -9"));

    cluster.kill(back);
    let away = size("AWAY", 3_000);
    let missed = miss(&cluster, away);
    let caught_up = until_caught_up(&mut cluster, back);
    print(&format!("caught up in {caught_up:?} after it was away for {missed} entries"));
    if is_held() {
        assert!(stopped.max(killed) < READY, "{stopped:?}, {killed:?}");
        assert!(caught_up < CAUGHT_UP, "{caught_up:?}");
    }
}

/// The resident memory of each replica.
fn memory_mib(cluster: &Cluster) -> Vec<u64> {
    let of = |i: usize| {
        let path = format!("/proc/{}/status", cluster.pid(i));
        let status = fs::read_to_string(path).expect("the replica runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        let kib = line.trim().trim_end_matches("kB").trim().parse::<u64>();
        kib.expect("a number") / 1024
    };
    (0..cluster.replicas.len()).map(of).collect()
}

/// Has at least so many jobs wait, and says how many do.
fn leave_waiting(cluster: &Cluster, count: usize) -> usize {
    let mut waiting = 0;
    while waiting < count {
        let seconds = if count > 50_000 { "5" } else { "1" };
        let figures =
            bench(cluster, &["submit", "--keep", "--clients", "32", "--seconds", seconds]);
        let accepted = figures["accepted"].as_u64().expect("a count");
        waiting += usize::try_from(accepted).expect("not so many");
    }
    waiting
}

fn is_ready(cluster: &Cluster, i: usize) -> bool {
    cluster.get(i, "/readyz").is_ok_and(|answer| answer.status == 200)
}

fn until_ready(cluster: &mut Cluster, i: usize) -> Duration {
    let began = Instant::now();
    cluster.spawn(i);
    while !is_ready(cluster, i) {
        assert!(began.elapsed() < PATIENCE, "it is not ready: {}", cluster.log_tail(i));
        thread::sleep(Duration::from_millis(5));
    }
    began.elapsed()
}

/// The last entry that replica `i` has applied.
fn applied(cluster: &Cluster, i: usize) -> Result<u64, String> {
    let status = cluster.get(i, "/api/v0/meta/cluster_status")?.json();
    status["appliedIndex"].as_u64().ok_or_else(|| status.to_string())
}

/// Goes on without the one that is away, until it misses so many entries; how many it misses.
fn miss(cluster: &Cluster, entries: usize) -> u64 {
    let leader = cluster.leader();
    let last = || wait_for("the leader's last entry", || applied(cluster, leader));
    let first = last();
    let entries = u64::try_from(entries).expect("a number of entries");
    if entries > MANY {
        // Lives that are read back in the end, as `bench life` does, would take longer than to be back.
        while last() - first < entries {
            bench(cluster, &["submit", "--clients", "64", "--seconds", "30"]);
        }
    }
    while last() - first < entries {
        fill(cluster, 500);
    }
    last() - first
}

/// Starts a replica that was away, beside a light load; how long it takes until it has all that the
/// leader has.
fn until_caught_up(cluster: &mut Cluster, i: usize) -> Duration {
    let leader = cluster.leader();
    let address = cluster.replicas[leader].address.clone();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let answer = http::post(&address, "/api/v0/jobs", LATER).expect("an answer");
                assert_eq!(answer.status, 202, "{answer:?}");
                thread::sleep(PACE);
            }
        });
        let _ends = Ends(&is_over);
        let began = Instant::now();
        cluster.spawn(i);
        loop {
            let last = wait_for("the leader's last entry", || applied(cluster, leader));
            if applied(cluster, i).is_ok_and(|applied| applied >= last) {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "it has not caught up: {}", cluster.log_tail(i));
            thread::sleep(Duration::from_millis(50));
        }
        began.elapsed()
    })
}

/// Ends the load, also when the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
