//! A replica that begins at a checkpoint goes on exactly as the one that it was taken of, also from
//! the middle of a flood of due jobs; and a checkpoint that cannot be is not taken for a state.

use std::sync::Arc;

use stint_core::invariant::Violation;
use stint_core::{
    Command, Epoch, Event, Job, JobId, NewJob, Outcome, Parts, State, Status, Timestamp, limits,
};

use super::cluster::{Cluster, amounts, exit, job, needing, new_job, spec, worker};

/// More than two entries can make due.
const FLOOD: u64 = 10_000;

/// `FLOOD` jobs that all become due in one second, out of the order of their ids.
fn before_the_flood() -> Cluster {
    let mut cluster = Cluster::with_worker(&[("scan", 3)]);
    for n in 0..FLOOD {
        let place = n * 7_919 % FLOOD;
        let at = Timestamp::from_ms(cluster.now_ms + 1_000 + place / 10);
        cluster.submit(NewJob { scheduled_at: Some(at), ..needing(n, &[("scan", n % 3)]) });
    }
    cluster.now_ms += 10_000;
    cluster
}

fn became_due(outcome: &Outcome) -> Vec<(Timestamp, JobId)> {
    let due = outcome.events.iter().filter_map(|event| {
        if let Event::Due(job) = event { Some((job.scheduled_at, job.id)) } else { None }
    });
    due.collect()
}

#[test]
fn a_flood_of_due_jobs_is_spread_over_entries_in_order_and_none_is_lost() {
    let mut cluster = before_the_flood();
    let mut due = Vec::new();
    while cluster.state.next_deadline().is_some_and(|at| at.as_ms() <= cluster.now_ms) {
        let promoted = became_due(&cluster.apply(Command::Tick));
        assert!(!promoted.is_empty(), "something is due, and no entry makes it so");
        assert!(promoted.len() <= limits::PROMOTIONS_PER_ENTRY_MAX);
        due.extend(promoted);
        cluster.check();
    }
    assert_eq!(u64::try_from(due.len()), Ok(FLOOD));
    assert!(due.is_sorted(), "jobs became due out of order");
    assert_eq!(cluster.state.due_count(), due.len());
    assert_eq!(cluster.state.next_deadline(), None);
}

#[test]
fn a_job_submitted_in_a_flood_becomes_due_in_its_turn() {
    let mut cluster = before_the_flood();
    cluster.ok(Command::Tick);
    let early = Timestamp::from_ms(cluster.now_ms - 9_000);
    let first =
        cluster.apply(Command::Submit(NewJob { scheduled_at: Some(early), ..new_job(FLOOD + 1) }));
    assert_eq!(became_due(&first).last(), Some(&(early, job(FLOOD + 1))));
    let last = Command::Submit(new_job(FLOOD + 2));
    let mut seen = became_due(&cluster.apply(last));
    while seen.last().is_none_or(|(_, id)| *id != job(FLOOD + 2)) {
        assert!(cluster.state.next_deadline().is_some(), "the last job is never due");
        seen.extend(became_due(&cluster.apply(Command::Tick)));
    }
    assert_eq!(cluster.state.next_deadline(), None);
    cluster.check();
}

/// What a cluster does next, whatever the state is.
fn next(number: u64, state: &State) -> Command {
    let (worker, epoch) = (worker(1), Epoch(1));
    let running = state.jobs().find(|job| job.status.is_running()).cloned();
    match (number % 6, running) {
        (0, _) => Command::Submit(new_job(FLOOD + number)),
        (1, _) => Command::Claim { worker, epoch, max: 2 },
        (2, Some(run)) => {
            let lease = run.lease().expect("it runs");
            let runs = vec![stint_core::Finished { job: run.id, lease, exit: exit(1) }];
            Command::Finish { worker, epoch, runs }
        }
        (3, _) => Command::Cancel { job: job(number * 31 % FLOOD) },
        (4, _) => Command::Delete { job: job(number * 17 % FLOOD) },
        _ => Command::Tick,
    }
}

