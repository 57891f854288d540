//! Whatever creates jobs, of crons, of parents or of what has failed, has no more room than a client.

use std::sync::Arc;

use stint_core::{
    Bulk, Command, CronId, CronPolicy, Event, Fate, Firing, Job, JobSpec, NewCron, NewJob, Overlap,
    Parameters, Parent, Refusal, SkipReason, Span, State, Timestamp, limits,
};

use super::cluster::{ACTION, Cluster, exit, job, new_job, spec};

fn number(count: usize) -> u64 {
    u64::try_from(count).expect("a small number")
}

fn of_bytes(bytes: usize) -> JobSpec {
    let parameters = Parameters::from([("p".to_owned(), "x".repeat(bytes - 1))]);
    JobSpec { parameters: Some(parameters), ..spec(None) }
}

fn large(n: u64, bytes: usize) -> NewJob {
    NewJob { spec: of_bytes(bytes), ..new_job(n) }
}

/// Live jobs whose parameters leave room for so many bytes more; the next has this number.
fn with_room_for(cluster: &mut Cluster, bytes: usize) -> u64 {
    let each = limits::PARAMETER_BYTES_MAX;
    let full = limits::LIVE_PARAMETER_BYTES_MAX / number(each);
    for n in 100..99 + full {
        cluster.submit(large(n, each));
    }
    cluster.submit(large(99 + full, each - bytes));
    100 + full
}

fn put(spec: JobSpec, overlap: Overlap) -> Command {
    Command::PutCron(Box::new(NewCron {
        id: CronId::from_bytes([1; 16]),
        spec,
        retries: 0,
        schedule: "@every 1s".to_owned(),
        time_zone: None,
        policy: CronPolicy { overlap, ..CronPolicy::default() },
        anchor: Timestamp::from_ms(1_000),
        next_run: Timestamp::from_ms(2_000),
        undecided: None,
    }))
}

/// The next tick of the cron.
fn next_tick(cluster: &Cluster) -> Firing {
    let cron = cluster.state.cron(ACTION).expect("it was put");
    let tick = cron.next_run.expect("it has one");
    Firing {
        action: ACTION.to_owned(),
        generation: cron.generation,
        mark: tick,
        passed: None,
        ticks: vec![tick],
        has_more: false,
        next_run: Some(tick.plus(Span::from_ms(1_000))),
    }
}

/// Carries out the next tick of the cron, when it is due; what became of it.
fn fire(cluster: &mut Cluster) -> Fate {
    let firing = next_tick(cluster);
    cluster.now_ms = firing.mark.as_ms();
    let (_, events) = cluster.ok(Command::Fire(vec![firing]));
    let fate = |event: &Event| {
        if let Event::CronTicked(ticked) = event { Some(ticked.record.fate) } else { None }
    };
    events.iter().find_map(fate).expect("the tick is told of")
}

fn reason(fate: Fate) -> Option<SkipReason> {
    match fate {
        Fate::Fired(_) => None,
        Fate::Skipped(skip) => Some(skip.reason),
    }
}

/// A cluster at the beginning of the cron's time.
fn early() -> Cluster {
    Cluster::at(1_000, &[])
}

#[test]
fn a_tick_whose_parameters_find_no_room_is_skipped_and_a_run_at_once_is_refused() {
    let mut cluster = early();
    cluster.ok(put(of_bytes(100), Overlap::Allow));
    with_room_for(&mut cluster, 99);
    assert_eq!(reason(fire(&mut cluster)), Some(SkipReason::QueueFull));
    let limit = limits::LIVE_PARAMETER_BYTES_MAX;
    let run = |n| Command::RunCron { action: ACTION.to_owned(), job: job(n), drawn: 0 };
    assert_eq!(cluster.apply(run(1)).reply, Err(Refusal::QueueTooLarge { limit }));
    cluster.check();
    cluster.ok(Command::Cancel { job: job(100) });
    assert_eq!(reason(fire(&mut cluster)), None);
    cluster.ok(run(1));
    cluster.check();
}

