//! Each limit at its edge: as much as it says is taken, one more is refused by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use stint_core::{
    ActionOffer, CapacityMap, Command, Epoch, Event, Exit, ExitCause, Incarnation, Job, JobSpec,
    LeaseId, Line, NewJob, Parameters, Parts, Refusal, Registration, Reply, Span, State, Status,
    Stream, Timestamp, limits,
};

use super::cluster::{
    ACTION, Cluster, amounts, exit, job, needing, new_job, registration, spec, worker,
};

fn number(count: usize) -> u64 {
    u64::try_from(count).expect("a small number")
}

fn parameters(sizes: &[(usize, usize)]) -> Parameters {
    let texts = sizes.iter().zip(0_u8..).map(|((name, value), n)| {
        let letter = char::from(b'a' + n).to_string();
        (letter.repeat(*name), letter.repeat(*value))
    });
    texts.collect()
}

fn many_parameters(count: usize) -> Parameters {
    (0..count).map(|n| (n.to_string(), String::new())).collect()
}

fn many_names(count: usize) -> CapacityMap {
    (0..count).map(|n| (n.to_string(), 0)).collect()
}

#[test]
fn a_job_whose_workers_stop_for_ever_keeps_all_its_attempts_and_ends() {
    let mut cluster = Cluster::with_worker(&[]);
    let id = cluster.submit(new_job(1)).id;
    let stopped = Exit { cause: ExitCause::Shutdown, code: 0, signal: None };
    for number in 1..=limits::ATTEMPTS_MAX {
        let claimed = cluster.claim(1);
        assert_eq!(claimed.len(), 1, "attempt {number}");
        let events = cluster.finish(&claimed[0], stopped.clone());
        let ended = events.iter().find_map(|event| {
            if let Event::Ended(job) = event { (job.id == id).then_some(job) } else { None }
        });
        let is_last = number == limits::ATTEMPTS_MAX;
        assert_eq!(ended.map(|job| job.status), is_last.then_some(Status::Error), "{number}");
        if let Some(job) = ended {
            let numbers: Vec<_> = job.attempts.iter().map(|attempt| attempt.number).collect();
            assert_eq!(numbers, (1..=limits::ATTEMPTS_MAX).collect::<Vec<_>>());
        }
    }
    assert!(cluster.claim(1).is_empty());
    cluster.check();
}

#[test]
fn a_submission_may_be_as_large_as_each_limit_and_no_larger() {
    let with_parameters = |parameters| NewJob {
        spec: JobSpec { parameters: Some(parameters), ..spec(None) },
        ..new_job(1)
    };
    let with_need = |need| NewJob { spec: spec(Some(need)), ..new_job(1) };
    let (bytes, name) = (limits::PARAMETER_BYTES_MAX, limits::NAME_BYTES_MAX);
    let retries = |retries| NewJob { retries: Some(retries), ..new_job(1) };
    for (what, fits, is_too_large) in [
        ("retries", retries(limits::RETRIES_MAX), retries(limits::RETRIES_MAX + 1)),
        (
            "parameters",
            with_parameters(many_parameters(limits::PARAMETERS_MAX)),
            with_parameters(many_parameters(limits::PARAMETERS_MAX + 1)),
        ),
        (
            "bytes of parameters",
            with_parameters(parameters(&[(1, 9), (1, bytes - 11)])),
            with_parameters(parameters(&[(1, 9), (1, bytes - 10)])),
        ),
        (
            "name of a parameter",
            with_parameters(parameters(&[(name, 0)])),
            with_parameters(parameters(&[(name + 1, 0)])),
        ),
        (
            "capacity map",
            with_need(many_names(limits::CAPACITY_NAMES_MAX)),
            with_need(many_names(limits::CAPACITY_NAMES_MAX + 1)),
        ),
        (
            "name of a capacity",
            with_need(amounts(&[(&"a".repeat(name), 1)])),
            with_need(amounts(&[(&"a".repeat(name + 1), 1)])),
        ),
        (
            "amount of a capacity",
            with_need(amounts(&[("a", limits::CAPACITY_AMOUNT_MAX)])),
            with_need(amounts(&[("a", limits::CAPACITY_AMOUNT_MAX + 1)])),
        ),
    ] {
        let mut cluster = Cluster::with_worker(&[]);
        cluster.refused_over(what, Command::Submit(is_too_large));
        cluster.submit(fits);
        cluster.check();
    }
}

