//! Each checker finds what it is there for: a history that is right, and the same one broken.

mod history;

use std::sync::Arc;
use std::time::Duration;

use stint_core::{AttemptEnd, CapacityMap, Event, Job, LeaseId, Status, Timestamp, WorkerStatus};

use super::*;
use crate::trace::{Answer, Ask, Entry};
use crate::witness::difference;
use history::{PLACE, right};

/// What is broken, who has to find it, how it is broken, and what is said of it.
type Break = (&'static str, Checker, fn(&mut Seen), &'static str);

/// Makes an entry another one.
type Change = fn(&mut Entry);

const BREAKS: &[Break] = &[
    ("an accepted job is lost", kept::check, lose_job, "is in no entry"),
    ("one submission is two jobs", kept::check, submit_twice, "is two jobs"),
    ("a job is accepted before it is committed", kept::check, accept_early, "tells of a job"),
    ("a job comes from nowhere", kept::check, forget_calls, "nobody had asked"),
    ("a replica has lost a job", kept::check, lose_final, "on two"),
    ("a replica has another end", kept::check, other_final, "on two"),
    ("a job has two leases", lease::check, two_leases, "has two leases"),
    ("a lease is given again", lease::check, lease_again, "was given after"),
    ("a lease comes from nowhere", lease::check, lease_of_another, "nobody has given"),
    ("lines of an older lease are taken", lease::check, stale_lines, "its lease is"),
    ("a lease is over before its time", lease::check, early_expiry, "is over after"),
    ("a result is not that of its run", results::check, other_code, "it exited with"),
    ("a result is told while its run goes on", results::check, early_result, "and Some(Run"),
    ("a job is claimed while its lost run goes on", results::check, late_end, "its lease is over"),
    ("a run was not started, and is there", results::check, not_started, "was not started"),
    ("two runs overlap", fence::check, overlap, "overlap"),
    ("a run never ends and another begins", fence::check, no_end, "overlap"),
    ("a run begins before its claim", fence::check, run_early, "had no lease"),
    ("a lease is run twice", fence::check, run_twice, "was run twice"),
    ("a tick is missing", ticks::check, skip_tick, "was next"),
    ("a tick is two jobs", ticks::check, tick_twice, "was next"),
    ("a tick comes before its time", ticks::check, tick_early, "when it is"),
    ("a job of a cron belongs to no tick", ticks::check, untold_tick, "belongs to no tick"),
    ("a tick has no job", ticks::check, tick_without_job, "made 0 jobs"),
    ("a cron goes with ticks undecided", ticks::check, late_deletion, "nobody knows of"),
    ("a worker has more than it can", capacity::check, overdraw, "are taken at"),
    ("what is in use is counted wrongly", capacity::check, miscount, "are taken at"),
    ("a read is stale", reads::check, stale_read, "fits nothing"),
    ("a read goes back", reads::check, read_back, "fits nothing"),
    ("a read shows what is not committed", reads::check, early_read, "fits nothing"),
    ("a read has another time", reads::check, other_time, "fits nothing"),
    ("a cancellation does nothing", reads::check, void_cancel, "fits nothing"),
    ("a job that is there is not found", reads::check, not_found, "fits nothing"),
    ("a job is shown as something else", reads::check, other_status, "fits nothing"),
    ("a job that is back is not canceled", reads::check, void_mark, "fits nothing"),
    ("a job is canceled for nobody", reads::check, forget_calls, "nobody wanted"),
    ("the queue outgrows its bound", bounds::check, outgrow, "entry"),
    ("what is over stays", bounds::check, leak, "bytes stay"),
    ("too much is accepted", bounds::check, accept_too_much, "TooMuch"),
    ("a page is too long", bounds::check, long_page, "Page"),
    ("an entry is missing", one_log::check, lose_entry, "follows"),
    ("a term goes back", one_log::check, term_back, "has term"),
    ("a clock that is wrong is the time", one_log::check, clock_wins, "no more than one clock"),
    ("time goes back", one_log::check, time_back, "and was"),
    ("a job that is over runs again", table::check, run_again, "became running after done"),
    ("a job begins as it should not", table::check, born_running, "became running after nothing"),
    ("a line is missing", lines::check, lose_line, "has 1 lines, then"),
    ("lines change their order", lines::check, swap_lines, "of its run was due"),
    ("a replica has lost a line", lines::check, lose_final_line, "has other lines"),
    ("a replica has another line", lines::check, other_line, "has other lines"),
];

