//! A planned stop: leadership goes on at once, and the directory is free.

use std::time::{Duration, Instant};

use stint_consensus::{Keep, Timing};

use crate::harness::{Cluster, soon, timing};
use crate::puppet::{LONG, Puppet, read, submit};

/// Far longer than this test may take.
fn hardly_ever() -> Timing {
    let (election_min, election_max) = (Duration::from_mins(1), Duration::from_mins(2));
    Timing { election_min, election_max, ..timing() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_stopped_hands_over_far_sooner_than_others_would_elect() {
    let mut cluster = Cluster::start(timing(), Keep::default()).await;
    Puppet::register(cluster.replica(0), LONG).await;
    let first = cluster.leader().await;
    // The followers start anew with patience; a leader that speaks keeps them followers.
    cluster.timing = hardly_ever();
    let others: Vec<_> = (0..3).filter(|number| *number != first).collect();
    for number in &others {
        cluster.stop(*number).await;
        cluster.start_one(*number).await;
        assert_eq!(cluster.leader().await, first, "nobody else leads meanwhile");
    }
    let id = submit(cluster.replica(others[0])).await;

    let asked = Instant::now();
    cluster.stop(first).await;
    let second = cluster.leader_among(&others).await;
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(20), "it took {took:?}, as long as an election");
    for number in others {
        read(cluster.replica(number), id).await;
        submit(cluster.replica(number)).await;
    }
    assert_ne!(second, first);

    // The one that comes back is known to the new leader at once, and leads after it.
    cluster.start_one(first).await;
    read(cluster.replica(first), id).await;
    let asked = Instant::now();
    cluster.stop(second).await;
    cluster.leader().await;
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(20), "it took {took:?}, as long as an election");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_of_a_replica_that_was_shut_down_can_be_opened_at_once() {
    let mut cluster = Cluster::start(timing(), Keep::default()).await;
    Puppet::register(cluster.replica(0), LONG).await;
    for round in 0..2 {
        for number in 0..3 {
            submit(cluster.replica(number)).await;
            cluster.stop(number).await;
            let store = cluster.open(number);
            assert!(store.is_ok(), "replica {number}, round {round}: {:?}", store.err());
            drop(store);
            cluster.start_one(number).await;
            soon("the leader", cluster.leader()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_a_replica_is_told_that_it_has_stopped() {
    let mut cluster = Cluster::start(timing(), Keep::default()).await;
    Puppet::register(cluster.replica(0), LONG).await;
    let stopped = cluster.follower().await;
    let mut events = cluster.replica(stopped).subscribe();
    let follow = tokio::spawn(async move { while events.next().await.is_ok() {} });
    cluster.stop(stopped).await;
    soon("the end of the events", follow).await.expect("no panic");
}
