//! What a replica remembers of what has happened begins, after a restart, with its last checkpoint. The
//! others remember more.

use std::time::Duration;

use stint_client::{Client, Watch, WatchRange, v0};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::harness::{Cluster, Options, PATIENCE, wait_for};

/// Entries after which a replica writes a checkpoint, and some more.
const ENTRIES: usize = 51_000;

/// Changes that are under way at a time.
const AT_ONCE: usize = 128;

const NOOP: &str = r#"{"action":"noop"}"#;

fn client(addresses: &[String]) -> Client {
    let builder = Client::builder().endpoints(addresses.iter().cloned());
    builder.deadline(Duration::from_mins(1)).build().expect("a client")
}

fn watch(addresses: &[String], from: u64) -> Watch {
    let range = WatchRange { from: Some(from), kinds: vec!["jobs".to_owned()] };
    client(addresses).watch(range)
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

/// Fills the log with entries that nobody who watches hears of.
async fn fill(addresses: &[String]) {
    let mut changes = JoinSet::new();
    for i in 0..AT_ONCE {
        let client = client(&addresses[i % addresses.len()..][..1]);
        changes.spawn(async move {
            for n in 0..ENTRIES.div_ceil(AT_ONCE) {
                let job_history_to_keep = Some(u64::try_from(1_000 + n).expect("a number"));
                let change =
                    v0::ChangeSettingsRequest { job_history_to_keep, ..Default::default() };
                client.change_settings(change).await.expect("a change");
            }
        });
    }
    while let Some(outcome) = changes.join_next().await {
        outcome.expect("the changes");
    }
}

/// The last entry that a checkpoint of this replica has.
fn checkpoint(cluster: &Cluster, i: usize) -> u64 {
    let page = cluster.get(i, "/metrics").expect("an answer").body;
    let line = page.lines().find(|line| line.starts_with("stint_log_checkpoint_index "));
    let number = line.and_then(|line| line.split(' ').nth(1)).expect("a metric");
    // Numbers of metrics may have a fraction.
    number.trim_end_matches(".0").parse().unwrap_or_else(|error| panic!("{number}: {error}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it writes 51,000 entries: half a minute, or two minutes without optimization"]
async fn a_watch_that_a_restarted_replica_cannot_give_goes_on_at_another_with_each_event_once() {
    let mut cluster = Cluster::start(&Options::default());
    let addresses: Vec<_> =
        cluster.replicas.iter().map(|replica| replica.address.clone()).collect();
    for _ in 0..20 {
        cluster.submit(0, NOOP);
    }
    let mut watched = watch(&addresses, 0);
    let mut seen = until_ended(&mut watched, 5).await;
    let from = watched.next_index().expect("a place");
    // The others are still to come, and the replica that had begun to tell forgets them.
    drop(watched);
    fill(&addresses).await;
    let victim = (cluster.leader() + 1) % 3;
    wait_for("a checkpoint", || {
        let index = checkpoint(&cluster, victim);
        if index > from + 100 { Ok(()) } else { Err(index) }
    });
    cluster.kill(victim);
    cluster.spawn(victim);
    cluster.wait_until_whole();

    let path = format!("/api/v0/watch?from={from}&kinds=jobs");
    let answer = cluster.get(victim, &path).expect("an answer");
    assert_eq!((answer.status, answer.error_code().as_str()), (410, "COMPACTED"), "{answer:?}");
    let oldest = answer.json()["errors"][0]["detail"]["oldest"].as_str().map(str::parse::<u64>);
    assert!(oldest.is_some_and(|oldest| oldest.is_ok_and(|at| at > from)), "{answer:?}");
    // It is asked first.
    let order = [&addresses[victim..], &addresses[..victim]].concat();
    let mut watched = watch(&order, from);
    seen.extend(until_ended(&mut watched, 15).await);
    for _ in 0..5 {
        cluster.submit(victim, NOOP);
    }
    seen.extend(until_ended(&mut watched, 5).await);
    let places: Vec<_> = seen.iter().map(|event| (event.index, event.number)).collect();
    assert!(places.is_sorted_by(|a, b| a < b), "in order, and once: {places:?}");
    let other = &addresses[(victim + 1) % 3..][..1];
    assert_eq!(seen, until_ended(&mut watch(other, 0), 25).await);
    // All three restarted: nobody has it, and the client is told from where on there is something.
    for i in 0..3 {
        wait_for("a checkpoint", || {
            let index = checkpoint(&cluster, i);
            if index > from + 100 { Ok(()) } else { Err(index) }
        });
    }
    for i in 0..3 {
        cluster.kill(i);
    }
    for i in 0..3 {
        cluster.spawn(i);
    }
    cluster.wait_until_whole();
    let error = loop {
        match timeout(PATIENCE, watch(&order, from).next()).await.expect("an answer") {
            Ok(event) => panic!("{event:?}"),
            Err(error) if error.to_string().contains("not kept any more") => break error,
            // Until all have a leader.
            Err(stint_client::Error::Unreachable { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    };
    assert!(error.to_string().contains("watch from there"), "{error}");
}
