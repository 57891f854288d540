//! The checkers themselves: each finds what it is there for, in a history that has just that.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stint_client::v0::{Attempt, CapacityMap, Job, StringMap, WatchResponse};

use super::super::history::{Operation, Outcome, Wish};
use super::{Found, reach};

/// A job that was claimed once and is done, submission `n`, and nobody has complained.
fn sound() -> Found {
    let events = ["waiting", "running", "done"].map(|status| (status, "a", 1));
    Found {
        operations: vec![
            asked(Wish::Submit { number: "n".to_owned(), key: None }, 0, told("waiting", 0)),
            asked(read(), 20, told("running", 1)),
            asked(read(), 40, told("done", 1)),
        ],
        events: events.into_iter().zip(1..).map(|(event, index)| committed(event, index)).collect(),
        listed: vec![vec![record("done", 1)], vec![record("done", 1)]],
        unlisted: BTreeMap::new(),
        lines: vec![BTreeMap::from([("a".to_owned(), lines(2))]); 2],
        followed: BTreeMap::from([("a".to_owned(), lines(2))]),
        may_fail: false,
    }
}

fn lines(count: u64) -> Vec<(u64, String)> {
    (0..count).map(|number| (number, format!("line {number}"))).collect()
}

fn read() -> Wish {
    Wish::Read { id: "a".to_owned() }
}

fn record(status: &str, attempt: u64) -> Value {
    json!({"id": "a", "status": status, "attempt": attempt, "parameters": {"N": "n"}})
}

fn told(status: &str, attempt: u64) -> Outcome {
    Outcome::Done(record(status, attempt))
}

/// Asked so many milliseconds after the beginning, and answered ten later.
fn asked(wish: Wish, at: u64, outcome: Outcome) -> Operation {
    thread_local!(static BEGINNING: Instant = Instant::now());
    let began = BEGINNING.with(|beginning| *beginning) + Duration::from_millis(at);
    let ended = began + Duration::from_millis(10);
    Operation { wish, by: "somebody".to_owned(), began, ended, outcome }
}

/// An event of the job with this status and lease.
fn committed((status, id, lease): (&str, &str, u64), index: u64) -> WatchResponse {
    let kind = match status {
        "waiting" => "job_submitted",
        "running" => "job_claimed",
        _ => "job_ended",
    };
    let attempts = match status {
        "waiting" => Vec::new(),
        "running" => vec![Attempt { lease, ..Attempt::default() }],
        _ => vec![Attempt { lease, end: "exited".to_owned(), ..Attempt::default() }],
    };
    let job = Job {
        id: id.to_owned(),
        retry_from_id: id.to_owned(),
        status: status.to_owned(),
        worker_id: "w".to_owned(),
        attempt: u32::from(status != "waiting"),
        attempts,
        capacity_map: Some(CapacityMap { entries: [("slots".to_owned(), 1)].into() }),
        parameters: Some(StringMap { entries: [("N".to_owned(), "n".to_owned())].into() }),
        ..Job::default()
    };
    let (kind, name) = (kind.to_owned(), id.to_owned());
    WatchResponse { index, kind, name, job: Some(job), ..WatchResponse::default() }
}

/// Something goes wrong in a sound history, and the checkers say this of it.
fn is_found(break_it: impl FnOnce(&mut Found), words: &str) {
    let mut found = sound();
    break_it(&mut found);
    let wrong = reach(&found);
    assert!(wrong.iter().any(|one| one.contains(words)), "not {words:?}, but {wrong:?}");
}

#[test]
fn a_sound_history_has_nothing_wrong() {
    assert_eq!(reach(&sound()), Vec::<String>::new());
}

#[test]
fn what_was_accepted_and_is_lost_is_found() {
    is_found(|found| found.listed = vec![Vec::new(), Vec::new()], "is lost");
    let forgotten = |found: &mut Found| found.operations.push(asked(read(), 60, refused(404)));
    is_found(forgotten, "is not there");
    let other = |found: &mut Found| found.listed[0][0]["parameters"]["N"] = "m".into();
    is_found(other, "has become another job");
}

