//! What one replica lacks it gets from its peers, without being asked.

use std::sync::Arc;

use stint_core::Job;

use crate::harness::{Cluster, SHORT, timing, until};
use crate::puppet::{LONG, Puppet, has_all_lines, line, read, submit};

/// Jobs that are done while a replica is away, more entries than the log keeps.
async fn go_on_without(cluster: &Cluster, here: usize) -> Vec<Arc<Job>> {
    let replica = cluster.replica(here);
    let puppet = Puppet::register(replica, LONG).await;
    let mut jobs = Vec::new();
    for _ in 0..25 {
        jobs.push(puppet.run(replica, 5).await);
    }
    let running = submit(replica).await;
    let lease = puppet.claim(replica, running).await;
    puppet.print(replica, (running, lease), 0, 7).await;
    jobs.push(read(replica, running).await);
    jobs
}

/// Stops a follower until its log is behind what the others have kept. Gives the follower, one of
/// the others, and what has happened.
async fn lag(cluster: &mut Cluster) -> (usize, usize, Vec<Arc<Job>>) {
    let away = cluster.follower().await;
    let last = cluster.node(away).log.last_index().expect("a log");
    cluster.stop(away).await;
    let here = (away + 1) % 3;
    let jobs = go_on_without(cluster, here).await;
    for number in (0..3).filter(|number| *number != away) {
        let log = &cluster.node(number).log;
        until("the log to be cut", async || log.purged().is_some_and(|(purged, _)| purged > last))
            .await;
    }
    (away, here, jobs)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_was_away_for_too_long_gets_a_snapshot_with_history_and_then_the_output() {
    let mut cluster = Cluster::start(timing(), SHORT).await;
    let (away, here, jobs) = lag(&mut cluster).await;
    cluster.start_one(away).await;
    for job in &jobs {
        assert_eq!(*read(cluster.replica(away), job.id).await, **job);
        // Until they are here, a peer gives them.
        has_all_lines(cluster.replica(away), job).await;
    }
    let first = cluster.node(away).log.first_index();
    let (purged, _) = cluster.node(away).log.purged().expect("it had a snapshot");
    assert!(first.is_none_or(|first| first > purged), "{first:?} after {purged}");
    until("the output to be fetched", async || {
        jobs.iter().all(|job| cluster.lines_here(away, job) == job.line_count)
    })
    .await;
    let other = 3 - away - here;
    cluster.stop(here).await;
    cluster.stop(other).await;
    for job in &jobs {
        has_all_lines(cluster.replica(away), job).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn output_that_a_snapshot_left_to_fetch_is_fetched_after_the_next_start() {
    let mut cluster = Cluster::start(timing(), SHORT).await;
    let (away, here, jobs) = lag(&mut cluster).await;
    let job = Arc::clone(&jobs[0]);
    let (day, id) = (job.created_at.day(), job.id.to_bytes());
    // For now, no peer has the lines of this one.
    let kept = cluster.node(here).output.read(day, &id, 0, 1 << 20).expect("its disk");
    for number in (0..3).filter(|number| *number != away) {
        cluster.node(number).output.delete(day, &id).expect("a deletion");
    }
    cluster.start_one(away).await;
    until("the rest to be fetched", async || {
        jobs.iter().skip(1).all(|job| cluster.lines_here(away, job) == job.line_count)
    })
    .await;
    cluster.stop(away).await;
    for batch in kept {
        let output = &cluster.node(here).output;
        output
            .append(day, &id, batch.first_line, batch.line_count, &batch.bytes)
            .expect("its disk");
    }
    cluster.start_one(away).await;
    until("the lines to be fetched", async || cluster.lines_here(away, &job) == job.line_count)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn output_that_was_lost_is_reported_until_it_was_fetched_again() {
    let mut cluster = Cluster::start(timing(), SHORT).await;
    let jobs = go_on_without(&cluster, 0).await;
    for number in 0..3 {
        until("the log to be cut", async || cluster.node(number).log.purged().is_some()).await;
    }
    let harmed = 2;
    cluster.stop_all().await;
    let day = jobs[0].created_at.day();
    let dir = cluster.dir(harmed).join("output").join(day.to_string());
    std::fs::remove_dir_all(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    cluster.start_one(harmed).await;
    let warnings = || cluster.replica(harmed).status().warnings;
    let about = format!("output of day {day} was lost");
    let warned = warnings();
    assert!(warned.iter().any(|warning| warning.starts_with(&about)), "it says {warned:?}");
    cluster.start_one(0).await;
    cluster.start_one(1).await;
    cluster.leader().await;
    let warnings = || cluster.replica(harmed).status().warnings;
    until("the warning to go away", async || warnings().is_empty()).await;
    for job in jobs.iter().filter(|job| job.created_at.day() == day) {
        let here = cluster.lines_here(harmed, job);
        assert_eq!(here, job.line_count, "lines of {} are back", job.id);
        let found = cluster.replica(harmed).lines(job, 0, 1).await.expect("a line");
        assert_eq!(found, [(0, line(0))]);
    }
}