#[test]
fn a_registration_may_be_as_large_as_each_limit_and_no_larger() {
    let actions = |names: &mut dyn Iterator<Item = String>| Registration {
        actions: names.map(|name| (name, ActionOffer::default())).collect(),
        ..registration(2)
    };
    let many = |count: usize| actions(&mut (0..count).map(|n| n.to_string()));
    let named = |bytes| actions(&mut std::iter::once("a".repeat(bytes)));
    let capacity = |capacity| Registration { capacity, ..registration(2) };
    let ttl = |ms| Registration { ttl: Span::from_ms(ms), ..registration(2) };
    for (what, fits, is_too_large) in [
        (
            "list of actions",
            many(limits::ACTIONS_PER_WORKER_MAX),
            many(limits::ACTIONS_PER_WORKER_MAX + 1),
        ),
        ("name of an action", named(limits::NAME_BYTES_MAX), named(limits::NAME_BYTES_MAX + 1)),
        (
            "capacity map",
            capacity(many_names(limits::CAPACITY_NAMES_MAX)),
            capacity(many_names(limits::CAPACITY_NAMES_MAX + 1)),
        ),
        ("lease", ttl(limits::TTL_MAX.as_ms()), ttl(limits::TTL_MAX.as_ms() + 1)),
    ] {
        let mut cluster = Cluster::with_worker(&[]);
        cluster.refused_over(what, Command::Register(is_too_large));
        cluster.ok(Command::Register(fits));
        cluster.check();
    }
    let mut cluster = Cluster::with_worker(&[]);
    let (got, limit) = (limits::TTL_MIN.as_ms() - 1, limits::TTL_MIN.as_ms());
    let outcome = cluster.apply(Command::Register(ttl(got)));
    assert_eq!(outcome.reply, Err(Refusal::LeaseTooShort { got, limit }));
    cluster.ok(Command::Register(ttl(limit)));
}

#[test]
fn a_capacity_that_an_operator_sets_is_bounded_as_any_other() {
    let mut cluster = Cluster::with_worker(&[]);
    let set = |capacity| Command::SetCapacity { worker: worker(1), capacity };
    cluster.refused_over("capacity map", set(many_names(limits::CAPACITY_NAMES_MAX + 1)));
    cluster.ok(set(many_names(limits::CAPACITY_NAMES_MAX)));
    let outcome = cluster.apply(Command::SetCapacity { worker: worker(2), capacity: amounts(&[]) });
    assert_eq!(outcome.reply, Err(Refusal::NoSuchWorker(worker(2))));
}

#[test]
fn there_are_so_many_workers_and_no_more_but_each_may_come_back() {
    let mut cluster = Cluster::default();
    for n in 0..number(limits::WORKERS_MAX) {
        cluster.ok(Command::Register(registration(n)));
    }
    let one_more = Command::Register(registration(number(limits::WORKERS_MAX)));
    let limit = limits::WORKERS_MAX;
    assert_eq!(cluster.apply(one_more).reply, Err(Refusal::TooManyWorkers { limit }));
    let again = Registration { incarnation: Incarnation(2), ..registration(7) };
    assert_eq!(cluster.ok(Command::Register(again)).0, Reply::Registered { epoch: Epoch(2) });
    cluster.check();
}

#[test]
fn one_claim_hands_out_so_many_jobs_and_no_more() {
    let mut cluster = Cluster::with_worker(&[]);
    for n in 0..=u64::from(limits::CLAIM_MAX) {
        cluster.submit(new_job(n));
    }
    assert_eq!(number(cluster.claim(u32::MAX).len()), u64::from(limits::CLAIM_MAX));
    assert_eq!(cluster.claim(u32::MAX).len(), 1);
    cluster.check();
}

