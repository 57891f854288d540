//! What bounds priorities, unique keys, expiries and paused queues, each at its edge.

use stint_core::{
    Bulk, Command, Event, NewJob, Policy, Priority, Refusal, Reply, Status, Timestamp, limits,
};

use super::cluster::{Cluster, exit, job, needing, new_job, with_actions};

fn number(count: usize) -> u64 {
    u64::try_from(count).expect("a small number")
}

fn with_policy(n: u64, policy: Policy) -> NewJob {
    NewJob { policy, ..new_job(n) }
}

fn at_level(n: u64, level: u64) -> NewJob {
    let priority = Priority::new(level).expect("a level");
    NewJob { policy: Policy { priority, ..Policy::default() }, ..needing(n, &[("cpu", 1)]) }
}

fn expiring(n: u64, at_ms: u64) -> NewJob {
    let expires_at = Some(Timestamp::from_ms(at_ms));
    with_policy(n, Policy { expires_at, ..Policy::default() })
}

/// How many jobs have ended because they have expired.
fn expired(events: &[Event]) -> usize {
    let is_one = |event: &&Event| matches!(event, Event::Ended(job) if job.is_expired && job.status == Status::Cancel);
    events.iter().filter(is_one).count()
}

#[test]
fn a_unique_key_has_so_many_bytes_and_no_more() {
    let keyed = |n, bytes| {
        let unique_key = Some("k".repeat(bytes));
        with_policy(n, Policy { unique_key, ..Policy::default() })
    };
    let mut cluster = Cluster::with_worker(&[]);
    let most = limits::UNIQUE_KEY_BYTES_MAX;
    cluster.refused_over("unique key", Command::Submit(keyed(1, most + 1)));
    let first = cluster.submit(keyed(1, most));
    assert_eq!(cluster.submit(keyed(2, most)).id, first.id, "one at a time");
    assert_ne!(cluster.submit(keyed(3, most - 1)).id, first.id, "a shorter one is another");
    cluster.check();
}

#[test]
fn a_job_expires_after_it_is_due_or_is_refused() {
    let mut cluster = Cluster::with_worker(&[]);
    let now_ms = cluster.now_ms;
    let later = |n, expires_ms| NewJob {
        scheduled_at: Some(Timestamp::from_ms(now_ms + 500)),
        ..expiring(n, expires_ms)
    };
    let past = |n, expires_ms| NewJob {
        scheduled_at: Some(Timestamp::from_ms(now_ms - 500)),
        ..expiring(n, expires_ms)
    };
    for (due_ms, new) in [
        (now_ms, expiring(1, 0)),
        (now_ms, expiring(1, now_ms)),
        (now_ms, past(1, now_ms)),
        (now_ms + 500, later(1, now_ms + 500)),
    ] {
        let expires_at = new.policy.expires_at.expect("it expires");
        let due_at = Timestamp::from_ms(due_ms);
        let refusal = Refusal::ExpiresTooEarly { job: job(1), expires_at, due_at };
        assert_eq!(cluster.apply(Command::Submit(new)).reply, Err(refusal));
    }
    cluster.submit(expiring(1, now_ms + 1));
    cluster.submit(past(2, now_ms + 1));
    cluster.submit(later(3, now_ms + 501));
    cluster.submit(expiring(4, u64::MAX));
    cluster.check();
}

#[test]
fn one_entry_ends_so_many_expired_jobs_and_none_of_the_others_runs_meanwhile() {
    let mut cluster = Cluster::with_worker(&[]);
    let (most, rest) = (limits::EXPIRIES_PER_ENTRY_MAX, 300);
    let at_ms = cluster.now_ms + 10;
    for n in 0..number(most + rest) {
        cluster.submit(expiring(n, at_ms));
    }
    cluster.now_ms = at_ms - 1;
    assert_eq!(expired(&cluster.ok(Command::Tick).1), 0, "their time is not over yet");
    cluster.now_ms = at_ms;
    assert_eq!(expired(&cluster.ok(Command::Tick).1), most);
    assert_eq!(cluster.state.next_deadline(), Some(Timestamp::from_ms(at_ms)), "more are due");
    cluster.check();
    assert!(cluster.claim(1).is_empty(), "a claim gets none of them");
    assert!(cluster.state.jobs().len() == 0 && cluster.state.next_deadline().is_none());
    cluster.check();
}

#[test]
fn the_highest_priority_passes_what_has_waited_for_less_than_the_span_and_nothing_else() {
    for (head_start_ms, first) in
        [(limits::PRIORITY_SPAN.as_ms() - 1, 2), (limits::PRIORITY_SPAN.as_ms(), 1)]
    {
        let mut cluster = Cluster::with_worker(&[("cpu", 1)]);
        cluster.submit(at_level(1, 0));
        cluster.now_ms += head_start_ms;
        cluster.submit(at_level(2, 100));
        assert_eq!(cluster.claim(9).remove(0).id, job(first), "after {head_start_ms} ms");
        cluster.check();
    }
}