#[test]
fn what_nobody_has_wished_is_found() {
    is_found(|found| found.listed = vec![vec![record("cancel", 1)]; 2], "nobody has wished this");
    is_found(|found| found.listed = vec![vec![record("error", 1)]; 2], "nobody has wished this");
    let deleted = |found: &mut Found| {
        found.listed = vec![Vec::new(); 2];
        found.unlisted.insert("a".to_owned(), record("deleted", 1));
    };
    is_found(deleted, "nobody has deleted this");
}

#[test]
fn what_was_refused_and_done_is_found() {
    is_found(|found| found.operations[0].outcome = refused(503), "was refused, and is");
}

#[test]
fn a_key_that_has_become_two_jobs_is_found() {
    let two = |found: &mut Found| found.events.push(committed(("waiting", "b", 0), 9));
    is_found(two, "has become several jobs");
}

#[test]
fn stale_and_invented_reads_are_found() {
    let stale = |found: &mut Found| found.operations.push(asked(read(), 60, told("running", 1)));
    is_found(stale, "a stale read");
    let invented = |found: &mut Found| found.operations.push(asked(read(), 60, told("done", 2)));
    is_found(invented, "never committed");
    // Who was asked at the same time may have either.
    let mut found = sound();
    found.operations.push(asked(read(), 45, told("running", 1)));
    assert_eq!(reach(&found), Vec::<String>::new());
    let undone = |found: &mut Found| {
        let deletion = asked(Wish::Delete { id: "a".to_owned() }, 0, Outcome::Done(Value::Null));
        found.operations.push(deletion);
    };
    is_found(undone, "it was deleted before, and goes on");
}

#[test]
fn changes_that_are_not_in_the_table_and_disorder_are_found() {
    is_found(|found| drop(found.events.remove(1)), "waiting became done");
    is_found(|found| drop(found.events.remove(0)), "that nobody has submitted");
    is_found(|found| found.events.swap(1, 2), "comes after");
    is_found(|found| found.events.push(committed(("running", "a", 2), 9)), "done became running");
}

#[test]
fn leases_that_are_two_or_old_are_found() {
    let old = |found: &mut Found| {
        found.events.push(committed(("waiting", "b", 0), 8));
        found.events.push(committed(("running", "b", 1), 9));
    };
    is_found(old, "lease 1 comes after 1");
    let two = |found: &mut Found| {
        let job = found.events[1].job.as_mut().expect("a job");
        job.attempts.insert(0, Attempt::default());
    };
    is_found(two, "2 live leases");
}

#[test]
fn capacity_that_is_overdrawn_is_found() {
    let many = |found: &mut Found| {
        for (number, id) in (10..).zip(["b", "c", "d", "e", "f"]) {
            found.events.push(committed(("waiting", id, 0), 2 * number));
            found.events.push(committed(("running", id, number), 2 * number + 1));
        }
    };
    is_found(many, "5 of 4 slots");
}

#[test]
fn lines_that_are_missing_or_differ_are_found() {
    let gap = |found: &mut Found| {
        for lines in found.lines.iter_mut().filter_map(|of| of.get_mut("a")) {
            lines.remove(0);
        }
    };
    is_found(gap, "line 1 stands where 0 should");
    is_found(|found| found.lines[1].clear(), "replica 1 has");
    is_found(|found| drop(found.followed.insert("a".to_owned(), lines(1))), "was sent");
}

#[test]
fn replicas_that_are_not_equal_are_found() {
    is_found(|found| found.listed[1] = vec![record("running", 1)], "are not equal");
}

fn refused(status: u16) -> Outcome {
    Outcome::Refused(status, "NO".to_owned())
}
