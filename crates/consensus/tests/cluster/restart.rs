//! What is on disk is all there is, and it is enough.

use stint_consensus::Keep;
use stint_core::{Command, Job, Status};

use crate::harness::{Cluster, SHORT, timing, until};
use crate::puppet::{LONG, Puppet, has_all_lines, propose, read, submit};

#[tokio::test(flavor = "multi_thread")]
async fn all_replicas_restart_from_their_logs_and_have_everything() {
    let mut cluster = Cluster::start(timing(), Keep::default()).await;
    let jobs = live(&cluster, 3).await;
    for number in 0..3 {
        let checkpoint = cluster.node(number).state.checkpoint().expect("its disk");
        assert!(checkpoint.is_none(), "replica {number} has a checkpoint");
    }
    restart(&mut cluster, &jobs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_replicas_restart_from_a_checkpoint_and_have_everything() {
    let mut cluster = Cluster::start(timing(), SHORT).await;
    let jobs = live(&cluster, 25).await;
    for number in 0..3 {
        until("the log to be cut", async || cluster.node(number).log.purged().is_some()).await;
    }
    restart(&mut cluster, &jobs).await;
}

/// Has jobs end in every way, and leaves some that wait and one that runs.
pub(crate) async fn live(cluster: &Cluster, count: usize) -> Vec<Job> {
    let puppet = Puppet::register(cluster.replica(0), LONG).await;
    let mut ids = Vec::new();
    for round in 0..count {
        let replica = cluster.replica(round % 3);
        ids.push(puppet.run(replica, 5).await.id);
    }
    let replica = cluster.replica(1);
    let running = submit(replica).await;
    let lease = puppet.claim(replica, running).await;
    puppet.print(replica, (running, lease), 0, 4).await;
    let canceled = submit(replica).await;
    propose(replica, Command::Cancel { job: canceled }).await;
    let deleted = submit(replica).await;
    propose(replica, Command::Delete { job: deleted }).await;
    let gone = puppet.run(replica, 2).await.id;
    let waiting = submit(replica).await;
    propose(replica, Command::Delete { job: gone }).await;
    ids.extend([running, canceled, deleted, gone, waiting]);
    let mut jobs = Vec::new();
    for id in ids {
        jobs.push(Job::clone(&*read(replica, id).await));
    }
    jobs
}

async fn restart(cluster: &mut Cluster, jobs: &[Job]) {
    let workers = |cluster: &Cluster, number: usize| {
        cluster.replica(number).with_state(|state| state.parts().workers)
    };
    let before = workers(cluster, 0);
    cluster.stop_all().await;
    cluster.start_all().await;
    for number in 0..3 {
        let replica = cluster.replica(number);
        for job in jobs {
            assert_eq!(*read(replica, job.id).await, *job, "on replica {number}");
            if job.status != Status::Deleted {
                assert_eq!(cluster.lines_here(number, job), job.line_count, "of {job:?}");
                has_all_lines(replica, job).await;
            }
        }
        assert_eq!(workers(cluster, number), before, "on replica {number}");
        let listed =
            replica.list_jobs(&stint_consensus::List { limit: 1_000, ..Default::default() }).await;
        let expected = jobs.iter().filter(|job| job.status != Status::Deleted).count();
        assert_eq!(listed.expect("a list").0.len(), expected, "on replica {number}");
    }
    submit(cluster.replica(2)).await;
}