#[test]
fn a_tick_that_would_be_one_job_too_many_is_skipped() {
    let mut cluster = early();
    cluster.ok(put(spec(None), Overlap::Allow));
    let template = cluster.submit(new_job(100));
    let mut parts = cluster.state.parts();
    let count = number(limits::LIVE_JOBS_MAX);
    parts.last_job = count;
    parts.jobs.extend((1..count).map(|n| {
        let mut record = Job::clone(&template);
        (record.id, record.retry_from, record.sequence) = (job(100 + n), job(100 + n), n + 1);
        Arc::new(record)
    }));
    cluster.state = State::from_parts(parts).expect("parts that can be");
    assert_eq!(reason(fire(&mut cluster)), Some(SkipReason::QueueFull));
    cluster.ok(Command::Cancel { job: job(100) });
    assert_eq!(reason(fire(&mut cluster)), None);
    cluster.check();
}

#[test]
fn children_and_retries_that_a_client_asks_for_find_room_or_are_refused() {
    let mut cluster = Cluster::with_worker(&[]);
    cluster.submit(new_job(1));
    cluster.submit(NewJob { spec: of_bytes(100), ..new_job(2) });
    let runs = cluster.claim(2);
    cluster.finish(&runs[1], exit(1));
    let next = with_room_for(&mut cluster, 99);
    let parent = Parent { job: job(1), lease: runs[0].lease().expect("it runs") };
    let child = |bytes| NewJob { parent: Some(parent), ..large(next, bytes) };
    let retry = |bytes| NewJob { retry_from: Some(job(2)), ..large(next + 1, bytes) };
    let limit = limits::LIVE_PARAMETER_BYTES_MAX;
    let refused = Err(Refusal::QueueTooLarge { limit });
    assert_eq!(cluster.apply(Command::Submit(child(100))).reply, refused);
    assert_eq!(cluster.apply(Command::Submit(retry(100))).reply, refused);
    let all = Command::Bulk(Box::new(Bulk::Retry(vec![retry(100)])));
    let answer = stint_core::Reply::Bulk(vec![Err(Refusal::QueueTooLarge { limit })]);
    assert_eq!(cluster.ok(all).0, answer);
    cluster.submit(child(99));
    cluster.check();
    cluster.ok(Command::Cancel { job: job(next) });
    cluster.submit(retry(99));
    cluster.check();
}

#[test]
fn a_tick_that_replaces_very_many_jobs_cancels_some_and_is_skipped_until_the_rest_is_fewer() {
    let mut cluster = early();
    cluster.ok(put(spec(None), Overlap::Replace));
    let most = number(limits::REPLACED_PER_TICK_MAX);
    for n in 0..=most {
        let action = ACTION.to_owned();
        cluster.ok(Command::RunCron { action, job: job(n), drawn: 0 });
    }
    assert_eq!(reason(fire(&mut cluster)), Some(SkipReason::Overlap));
    assert_eq!(cluster.state.jobs().len(), 1, "the others are canceled");
    let fate = fire(&mut cluster);
    let left: Vec<_> = cluster.state.jobs().map(|job| job.id).collect();
    assert!(matches!(fate, Fate::Fired(job) if left == [job]), "{fate:?}, {left:?}");
    cluster.check();
}

#[test]
fn one_entry_carries_out_so_many_ticks_of_so_many_crons_and_no_more() {
    let mut cluster = early();
    cluster.ok(put(spec(None), Overlap::Allow));
    let firing = next_tick(&cluster);
    let of_crons = |count| Command::Fire(vec![firing.clone(); count]);
    cluster.refused_over("crons of an entry", of_crons(limits::FIRINGS_PER_ENTRY_MAX + 1));
    let of_ticks = |count: usize| {
        let tick = |n: usize| firing.mark.plus(Span::from_ms(1_000 * number(n)));
        let ticks = (0..count).map(tick).collect();
        Command::Fire(vec![Firing { ticks, next_run: Some(tick(count)), ..firing.clone() }])
    };
    let most = limits::TICKS_PER_ENTRY_MAX;
    cluster.refused_over("ticks of an entry", of_ticks(most + 1));
    assert!(cluster.state.cron(ACTION).is_some_and(|cron| cron.last_tick.is_none()));
    cluster.now_ms += 1_000 * number(most);
    cluster.ok(of_ticks(most));
    // A window of ten seconds: each tick of it is a job, and the others are missed.
    assert_eq!(cluster.state.jobs().len(), 11);
    cluster.check();
    // Of equal ones only the first is not void.
    let firing = next_tick(&cluster);
    cluster.now_ms = firing.mark.as_ms();
    cluster.ok(Command::Fire(vec![firing; limits::FIRINGS_PER_ENTRY_MAX]));
    assert_eq!(cluster.state.jobs().len(), 12);
    cluster.check();
}
