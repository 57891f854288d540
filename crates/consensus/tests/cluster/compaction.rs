//! Compacted history is the same everywhere, whatever happens to a replica meanwhile.

use std::sync::Arc;

use stint_consensus::{Keep, List, Replica};
use stint_core::{Change, Command, Compaction, Job, JobId, LeaseId, SettingsChange, State, limits};
use stint_storage::StateStore;

use crate::harness::{Cluster, SHORT, timing, until};
use crate::history::are_counted;
use crate::puppet::{LONG, Puppet, has_all_lines, propose, read, submit};

/// A worker whose job compacts.
struct Compactor {
    puppet: Puppet,
    run: (JobId, LeaseId),
}

impl Compactor {
    /// Has so many jobs kept from now on.
    async fn keeping(replica: &Replica, puppet: Puppet, count: u64) -> Self {
        let change = SettingsChange {
            job_history_compaction_enabled: Change::To(true),
            job_history_to_keep: Change::To(Some(count)),
            ..SettingsChange::default()
        };
        propose(replica, Command::PutSettings(change)).await;
        let job = submit(replica).await;
        Self { puppet, run: (job, puppet.claim(replica, job).await) }
    }

    /// Removes at most so many jobs; how many there were.
    async fn step(&self, replica: &Replica, limit: usize) -> usize {
        let by = replica.with_state(|state| state.settings().retention()).expect("it is enabled");
        let jobs = replica.outdated(by, limit).await.expect("its disk").ids;
        let count = jobs.len();
        if count > 0 {
            let Puppet { id: worker, epoch } = self.puppet;
            let (job, lease) = self.run;
            let step = Compaction { worker, epoch, job, lease, by, jobs };
            propose(replica, Command::Compact(Box::new(step))).await;
        }
        count
    }

    async fn compact(&self, replica: &Replica) {
        while self.step(replica, limits::COMPACTED_PER_ENTRY_MAX).await > 0 {}
    }
}

async fn run(replica: &Replica, puppet: Puppet, count: usize) -> Vec<Arc<Job>> {
    let mut jobs = Vec::new();
    for _ in 0..count {
        jobs.push(puppet.run(replica, 3).await);
    }
    jobs
}

async fn list(replica: &Replica) -> Vec<Arc<Job>> {
    let all = List { limit: 1_000, ..List::default() };
    replica.list_jobs(&all).await.expect("a list").0
}

/// All of history as it lies on a disk: the order of ends, and the bytes of the records.
fn history(state: &StateStore) -> Vec<(Vec<u8>, bool)> {
    let ends = |ends: stint_storage::Oldest, is_listed| {
        assert_eq!(usize::try_from(ends.count), Ok(ends.first.len()));
        ends.first.into_iter().map(move |end| (end.id, is_listed))
    };
    let listed = ends(state.oldest(usize::MAX).expect("its disk"), true);
    let tombstones = ends(state.oldest_tombstones(usize::MAX).expect("its disk"), false);
    let body = |(id, is_listed)| {
        let body = state.get(&id).expect("its disk").expect("what is in an order is there");
        (body, is_listed)
    };
    listed.chain(tombstones).map(body).collect()
}

async fn are_alike(cluster: &Cluster, what: &str) {
    let expected = list(cluster.replica(0)).await;
    for number in 1..3 {
        assert_eq!(list(cluster.replica(number)).await, expected, "{what}: replica {number}");
    }
    let expected = history(&cluster.node(0).state);
    for number in 1..3 {
        assert_eq!(history(&cluster.node(number).state), expected, "{what}: replica {number}");
    }
    for replica in cluster.replicas() {
        are_counted(replica, what).await;
    }
    let applied = |number| {
        let replica: &Replica = cluster.replica(number);
        (replica.status().applied_index, replica.with_state(State::parts))
    };
    until(&format!("{what}: one state on all replicas"), async || {
        let first = applied(0);
        applied(1) == first && applied(2) == first
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_away_has_the_same_history_and_no_lines_of_what_is_gone() {
    let mut cluster = Cluster::start(timing(), SHORT).await;
    let away = cluster.follower().await;
    let here = (away + 1) % 3;
    let puppet = Puppet::register(cluster.replica(here), LONG).await;
    let old = run(cluster.replica(here), puppet, 20).await;
    let tombstone = old[3].id;
    propose(cluster.replica(here), Command::Delete { job: tombstone }).await;
    for job in old.iter().filter(|job| job.id != tombstone) {
        until("all to have the lines", async || cluster.lines_here(away, job) == 3).await;
    }
    let last = cluster.node(away).log.last_index().expect("a log");
    cluster.stop(away).await;

    let replica = cluster.replica(here);
    let kept = run(replica, puppet, 5).await;
    // Tombstones count for themselves, and so this one stays for now.
    let compactor = Compactor::keeping(replica, puppet, 5).await;
    compactor.compact(replica).await;
    assert_eq!(read(replica, tombstone).await.status, stint_core::Status::Deleted);
    // Until what was done is out of the log.
    while cluster.node(here).log.purged().is_none_or(|(purged, _)| purged <= last + 50) {
        let job = submit(replica).await;
        let lease = puppet.claim(replica, job).await;
        puppet.print(replica, (job, lease), 0, 9).await;
    }
    cluster.start_one(away).await;
    let replica = cluster.replica(away);
    for job in old.iter().filter(|job| job.id != tombstone) {
        assert_eq!(replica.job(job.id).await.expect("an answer"), None, "{}", job.id);
    }
    for number in 0..3 {
        until("the lines of what is gone to go", async || {
            old.iter().all(|job| cluster.lines_here(number, job) == 0)
        })
        .await;
        for job in &kept {
            assert_eq!(*read(cluster.replica(number), job.id).await, **job);
            has_all_lines(cluster.replica(number), job).await;
        }
    }
    are_alike(&cluster, "after a snapshot").await;
    cluster.stop_all().await;
    cluster.start_all().await;
    are_alike(&cluster, "after a restart").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_restart_in_the_middle_of_it_replay_to_the_same_history() {
    for keep in [Keep::default(), SHORT] {
        let mut cluster = Cluster::start(timing(), keep).await;
        let puppet = Puppet::register(cluster.replica(0), LONG).await;
        run(cluster.replica(0), puppet, 20).await;
        let compactor = Compactor::keeping(cluster.replica(0), puppet, 5).await;
        for _ in 0..3 {
            assert_eq!(compactor.step(cluster.replica(0), 3).await, 3);
        }
        // What has ended since must not count when the steps are replayed.
        let young = run(cluster.replica(0), puppet, 8).await;
        let before = list(cluster.replica(0)).await;
        cluster.stop_all().await;
        cluster.start_all().await;
        let without_compactor = |jobs: Vec<Arc<Job>>| {
            jobs.into_iter().filter(|job| !job.status.is_running()).collect::<Vec<_>>()
        };
        let after = list(cluster.replica(1)).await;
        assert_eq!(without_compactor(after), without_compactor(before));
        are_alike(&cluster, "in the middle").await;
        compactor.compact(cluster.replica(0)).await;
        are_alike(&cluster, "at the end").await;
        let left = without_compactor(list(cluster.replica(2)).await);
        assert_eq!(left.len(), 5);
        assert!(left.iter().all(|job| young.contains(job)), "the newest stay");
        for job in &left {
            has_all_lines(cluster.replica(2), job).await;
        }
    }
}
