//! A snapshot whose connection breaks on the way, between real replicas.

use std::time::{Duration, Instant};

use stint_consensus::{Replica, Timing};
use stint_core::{Command, JobId};

use crate::harness::{Cluster, SHORT, timing, until};
use crate::puppet::{LONG, Puppet, new_job, propose, read};

/// Bytes of the parameters of a job, of which so many are over.
const JOB_BYTES: usize = 200 * 1024;
const JOBS: usize = 80;

/// The history is sent for some seconds, in which its connection breaks twice.
const BYTES_PER_SECOND: u64 = 4 * 1024 * 1024;
const BREAKS_AFTER: u64 = 5 * 1024 * 1024;

/// The largest frame of a snapshot.
const FRAME_BYTES: u64 = 256 * 1024;

/// What may come twice after each break: frames that were on their way.
const TWICE_MAX: u64 = 2 * 1024 * 1024;

async fn large_job(replica: &Replica, puppet: Puppet) -> JobId {
    let (id, command) = new_job(replica);
    let Command::Submit(mut new) = command else { panic!("a new job is submitted") };
    new.spec.parameters = Some([("text".to_owned(), "x".repeat(JOB_BYTES))].into());
    propose(replica, Command::Submit(new)).await;
    let lease = puppet.claim(replica, id).await;
    puppet.finish(replica, (id, lease)).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_whose_connection_breaks_twice_goes_on_where_it_was() {
    let timing = Timing { snapshot_bytes_per_second: BYTES_PER_SECOND, ..timing() };
    let mut cluster = Cluster::with_relays(timing, SHORT).await;
    let away = cluster.follower().await;
    cluster.stop(away).await;
    let here = (away + 1) % 3;
    let puppet = Puppet::register(cluster.replica(here), LONG).await;
    let mut jobs = Vec::new();
    for _ in 0..JOBS {
        jobs.push(large_job(cluster.replica(here), puppet).await);
    }
    // No large entry is left in the log: the snapshot has all of it.
    let last = cluster.node(here).log.last_index().expect("a log");
    until("the log to be cut", async || {
        puppet.heartbeat(cluster.replica(here)).await;
        let mut others = (0..3).filter(|number| *number != away);
        others.all(|number| {
            cluster.node(number).log.purged().is_some_and(|(purged, _)| purged > last)
        })
    })
    .await;
    let begun = cluster.passed_to(away);
    let start = Instant::now();
    cluster.start_one(away).await;
    for breaks in 1..=2 {
        let enough = begun + breaks * BREAKS_AFTER;
        until("a part of the snapshot", async || cluster.passed_to(away) > enough).await;
        let state = &cluster.node(away).state;
        let count = state.count().expect("its disk");
        assert!(count < u64::try_from(JOBS).expect("few"), "it has come before it was cut");
        cluster.sever(away);
    }
    let last = jobs.last().copied().expect("a job");
    assert_eq!(read(cluster.replica(away), last).await.id, last);
    let whole = u64::try_from(JOBS * JOB_BYTES).expect("few");
    // Each of its three beginnings is a frame for which nothing is waited.
    let quickest = Duration::from_millis((whole - 3 * FRAME_BYTES) * 1_000 / BYTES_PER_SECOND);
    assert!(start.elapsed() >= quickest, "{:?} for {whole} bytes", start.elapsed());
    let passed = cluster.passed_to(away) - begun;
    assert!(passed >= whole, "{passed} bytes are less than the history has");
    assert!(passed < whole + 2 * TWICE_MAX, "{passed} bytes came for a history of {whole}");
}
