//! Watching goes on when the replica that told what happens dies.

use std::time::Duration;

use stint_client::{Client, Watch, WatchRange, v0};
use tokio::time::timeout;

use crate::harness::{Cluster, Options, PATIENCE};

fn watch(addresses: impl IntoIterator<Item = String>) -> Watch {
    let client = Client::builder().endpoints(addresses).deadline(Duration::from_secs(30));
    let range = WatchRange { from: Some(0), kinds: vec!["jobs".to_owned()] };
    client.build().expect("a client").watch(range)
}

/// The events up to the end of so many jobs.
async fn until_ended(watch: &mut Watch, count: usize) -> Vec<v0::WatchResponse> {
    let mut seen: Vec<v0::WatchResponse> = Vec::new();
    let mut ended = 0;
    while ended < count {
        let next = timeout(PATIENCE, watch.next()).await;
        let event = next.unwrap_or_else(|_| panic!("{ended} of {count} jobs ended: {seen:?}"));
        let event = event.expect("a replica answers");
        ended += usize::from(event.kind == "job_ended");
        seen.extend(Some(event).filter(|event| event.kind != "bookmark"));
    }
    seen
}

#[tokio::test]
async fn a_watch_goes_on_at_another_replica_with_each_event_once() {
    let mut cluster = Cluster::start(&Options::default());
    let addresses: Vec<_> =
        cluster.replicas.iter().map(|replica| replica.address.clone()).collect();
    // First the leader, and then one that follows it.
    for round in 0..2 {
        let victim = (cluster.leader() + round) % 3;
        let already = 40 * round;
        let survivor = (victim + 2) % 3;
        // The victim is asked first.
        let order = [&addresses[victim..], &addresses[..victim]].concat();
        let mut watched = watch(order);
        for _ in 0..20 {
            cluster.submit(survivor, r#"{"action":"noop"}"#);
        }
        let mut seen = until_ended(&mut watched, already + 5).await;
        cluster.kill(victim);
        for _ in 0..20 {
            cluster.submit(survivor, r#"{"action":"noop"}"#);
        }
        seen.extend(until_ended(&mut watched, 35).await);
        let places: Vec<_> = seen.iter().map(|event| (event.index, event.number)).collect();
        assert!(places.is_sorted_by(|a, b| a < b), "in order, and once: {places:?}");
        let told = until_ended(&mut watch([addresses[survivor].clone()]), already + 40).await;
        assert_eq!(seen, told);
        cluster.spawn(victim);
        cluster.wait_until_whole();
    }
}