fn append(job: &Job, lease: LeaseId, first: u64, count: usize) -> Command {
    let line = Line { stream: Stream::Out, text: "x".to_owned() };
    let lines = vec![line; count];
    Command::AppendLines { worker: worker(1), epoch: Epoch(1), job: job.id, lease, first, lines }
}

#[test]
fn one_entry_and_one_job_have_so_many_lines_and_no_more() {
    let mut cluster = Cluster::with_worker(&[]);
    cluster.submit(new_job(1));
    let run = cluster.claim(1).remove(0);
    let lease = run.lease().expect("it runs");
    let most = limits::LINES_PER_ENTRY_MAX;
    let too_many = Err(Refusal::TooManyLines { job: run.id });
    assert_eq!(cluster.apply(append(&run, lease, 0, most + 1)).reply, too_many);
    let line_count = number(most);
    assert_eq!(cluster.ok(append(&run, lease, 0, most)).0, Reply::LinesAppended { line_count });

    // A job that has said nearly all that it may, as a checkpoint keeps it.
    let mut parts = cluster.state.parts();
    for job in &mut parts.jobs {
        Arc::make_mut(job).line_count = limits::LINES_PER_JOB_MAX - 1;
    }
    cluster.state = State::from_parts(parts).expect("parts that can be");
    let next = limits::LINES_PER_JOB_MAX - 1;
    assert_eq!(cluster.apply(append(&run, lease, next, 2)).reply, too_many);
    let line_count = limits::LINES_PER_JOB_MAX;
    assert_eq!(cluster.ok(append(&run, lease, next, 1)).0, Reply::LinesAppended { line_count });
    assert_eq!(cluster.apply(append(&run, lease, line_count, 1)).reply, too_many);
    // Numbers at the end of all numbers are refused like any other.
    let gap = Refusal::LineGap { job: run.id, expected: line_count, got: u64::MAX };
    assert_eq!(cluster.apply(append(&run, lease, u64::MAX, 1)).reply, Err(gap));
}

/// Ended jobs as a checkpoint keeps them: job n ended with entry 1,000 + n.
fn with_a_full_memory() -> Cluster {
    let mut cluster = Cluster::with_worker(&[]);
    let mut parts = cluster.state.parts();
    let count = number(limits::RECENTLY_ENDED_MAX);
    parts.sequence = 1_000 + count;
    parts.recently_ended = (1..=count).map(|n| (1_000 + n, job(n))).collect();
    parts.recently_ended_floor = 1_000;
    cluster.state = State::from_parts(parts).expect("parts that can be");
    cluster
}

#[test]
fn a_submission_is_refused_when_nobody_can_say_any_more_whether_it_was_had() {
    let mut cluster = with_a_full_memory();
    let first = || new_job(1);
    assert_eq!(cluster.ok(Command::Submit(first())).0, Reply::SubmittedBefore(job(1)));
    // One more job ends, and the first is forgotten.
    cluster.submit(NewJob { drawn: 1_000, ..new_job(0) });
    cluster.ok(Command::Cancel { job: job(0) });
    for drawn in [0, 1_000] {
        let late = Command::Submit(NewJob { drawn, ..first() });
        assert_eq!(cluster.apply(late).reply, Err(Refusal::SubmitTooLate(job(1))), "{drawn}");
    }
    // Its id was drawn after it had ended: it is no repetition.
    cluster.submit(NewJob { drawn: 1_001, ..first() });
    assert_eq!(cluster.ok(Command::Submit(new_job(2))).0, Reply::SubmittedBefore(job(2)));
    cluster.check();
}

/// So many jobs are live, none of them due.
fn with_many_jobs(count: usize) -> Cluster {
    let mut cluster = Cluster::with_worker(&[]);
    let later = Timestamp::from_ms(cluster.now_ms + 1_000);
    let template = cluster.submit(NewJob { scheduled_at: Some(later), ..new_job(0) });
    let others = (1..number(count)).map(|n| {
        let mut job_n = Job::clone(&template);
        (job_n.id, job_n.retry_from, job_n.sequence) = (job(n), job(n), n + 1);
        Arc::new(job_n)
    });
    let mut parts: Parts = cluster.state.parts();
    parts.last_job = number(count);
    parts.jobs.extend(others);
    cluster.state = State::from_parts(parts).expect("parts that can be");
    cluster
}

