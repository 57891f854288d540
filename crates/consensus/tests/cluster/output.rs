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

/// A job with a hundred lines in batches of ten, of which replica `n` has on its disk those that begin
/// with one of `kept[n]`, and no others.
async fn torn(cluster: &Cluster, kept: [&[u64]; 3]) -> Arc<Job> {
    let replica = cluster.replica(0);
    let puppet = Puppet::register(replica, LONG).await;
    let id = submit(replica).await;
    let job = (id, puppet.claim(replica, id).await);
    for first in (0..100).step_by(10) {
        puppet.print(replica, job, first, first + 10).await;
    }
    puppet.finish(replica, job).await;
    let record = read(replica, id).await;
    let (day, id) = (record.created_at.day(), id.to_bytes());
    for (number, kept) in kept.into_iter().enumerate() {
        until("the lines to be here", async || cluster.lines_here(number, &record) == 100).await;
        let output = &cluster.node(number).output;
        let batches = output.read(day, &id, 0, 1 << 20).expect("its disk");
        output.delete(day, &id).expect("a deletion");
        for batch in batches.iter().filter(|batch| kept.contains(&batch.first_line)) {
            let (first, count) = (batch.first_line, batch.line_count);
            output.append(day, &id, first, count, &batch.bytes).expect("its disk");
        }
    }
    record
}

/// The numbers of all lines that a replica gives, asked as those ask who read on behind each gap.
async fn numbers(cluster: &Cluster, number: usize, job: &Job) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut next = 0;
    loop {
        let found = cluster.replica(number).lines(job, next, 1_000).await.expect("lines");
        let Some((last, _)) = found.last() else { return numbers };
        next = last + 1;
        for (found, text) in found {
            assert_eq!(text, line(found), "replica {number}");
            numbers.push(found);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_found_at_whichever_peer_has_them_and_behind_gaps_that_nobody_fills() {
    let mut cluster = Cluster::start(timing(), SHORT).await;
    // Nobody has 30 to 49 and 90 to 99. 10 to 19 only a follower of the asked one has, 60 to 79 only
    // the other; and the next after the gap is at a peer, although the asked one has later ones.
    let kept: [&[u64]; 3] = [&[0, 20, 80], &[10, 50, 80], &[50, 60, 70]];
    let job = torn(&cluster, kept).await;
    let there: Vec<_> = (0..30).chain(50..90).collect();
    assert_eq!(numbers(&cluster, 0, &job).await, there);
    assert_eq!(cluster.lines_here(0, &job), 30, "it keeps what it was given, up to the gap");
    // Each of the others finds the same, on its own or now at the first.
    for number in [2, 1] {
        assert_eq!(numbers(&cluster, number, &job).await, there, "replica {number}");
    }
    // What all have by now, one has without the others.
    cluster.stop(1).await;
    cluster.stop(2).await;
    let alone = cluster.replica(0).lines(&job, 20, 1_000).await.expect("its own lines");
    assert_eq!(
        alone.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
        (20..30).collect::<Vec<_>>()
    );
    let behind = cluster.replica(0).lines(&job, 50, 1_000).await.expect("its own lines");
    assert_eq!(
        behind.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
        (50..90).collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_that_only_a_peer_fills_that_is_cut_off_is_passed_over_until_it_is_back() {
    let cluster = Cluster::with_relays(timing(), SHORT).await;
    let job = torn(&cluster, [&[0, 90], &[0, 10, 20, 90], &[0, 90]]).await;
    cluster.cut_off(1);
    let there: Vec<_> = (0..10).chain(90..100).collect();
    assert_eq!(numbers(&cluster, 0, &job).await, there, "as far as those who answer know");
    cluster.heal(1);
    cluster.leader().await;
    let there: Vec<_> = (0..30).chain(90..100).collect();
    for number in [0, 2] {
        until("the peer to be reached again", async || {
            numbers(&cluster, number, &job).await == there
        })
        .await;
    }
}