#[test]
fn of_an_endless_stream_of_urgent_jobs_only_those_of_the_span_pass_another() {
    let mut cluster = Cluster::with_worker(&[("cpu", 1)]);
    cluster.submit(at_level(0, 0));
    let step_ms = 60_000;
    let in_span = 2 * limits::PRIORITY_SPAN.as_ms() / step_ms;
    for n in 1..=2 * in_span {
        // Two come for each that can run: there is always an urgent one that waits.
        for urgent in [2 * n, 2 * n + 1] {
            cluster.submit(at_level(urgent, 100));
        }
        let run = cluster.claim(1).remove(0);
        if run.id == job(0) {
            assert_eq!(n, in_span + 1, "all that came in the span were before it, and no other");
            return cluster.check();
        }
        cluster.now_ms += step_ms;
        cluster.finish(&run, exit(0));
    }
    panic!("it was never claimed");
}

#[test]
fn so_many_queues_are_paused_and_no_more_but_one_that_is_may_be_paused_again() {
    let limit = limits::PAUSED_QUEUES_MAX;
    let mut cluster = with_actions(limit + 1);
    let pause = |n: usize| pause_queue(&n.to_string(), "ann", "");
    for n in 0..limit {
        cluster.ok(pause(n));
    }
    let refusal = Err(Refusal::TooManyPausedQueues { limit });
    assert_eq!(cluster.apply(pause(limit)).reply, refusal);
    cluster.ok(pause(7));
    cluster.check();
    cluster.ok(Command::ResumeQueue { action: "7".to_owned() });
    cluster.ok(pause(limit));
    assert_eq!(cluster.apply(pause(7)).reply, refusal);
    cluster.check();
    // The name of an action that nobody knows is not kept.
    cluster.ok(Command::ResumeQueue { action: "8".to_owned() });
    let action = "x".repeat(100_000);
    let refused = cluster.apply(pause_queue(&action, "", "")).reply;
    assert!(matches!(refused, Err(Refusal::NoSuchAction(shown)) if shown.len() < 1_000));
    assert_eq!(cluster.ok(Command::ResumeQueue { action }).0, Reply::Ok);
    cluster.check();
}

#[test]
fn who_pauses_a_queue_and_why_is_so_long_and_no_longer() {
    let mut cluster = with_actions(1);
    let (name, reason) = ("x".repeat(limits::NAME_BYTES_MAX), "é".repeat(128));
    assert_eq!(reason.len(), limits::PAUSE_REASON_BYTES_MAX);
    cluster.ok(pause_queue("0", &name, &reason));
    let pause = cluster.state.queue_of("0").pause.expect("it is paused");
    assert_eq!((&pause.by, &pause.reason), (&name, &reason));
    for (by, reason) in [("", format!("{reason}x")), (&*format!("{name}x"), String::new())] {
        let refused = cluster.apply(pause_queue("0", by, &reason)).reply;
        assert!(matches!(refused, Err(Refusal::OverLimit { .. })), "{refused:?}");
    }
    // Who says it again is the one who has said it, and it rests no shorter for that.
    cluster.now_ms += 1_000;
    cluster.ok(pause_queue("0", "ann", "again"));
    let again = cluster.state.queue_of("0").pause.expect("it is paused");
    assert_eq!((again.at, &*again.by, &*again.reason), (pause.at, "ann", "again"));
    cluster.check();
}

fn pause_queue(action: &str, by: &str, reason: &str) -> Command {
    let (action, by, reason) = (action.to_owned(), by.to_owned(), reason.to_owned());
    Command::PauseQueue { action, by, reason }
}

#[test]
fn one_entry_is_about_so_many_jobs_and_no_more() {
    let mut cluster = Cluster::with_worker(&[]);
    let most = number(limits::BULK_MAX);
    for n in 0..=most {
        cluster.submit(new_job(n));
    }
    let jobs = |count| (0..count).map(job).collect::<Vec<_>>();
    let retries = |count| {
        let retry = |n| NewJob { retry_from: Some(job(n)), ..new_job(1_000 + n) };
        (0..count).map(retry).collect::<Vec<_>>()
    };
    let bulk = |bulk| Command::Bulk(Box::new(bulk));
    for too_many in
        [Bulk::Cancel(jobs(most + 1)), Bulk::Delete(jobs(most + 1)), Bulk::Retry(retries(most + 1))]
    {
        cluster.refused_over("jobs at once", bulk(too_many));
    }
    assert_eq!(number(cluster.state.jobs().len()), most + 1, "what is refused does nothing");
    cluster.ok(bulk(Bulk::Cancel(jobs(most))));
    assert_eq!(cluster.state.jobs().len(), 1);
    cluster.ok(bulk(Bulk::Retry(retries(most))));
    assert_eq!(number(cluster.state.jobs().len()), most + 1);
    cluster.check();
}