#[test]
fn so_many_jobs_may_be_live_and_no_more_but_a_failed_one_is_still_retried() {
    let mut cluster = with_many_jobs(limits::LIVE_JOBS_MAX - 1);
    let last = NewJob { retries: Some(1), ..new_job(number(limits::LIVE_JOBS_MAX)) };
    cluster.submit(last);
    let one_more = || Command::Submit(new_job(number(limits::LIVE_JOBS_MAX) + 1));
    let limit = limits::LIVE_JOBS_MAX;
    assert_eq!(cluster.apply(one_more()).reply, Err(Refusal::QueueFull { limit }));
    let run = cluster.claim(1).remove(0);
    cluster.finish(&run, exit(1));
    assert_eq!(cluster.state.jobs().len(), limits::LIVE_JOBS_MAX);
    let retry = cluster.claim(1).remove(0);
    assert_eq!(retry.retry_from, run.id);
    cluster.finish(&retry, exit(1));
    cluster.ok(one_more());
}

#[test]
fn the_parameters_of_live_jobs_have_so_many_bytes_in_all_and_no_more() {
    let mut cluster = Cluster::with_worker(&[]);
    let limit = limits::LIVE_PARAMETER_BYTES_MAX;
    let name = "p".to_owned();
    let large = |id, bytes: usize| {
        let parameters = Some([(name.clone(), "x".repeat(bytes - name.len()))].into());
        NewJob { spec: JobSpec { parameters, ..spec(None) }, retries: Some(1), ..new_job(id) }
    };
    let each = limits::PARAMETER_BYTES_MAX;
    let full = limit / number(each);
    for id in 0..full - 1 {
        cluster.submit(large(id, each));
    }
    cluster.submit(large(full, each - 2));
    let refused = cluster.apply(Command::Submit(large(full + 1, 3))).reply;
    assert_eq!(refused, Err(Refusal::QueueTooLarge { limit }));
    cluster.submit(large(full + 1, 2));
    cluster.submit(new_job(full + 2));
    let run = cluster.claim(1).remove(0);
    cluster.finish(&run, exit(1));
    cluster.check();
    let full_as_before = cluster.apply(Command::Submit(large(full + 3, 2))).reply;
    assert_eq!(full_as_before, Err(Refusal::QueueTooLarge { limit }), "the retry has its room");
    cluster.ok(Command::Cancel { job: job(1) });
    cluster.submit(large(full + 3, each));
    cluster.check();
}

#[test]
fn a_refusal_never_repeats_more_than_a_name_of_what_a_client_sent() {
    let mut cluster = Cluster::with_worker(&[]);
    let action = "\u{20ac}".repeat(100_000);
    let new = NewJob { spec: JobSpec { action, ..spec(None) }, ..new_job(1) };
    let reply = cluster.apply(Command::Submit(new)).reply;
    let Err(Refusal::NoSuchAction(shown)) = &reply else { panic!("{reply:?}") };
    assert_eq!(shown.chars().count(), limits::NAME_BYTES_MAX);
}

#[test]
fn nothing_is_refused_that_only_looks_odd() {
    let mut cluster = Cluster::with_worker(&[("", 1)]);
    let odd = JobSpec {
        action: ACTION.to_owned(),
        parameters: Some(BTreeMap::from([(String::new(), "\0".to_owned())])),
        capacity_map: Some(amounts(&[("", 1)])),
        ..spec(None)
    };
    let end_of_time = Some(Timestamp::from_ms(u64::MAX));
    cluster.submit(NewJob { spec: odd, ..new_job(1) });
    cluster.submit(NewJob { scheduled_at: end_of_time, ..new_job(2) });
    cluster.submit(NewJob { drawn: u64::MAX, ..needing(u64::MAX, &[]) });
    let run = cluster.claim(1).remove(0);
    cluster.finish(&run, exit(i32::MIN));
    cluster.now_ms = u64::MAX;
    cluster.ok(Command::Tick);
    assert_eq!(cluster.claim(10).len(), 2);
    cluster.check();
}
