//! A lease is over when the leader has not heard of its worker for ttl + margin, and not before.

use std::time::{Duration, Instant};

use stint_consensus::{Keep, Replica, Timing};
use stint_core::{Span, Status, WorkerId, WorkerStatus};

use crate::harness::{Cluster, timing, until};
use crate::puppet::{Puppet, read, submit};

const TTL: Span = Span::from_ms(3_000);

/// The time of a lease as the leader grants it.
fn lease(timing: &Timing) -> Duration {
    Duration::from_millis(TTL.as_ms()) + timing.lease_margin
}

/// Waits until the worker is dead on this replica. What is dead here was expired before.
async fn dead(replica: &Replica, worker: WorkerId) -> Instant {
    let status = || replica.with_state(|s| s.worker(worker).map(|worker| worker.status));
    until("the lease to expire", async || status() == Some(WorkerStatus::Dead)).await;
    Instant::now()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_expired_after_ttl_and_margin_from_its_last_renewal_and_not_before() {
    let cluster = Cluster::start(timing(), Keep::default()).await;
    let replica = cluster.replica(cluster.follower().await);
    let puppet = Puppet::register(replica, TTL).await;
    let id = submit(replica).await;
    puppet.claim(replica, id).await;
    // It lives for longer than one lease by renewing it.
    let born = Instant::now();
    let mut renewed = born;
    while born.elapsed() < lease(&cluster.timing) + Duration::from_secs(1) {
        renewed = Instant::now();
        puppet.heartbeat(replica).await;
        // Passing time is what this is about: it renews as a worker does, well within its ttl.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let died = dead(replica, puppet.id).await;
    let lived = died - renewed;
    assert!(lived >= lease(&cluster.timing), "expired {lived:?} after the last renewal");
    assert_eq!(read(replica, id).await.status, Status::WorkerDead);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_leader_grants_every_worker_a_full_lease() {
    let mut cluster = Cluster::start(timing(), Keep::default()).await;
    let first = cluster.leader().await;
    let worker = (first + 1) % 3;
    let puppet = Puppet::register(cluster.replica(worker), TTL).await;
    puppet.heartbeat(cluster.replica(worker)).await;
    // Most of the lease passes under the first leader.
    tokio::time::sleep(Duration::from_millis(TTL.as_ms() * 2 / 3)).await;
    let last_seen_leading = Instant::now();
    cluster.stop(first).await;
    let died = dead(cluster.replica(worker), puppet.id).await;
    let granted = died - last_seen_leading;
    assert!(granted >= lease(&cluster.timing), "the new leader granted {granted:?} only");
}
