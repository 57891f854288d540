//! Reads are never stale.

use std::time::{Duration, Instant};

use stint_consensus::{Error, Keep, Replica, Timing};
use stint_core::{Command, Job, JobId, Status};

use crate::harness::{Cluster, timing, until};
use crate::puppet::{LONG, Puppet, propose, read, submit};

/// What a slow machine may add to a limit.
const SLACK: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_on_one_replica_is_read_on_every_replica_at_once() {
    let cluster = Cluster::start(timing(), Keep::default()).await;
    let puppet = Puppet::register(cluster.replica(0), LONG).await;
    for round in 0..12 {
        let asked = cluster.replica(round % 3);
        let id = submit(asked).await;
        everywhere(&cluster, id, |job| job.status == Status::Waiting).await;
        let lease = puppet.claim(asked, id).await;
        everywhere(&cluster, id, |job| job.lease() == Some(lease)).await;
        puppet.print(asked, (id, lease), 0, 3).await;
        everywhere(&cluster, id, |job| job.line_count == 3).await;
        puppet.finish(asked, (id, lease)).await;
        everywhere(&cluster, id, |job| job.status == Status::Done).await;
        propose(asked, Command::Delete { job: id }).await;
        everywhere(&cluster, id, |job| job.status == Status::Deleted).await;
    }
}

/// Reads a job on all replicas at the same time.
async fn everywhere(cluster: &Cluster, id: JobId, is_so: impl Fn(&Job) -> bool) {
    let [a, b, c] = [0, 1, 2].map(|number| read(cluster.replica(number), id));
    let (a, b, c) = tokio::join!(a, b, c);
    for (number, job) in [a, b, c].into_iter().enumerate() {
        assert!(is_so(&job), "replica {number} shows {job:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_off_never_answers_a_stale_read_and_catches_up_when_healed() {
    let cluster = Cluster::with_relays(brisk(), Keep::default()).await;
    let leader = cluster.leader().await;
    cut_off(cluster, leader).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_is_cut_off_never_answers_a_stale_read_and_catches_up_when_healed() {
    let cluster = Cluster::with_relays(brisk(), Keep::default()).await;
    let follower = cluster.follower().await;
    cut_off(cluster, follower).await;
}

fn brisk() -> Timing {
    Timing { request: Duration::from_secs(3), ..timing() }
}

async fn cut_off(cluster: Cluster, alone: usize) {
    Puppet::register(cluster.replica(alone), LONG).await;
    let id = submit(cluster.replica(alone)).await;
    // Readers ask without pause, from before the cut on, and at different moments.
    let readers: Vec<_> = (0..4)
        .map(|_| tokio::spawn(read_until_it_fails_twice(cluster.replica(alone).clone(), id)))
        .collect();
    cluster.cut_off(alone);
    let others: Vec<_> = (0..3).filter(|number| *number != alone).collect();
    let leader = cluster.leader_among(&others).await;
    propose(cluster.replica(leader), Command::Cancel { job: id }).await;
    let canceled = Instant::now();
    let request = cluster.timing.request;
    let late = cluster.replica(alone).job(id).await;
    assert!(
        matches!(late, Err(Error::NoLeader(_) | Error::Unavailable(_))),
        "cut off, it says {late:?}"
    );
    assert!(canceled.elapsed() < request + SLACK, "it took {:?}", canceled.elapsed());
    for reader in readers {
        for (asked, took, answer) in reader.await.expect("a reader") {
            assert!(took < request + SLACK, "a read took {took:?}: {answer:?}");
            let is_stale = asked > canceled && answer == Some(Status::Waiting);
            assert!(!is_stale, "a read that began after the change shows {answer:?}");
        }
    }
    let asked = Instant::now();
    let (_, command) = crate::puppet::new_job(cluster.replica(alone));
    let refused = cluster.replica(alone).propose(command).await;
    assert!(refused.is_err(), "cut off, it carries out: {refused:?}");
    assert!(asked.elapsed() < request + SLACK, "a proposal took {:?}", asked.elapsed());

    // After a while there is no leader for it any more, and nobody has to wait.
    until("it to say that it hears of no leader", async || {
        cluster.replica(alone).status().silence.is_some()
    })
    .await;
    assert_eq!(cluster.replica(alone).status().leader, None);
    let asked = Instant::now();
    let (_, command) = crate::puppet::new_job(cluster.replica(alone));
    let answers = [
        cluster.replica(alone).propose(command).await.map(drop),
        cluster.replica(alone).job(id).await.map(drop),
    ];
    assert!(matches!(answers, [Err(Error::NoLeader(_)), Err(Error::NoLeader(_))]), "{answers:?}");
    assert!(asked.elapsed() < request, "they took {:?}", asked.elapsed());
    assert_eq!(cluster.replica(leader).status().silence, None, "most of them have a leader");

    cluster.heal(alone);
    until("the replica to be back", async || {
        let found = cluster.replica(alone).job(id).await;
        found.is_ok_and(|job| job.is_some_and(|job| job.status == Status::Cancel))
    })
    .await;
    until("what it answers to be taken", async || {
        let (_, command) = crate::puppet::new_job(cluster.replica(alone));
        cluster.replica(alone).propose(command).await.is_ok()
    })
    .await;
}

/// When each read began, how long it took, and what it showed.
type Seen = Vec<(Instant, Duration, Option<Status>)>;

async fn read_until_it_fails_twice(replica: Replica, id: JobId) -> Seen {
    let mut seen = Seen::new();
    while seen.iter().filter(|(_, _, answer)| answer.is_none()).count() < 2 {
        let asked = Instant::now();
        let answer = replica.job(id).await;
        let status = answer.ok().map(|job| job.expect("the job").status);
        seen.push((asked, asked.elapsed(), status));
    }
    seen
}