#[test]
fn a_checkpoint_in_the_middle_of_a_flood_goes_on_as_the_state_does() {
    // Before the first entry that makes jobs due, after it, and in each one after.
    for entries in 0..4 {
        let mut cluster = before_the_flood();
        (0..entries).for_each(|number| drop(cluster.apply(next(number, &cluster.state))));
        let restored = State::from_parts(cluster.state.parts()).expect("parts that can be");
        assert!(restored == cluster.state, "after {entries} entries");
        let mut twin = Cluster { state: restored, now_ms: cluster.now_ms };
        for number in entries..60 {
            let command = next(number, &cluster.state);
            let (of_first, of_twin) = (cluster.apply(command.clone()), twin.apply(command));
            assert_eq!(of_first, of_twin, "entry {number}, checkpoint after {entries}");
        }
        assert!(twin.state == cluster.state, "checkpoint after {entries} entries");
        cluster.check();
    }
}

#[test]
fn a_state_does_not_change_while_a_checkpoint_of_it_is_written() {
    let mut cluster = Cluster::with_worker(&[("scan", 1)]);
    cluster.submit(needing(1, &[("scan", 1)]));
    let (copy, parts) = (cluster.state.clone(), cluster.state.parts());
    let run = cluster.claim(1).remove(0);
    cluster.finish(&run, exit(0));
    assert_eq!(copy.parts(), parts);
    assert_eq!(copy.job(job(1)).map(|job| job.status), Some(Status::Waiting));
}

/// One job waits, one runs, one is for later; a worker lives, and holds one.
fn ordinary() -> Parts {
    let mut cluster = Cluster::with_worker(&[("scan", 1)]);
    cluster.submit(needing(1, &[("scan", 1)]));
    cluster.submit(needing(2, &[("scan", 1)]));
    cluster.claim(5);
    let later = Some(Timestamp::from_ms(cluster.now_ms + 1));
    cluster.submit(NewJob { scheduled_at: later, spec: spec(None), ..new_job(3) });
    cluster.check();
    cluster.state.parts()
}

/// The record of job `number` to be spoilt.
fn record(parts: &mut Parts, number: u64) -> &mut Job {
    let found = parts.jobs.iter_mut().find(|record| record.id == job(number));
    Arc::make_mut(found.expect("a job of the ordinary state"))
}

/// Spoils parts, and names what is then wrong with them.
type Spoil = fn(&mut Parts) -> Violation;

#[test]
fn a_checkpoint_that_no_state_has_is_an_error_and_says_what_is_wrong() {
    let spoils: [Spoil; 11] = [
        |parts| {
            record(parts, 2).status = Status::Done;
            Violation::OverButLive(job(2), Status::Done)
        },
        |parts| {
            record(parts, 1).status = Status::Waiting;
            Violation::Attempt(job(1), Status::Waiting)
        },
        |parts| {
            record(parts, 2).status = Status::Running;
            Violation::Attempt(job(2), Status::Running)
        },
        |parts| {
            parts.workers.clear();
            Violation::RunWithoutWorker(job(1))
        },
        |parts| {
            Arc::make_mut(&mut parts.workers[0]).epoch = Epoch(2);
            Violation::RunWithoutWorker(job(1))
        },
        |parts| {
            parts.jobs.retain(|record| record.id != job(1));
            let lease = parts.last_lease;
            Violation::WorkerWithoutRun(worker(1), job(1), lease)
        },
        |parts| {
            let lease = std::mem::take(&mut parts.last_lease);
            Violation::Lease(lease)
        },
        |parts| {
            Arc::make_mut(&mut parts.workers[0]).capacity_in_use = amounts(&[]);
            Violation::Capacity(worker(1))
        },
        |parts| {
            record(parts, 1).spec.capacity_map = None;
            Violation::Capacity(worker(1))
        },
        |parts| {
            record(parts, 2).retries_left = 1;
            Violation::Numbers(job(2))
        },
        |parts| {
            parts.last_job = 1;
            Violation::Numbers(job(2))
        },
    ];
    for spoil in spoils {
        let mut parts = ordinary();
        let violation = spoil(&mut parts);
        assert_eq!(State::from_parts(parts).err(), Some(violation));
    }
    assert!(State::from_parts(ordinary()).is_ok());
}