#[test]
fn what_is_right_is_found_to_be_right() {
    for (name, check) in CHECKERS {
        assert_eq!(check(&right()), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn whatever_is_broken_is_found_by_the_checker_that_is_there_for_it() {
    for (what, check, break_it, said) in BREAKS {
        let mut seen = right();
        break_it(&mut seen);
        let wrong = check(&seen);
        let is_said = wrong.iter().any(|wrong| wrong.contains(said));
        assert!(is_said, "{what}: {said:?} is not among {wrong:?}");
    }
}

#[test]
fn a_cancellation_of_a_job_that_is_back_is_seen_by_its_mark() {
    let mut seen = right();
    mark(&mut seen, true);
    assert_eq!(reads::check(&seen), Vec::<String>::new());
}

#[test]
fn a_job_that_came_when_all_was_looked_at_need_not_be_shown() {
    let mut seen = right();
    seen.finals.retain(|end| end.job != history::id(2));
    assert_ne!(kept::check(&seen), Vec::<String>::new());
    let submitted = |entry: &&Entry| entry.jobs.iter().any(|shape| shape.job == history::id(2));
    seen.audited_at = seen.entries.values().find(submitted).map(|entry| entry.at);
    assert_eq!(kept::check(&seen), Vec::<String>::new());
}

#[test]
fn every_checker_is_seen_to_fail() {
    for (name, check) in CHECKERS {
        let is_broken = BREAKS.iter().any(|(_, of, ..)| std::ptr::fn_addr_eq(*of, check));
        assert!(is_broken, "nothing breaks what {name} holds");
    }
}

#[test]
fn an_entry_that_is_not_the_same_on_two_replicas_is_found() {
    let seen = right();
    let entry = seen.entries.values().next_back().expect("an entry");
    assert_eq!(difference(entry, entry), None);
    let others: [(Change, &str); 4] = [
        (|entry| entry.command = Some(0), "one log"),
        (|entry| entry.term += 1, "one log"),
        (|entry| entry.events = Arc::default(), "equal states"),
        (|entry| entry.state += 1, "equal states"),
    ];
    let entry = seen.entries.values().find(|entry| !entry.events.is_empty()).expect("one");
    for (change, said) in others {
        let mut other = entry.clone();
        change(&mut other);
        let found = difference(entry, &other).unwrap_or_default();
        assert!(found.contains(said), "{said}: {found}");
    }
}

/// Changes what happened.
fn edit(seen: &mut Seen, mut change: impl FnMut(&mut Vec<Event>)) {
    for entry in seen.entries.values_mut() {
        let mut events = entry.events.to_vec();
        change(&mut events);
        entry.events = events.into();
    }
}

fn with(job: &Arc<Job>, change: impl FnOnce(&mut Job)) -> Arc<Job> {
    let mut job = Job::clone(job);
    change(&mut job);
    Arc::new(job)
}

fn lose_job(seen: &mut Seen) {
    edit(seen, |events| events.retain(|event| !matches!(event, Event::Submitted(_))));
}

fn submit_twice(seen: &mut Seen) {
    edit(seen, |events| {
        let again = events.iter().find_map(|event| match event {
            Event::Submitted(job) if job.cron.is_none() => Some(with(job, |job| {
                job.id = job.id.derive(job.created_at, "again");
                job.retry_from = job.id;
            })),
            _ => None,
        });
        events.extend(again.map(Event::Submitted));
    });
}

fn accept_early(seen: &mut Seen) {
    for call in &mut seen.calls {
        (call.began, call.ended) = (Duration::ZERO, Duration::ZERO);
    }
}

fn forget_calls(seen: &mut Seen) {
    seen.calls.clear();
}

fn lose_final(seen: &mut Seen) {
    seen.finals.retain(|end| end.host != "two");
}

fn other_final(seen: &mut Seen) {
    for end in seen.finals.iter_mut().filter(|end| end.host == "two") {
        end.status = Some("running".to_owned());
    }
}

fn two_leases(seen: &mut Seen) {
    for entry in seen.entries.values_mut() {
        if let Some(hold) = entry.holds.first().cloned() {
            entry.holds.push(hold);
        }
    }
}

fn lease_again(seen: &mut Seen) {
    edit(seen, |events| {
        let again = events.iter().find(|event| matches!(event, Event::Claimed(_))).cloned();
        events.extend(again);
    });
}

fn lease_of_another(seen: &mut Seen) {
    for hold in seen.entries.values_mut().flat_map(|entry| entry.holds.iter_mut()) {
        hold.lease = LeaseId(77);
    }
}

fn stale_lines(seen: &mut Seen) {
    edit(seen, |events| {
        for event in events {
            if let Event::LinesAppended { lines, .. } = event {
                for line in lines {
                    line.text = "0 0".to_owned();
                }
            }
        }
    });
}

fn early_expiry(seen: &mut Seen) {
    let entry = seen.entries.values_mut().nth(3).expect("an entry");
    entry.workers.iter_mut().for_each(|having| having.status = WorkerStatus::Dead);
}

fn other_code(seen: &mut Seen) {
    seen.runs.iter_mut().for_each(|run| run.code = Some(7));
}

fn early_result(seen: &mut Seen) {
    seen.runs.iter_mut().for_each(|run| run.ended = None);
}

fn late_end(seen: &mut Seen) {
    lose(seen, &AttemptEnd::WorkerDead);
    for having in seen.entries.values_mut().flat_map(|entry| entry.workers.iter_mut()) {
        having.status = WorkerStatus::Dead;
    }
    early_result(seen);
}

fn not_started(seen: &mut Seen) {
    lose(seen, &AttemptEnd::CouldNotStart("there is no file".to_owned()));
}

/// Runs that ended by themselves have another end.
fn lose(seen: &mut Seen, end: &AttemptEnd) {
    edit(seen, |events| {
        for event in events {
            if let Event::Ended(job) = event {
                *job = with(job, |job| {
                    for attempt in &mut job.attempts {
                        attempt.end = attempt.end.take().map(|(at, _)| (at, end.clone()));
                    }
                });
            }
        }
    });
}

fn overlap(seen: &mut Seen) {
    let mut next = seen.runs.first().expect("a run").clone();
    (next.lease, next.began) = (LeaseId(99), next.began + Duration::from_micros(1));
    seen.runs.push(next);
}

fn no_end(seen: &mut Seen) {
    let first = seen.runs.first_mut().expect("a run");
    let mut next = first.clone();
    (next.lease, next.began) = (LeaseId(99), next.began + Duration::from_secs(100));
    first.ended = None;
    seen.runs.push(next);
}

fn run_early(seen: &mut Seen) {
    seen.runs.iter_mut().for_each(|run| run.began = Duration::ZERO);
}

fn run_twice(seen: &mut Seen) {
    let again = seen.runs.first().expect("a run").clone();
    seen.runs.push(again);
}

fn skip_tick(seen: &mut Seen) {
    let mut is_first = true;
    edit(seen, |events| {
        let before = events.len();
        if is_first {
            events.retain(|event| !matches!(event, Event::CronTicked(_)));
        }
        is_first &= before == events.len();
    });
}

fn tick_twice(seen: &mut Seen) {
    edit(seen, |events| {
        let again = events.iter().find(|event| matches!(event, Event::CronTicked(_))).cloned();
        events.extend(again);
    });
}

fn tick_early(seen: &mut Seen) {
    for entry in seen.entries.values_mut() {
        entry.time = Timestamp::from_ms(1);
    }
}

fn untold_tick(seen: &mut Seen) {
    edit(seen, |events| events.retain(|event| !matches!(event, Event::CronTicked(_))));
}

fn tick_without_job(seen: &mut Seen) {
    edit(seen, |events| events.retain(|event| !matches!(event, Event::Submitted(_))));
}

fn late_deletion(seen: &mut Seen) {
    for entry in seen.entries.values_mut() {
        if entry.events.iter().any(|event| matches!(event, Event::CronDeleted(_))) {
            entry.time = Timestamp::from_ms(entry.time.as_ms() + 60_000);
        }
    }
}

fn overdraw(seen: &mut Seen) {
    for having in seen.entries.values_mut().flat_map(|entry| entry.workers.iter_mut()) {
        having.capacity = CapacityMap::default();
    }
}

fn miscount(seen: &mut Seen) {
    for having in seen.entries.values_mut().flat_map(|entry| entry.workers.iter_mut()) {
        having.in_use = [(PLACE.to_owned(), 7)].into_iter().collect();
    }
}

/// The last read shows what the job was at first.
fn stale_read(seen: &mut Seen) {
    let first =
        seen.calls.iter().find(|call| call.ask == Ask::Read).expect("a read").answer.clone();
    let last = seen.calls.iter_mut().rev().find(|call| call.ask == Ask::Read).expect("a read");
    last.answer = first;
}

/// The first two reads are of one moment, and the later one shows less.
fn read_back(seen: &mut Seen) {
    let mut reads: Vec<_> = seen.calls.iter_mut().filter(|call| call.ask == Ask::Read).collect();
    let [one, two, ..] = reads.as_mut_slice() else { panic!("two reads") };
    std::mem::swap(&mut one.answer, &mut two.answer);
}

fn early_read(seen: &mut Seen) {
    let last =
        seen.calls.iter().rev().find(|call| call.ask == Ask::Read).expect("one").answer.clone();
    let first = seen.calls.iter_mut().find(|call| call.ask == Ask::Read).expect("a read");
    first.answer = last;
}

fn other_time(seen: &mut Seen) {
    for call in &mut seen.calls {
        if let Answer::Shown(_, updated) = &mut call.answer {
            *updated = "2001-01-01T00:00:00Z".to_owned();
        }
    }
}

fn void_cancel(seen: &mut Seen) {
    edit(seen, |events| {
        events.retain(|event| match event {
            Event::CancelRequested(_) => false,
            Event::Ended(job) => job.status != Status::Cancel,
            _ => true,
        });
    });
    for entry in seen.entries.values_mut() {
        entry.jobs.retain(|shape| !shape.is_to_cancel);
    }
}

/// A job that is canceled while its worker comes back has no event for that, only a mark.
fn mark(seen: &mut Seen, is_to_cancel: bool) {
    edit(seen, |events| events.retain(|event| !matches!(event, Event::CancelRequested(_))));
    for shape in seen.entries.values_mut().flat_map(|entry| entry.jobs.iter_mut()) {
        if shape.status == Status::CancelRequest {
            (shape.status, shape.is_to_cancel) = (Status::WorkerResurrection, is_to_cancel);
        }
    }
}

fn void_mark(seen: &mut Seen) {
    mark(seen, false);
}

fn other_status(seen: &mut Seen) {
    for shape in seen.entries.values_mut().flat_map(|entry| entry.jobs.iter_mut()) {
        if shape.status == Status::Running {
            shape.status = Status::CancelRequest;
        }
    }
}

fn not_found(seen: &mut Seen) {
    for call in seen.calls.iter_mut().filter(|call| call.ask == Ask::Read) {
        call.answer = Answer::NotFound;
    }
}

fn outgrow(seen: &mut Seen) {
    seen.entries.values_mut().for_each(|entry| entry.sizes.tick_records = 51);
}

fn leak(seen: &mut Seen) {
    seen.entries.values_mut().for_each(|entry| entry.sizes.text = 1 << 20);
}

fn accept_too_much(seen: &mut Seen) {
    let mut call = seen.calls.first().expect("a call").clone();
    (call.ask, call.answer) = (Ask::TooMuch, Answer::Done);
    seen.calls.push(call);
}

fn long_page(seen: &mut Seen) {
    let mut call = seen.calls.first().expect("a call").clone();
    (call.ask, call.answer) = (Ask::Page(10), Answer::Listed(11));
    seen.calls.push(call);
}

fn lose_entry(seen: &mut Seen) {
    seen.entries.remove(&3);
}

fn term_back(seen: &mut Seen) {
    seen.entries.values_mut().take(3).for_each(|entry| entry.term = 9);
}

fn time_back(seen: &mut Seen) {
    let first = seen.entries.values_mut().next().expect("an entry");
    first.time = Timestamp::from_ms(u64::MAX);
}

fn clock_wins(seen: &mut Seen) {
    let last = seen.entries.values_mut().next_back().expect("an entry");
    last.time = Timestamp::from_ms(last.time.as_ms() + 60_000);
}

fn run_again(seen: &mut Seen) {
    edit(seen, |events| {
        let again = events.iter().find_map(|event| match event {
            Event::Ended(job) if job.status == Status::Done => {
                Some(with(job, |job| job.status = Status::Running))
            }
            _ => None,
        });
        events.extend(again.map(Event::Claimed));
    });
}

fn born_running(seen: &mut Seen) {
    edit(seen, |events| {
        for event in events {
            if let Event::Submitted(job) = event {
                *job = with(job, |job| job.status = Status::Running);
            }
        }
    });
}

fn lose_line(seen: &mut Seen) {
    edit(seen, |events| {
        for event in events {
            if let Event::LinesAppended { lines, first: 0, .. } = event {
                lines.pop();
            }
        }
    });
}

fn swap_lines(seen: &mut Seen) {
    edit(seen, |events| {
        for event in events {
            if let Event::LinesAppended { lines, .. } = event {
                lines.reverse();
            }
        }
    });
}

fn lose_final_line(seen: &mut Seen) {
    for end in seen.finals.iter_mut().filter(|end| end.host == "two") {
        end.lines.pop();
    }
}

fn other_line(seen: &mut Seen) {
    let lines = seen.finals.iter_mut().flat_map(|end| end.lines.iter_mut());
    lines.for_each(|(_, line)| line.push('x'));
}
