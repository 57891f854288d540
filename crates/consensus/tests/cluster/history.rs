//! What has ended is found at once and once, whether it is written down yet or not.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;
use stint_consensus::{AuditFilter, Keep, List, Origin, Place, Replica};
use stint_core::{Command, Exit, ExitCause, Finished, JobId, Order, Status};

use crate::harness::{Cluster, timing};
use crate::puppet::{LONG, Puppet, new_job, propose, read};

/// More than are written down at a time, and some that wait for it.
const JOBS: usize = 300;

fn origin() -> Origin {
    Origin {
        user: "somebody".to_owned(),
        token: None,
        remote: "127.0.0.1".to_owned(),
        request_id: String::new(),
    }
}

/// So many jobs that are done, asked for by somebody.
async fn done(replica: &Replica, puppet: Puppet, count: usize) -> Vec<JobId> {
    let submissions = futures_util::stream::iter(0..count).map(|_| async {
        let (id, command) = new_job(replica);
        replica.propose_for(&origin(), command).await.expect("an answer").expect("a job");
        id
    });
    let ids: Vec<_> = submissions.buffer_unordered(50).collect().await;
    let (worker, epoch) = (puppet.id, puppet.epoch);
    loop {
        propose(replica, Command::Claim { worker, epoch, max: 100 }).await;
        let runs: Vec<_> = replica.with_state(|state| {
            let leases = ids.iter().filter_map(|id| Some((*id, state.job(*id)?.lease()?)));
            let exit = Exit { cause: ExitCause::Own, code: 0, signal: None };
            leases.map(|(job, lease)| Finished { job, lease, exit: exit.clone() }).collect()
        });
        if runs.is_empty() {
            return ids;
        }
        propose(replica, Command::Finish { worker, epoch, runs }).await;
    }
}

/// All jobs that a replica lists, page by page.
async fn listed(replica: &Replica) -> Vec<JobId> {
    let (mut all, mut from) = (Vec::new(), Some(Place::default()));
    while let Some(place) = from {
        let list = List { from: place, limit: 70, ..List::default() };
        let (jobs, rest) = replica.list_jobs(&list).await.expect("a page");
        all.extend(jobs.iter().map(|job| job.id));
        from = rest;
    }
    all
}

/// The counts of jobs are what a walk over all of them finds, also from the other end.
pub(crate) async fn are_counted(replica: &Replica, what: &str) {
    let mut walks = Vec::new();
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let (mut counts, mut all) = (BTreeMap::<Status, u64>::new(), Vec::new());
        let mut from = Some(Place::default());
        while let Some(place) = from {
            let list = List { from: place, order, limit: 90, ..List::default() };
            let (jobs, rest) = replica.list_jobs(&list).await.expect("a page");
            for job in jobs {
                *counts.entry(job.status).or_default() += 1;
                all.push(job.id);
            }
            from = rest;
        }
        let counted = replica.count_jobs().await.expect("an answer");
        assert_eq!(counted.as_ref(), Some(&counts), "{what}: replica {}", replica.id());
        walks.push(all);
    }
    walks[1].reverse();
    assert_eq!(walks[0], walks[1], "{what}: replica {}", replica.id());
}

async fn audited(replica: &Replica) -> usize {
    let (mut count, mut filter) = (0, AuditFilter::default());
    loop {
        let page = replica.audit(&filter, 0, 70).await.expect("a page");
        let indexes: Vec<_> = page.records.iter().map(|record| record.index).collect();
        assert!(indexes.is_sorted_by(|a, b| a > b), "{indexes:?}");
        count += indexes.len();
        match page.rest {
            Some(rest) => filter.before = Some(rest),
            None => return count,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_have_just_ended_are_listed_once_everywhere_and_deleted_ones_are_gone() {
    let mut cluster = Cluster::start(timing(), Keep::default()).await;
    let puppet = Puppet::register(cluster.replica(0), LONG).await;
    let mut expected = BTreeSet::new();
    for count in [JOBS, 5] {
        let ids = done(cluster.replica(0), puppet, count).await;
        expected.extend(ids.iter().copied());
        for replica in cluster.replicas() {
            let all = listed(replica).await;
            assert_eq!(all.len(), expected.len(), "each is listed once");
            assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), expected);
            assert_eq!(audited(replica).await, expected.len(), "each is audited once");
            are_counted(replica, "just ended").await;
            for id in &ids {
                assert_eq!(read(replica, *id).await.status, Status::Done);
            }
        }
    }
    // One that is only in memory yet, and one that is written down.
    let gone = [expected.last().copied(), expected.first().copied()].map(|id| id.expect("a job"));
    for id in gone {
        propose(cluster.replica(1), Command::Delete { job: id }).await;
        for replica in cluster.replicas() {
            assert_eq!(read(replica, id).await.status, Status::Deleted);
            assert!(!listed(replica).await.contains(&id), "a deleted job is listed");
            are_counted(replica, "one is deleted").await;
        }
    }
    let left: BTreeSet<_> = expected.iter().copied().filter(|id| !gone.contains(id)).collect();
    done(cluster.replica(0), puppet, 3).await;
    cluster.stop_all().await;
    cluster.start_all().await;
    cluster.leader().await;
    for replica in cluster.replicas() {
        let all: BTreeSet<_> = listed(replica).await.into_iter().collect();
        assert!(all.is_superset(&left) && all.len() == left.len() + 3, "after a restart");
        assert_eq!(audited(replica).await, expected.len() + 3);
        are_counted(replica, "after a restart").await;
    }
}
