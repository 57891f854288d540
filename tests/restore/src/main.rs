//! Plays seeds: `restore 1..1000 --leader-restore` says of how many of them an acknowledged value was
//! lost; `--crash-leader-at-ms=1010` has the leader crash then, and nobody else at any time.
//! `--votes-at-once`, `--no-pre-vote`, `--forget-committed` and `--sync-us=500` set the nodes up
//! otherwise; `--shrink` makes the first seed that fails as small as it gets, and `--trace` shows it.

use std::io::{Write as _, stdout};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use stint_restore::{Outcome, Plan, Violation, Votes, run, shrink};

const AT_ONCE: usize = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let Some((from, to)) = arguments.first().and_then(|range| seeds(range)) else {
        tell("say which seeds: restore 1..1000, or restore 17");
        return ExitCode::from(2);
    };
    let number = |name: &str| {
        let text = arguments.iter().find_map(|argument| argument.strip_prefix(name))?;
        Some(text.parse::<u64>().expect("a number is behind the name"))
    };
    let (sync_us, crash_at_ms) = (number("--sync-us="), number("--crash-leader-at-ms="));
    let begin = |seed| match crash_at_ms {
        Some(at_ms) => Plan::of_one_crash(seed, at_ms, has("--leader-restore")),
        None => Plan::of(seed, has("--leader-restore")),
    };
    let plan = |seed| Plan {
        has_pre_vote: !has("--no-pre-vote"),
        keeps_committed: !has("--forget-committed"),
        votes: if has("--votes-at-once") { Votes::AtOnce } else { Votes::InOrder },
        sync_us: sync_us.unwrap_or(2_000),
        ..begin(seed)
    };
    let failed = play(from, to, &plan);
    let Some((seed, outcome)) = failed else { return ExitCode::SUCCESS };
    for violation in &outcome.violations {
        tell(&format!("seed {seed}: {violation}"));
    }
    let mut shown = plan(seed);
    if has("--shrink") {
        shown = shrink(&shown);
    }
    for fault in &shown.faults {
        tell(&format!("seed {seed}: {fault}"));
    }
    if has("--trace") {
        run(&shown).trace.iter().for_each(|line| tell(line));
    }
    ExitCode::FAILURE
}

fn seeds(range: &str) -> Option<(u64, u64)> {
    match range.split_once("..") {
        Some((from, to)) => Some((from.parse().ok()?, to.parse().ok()?)),
        None => range.parse().ok().map(|seed| (seed, seed)),
    }
}

/// Plays all of them, and says how many went wrong. The first of these.
fn play(from: u64, to: u64, plan: &(impl Fn(u64) -> Plan + Sync)) -> Option<(u64, Outcome)> {
    let (next, done) = (AtomicU64::new(from), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > to {
                        return;
                    }
                    let outcome = run(&plan(seed));
                    done.lock().expect("nobody panics with it").push((seed, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("nobody panics with it");
    done.sort_by_key(|(seed, _)| *seed);
    let count = |is: fn(&Violation) -> bool| {
        done.iter().filter(|(_, outcome)| outcome.violations.iter().any(is)).count()
    };
    let acknowledged: usize = done.iter().map(|(_, outcome)| outcome.acknowledged).sum();
    tell(&format!(
        "{} seeds, {acknowledged} values acknowledged; seeds in which an id was given twice: {}, nodes \
         have applied different entries: {}, an acknowledged value was lost: {}, it did not come to \
         rest: {}",
        done.len(),
        count(|violation| matches!(violation, Violation::Forked(_))),
        count(|violation| matches!(violation, Violation::Diverged(_))),
        count(|violation| matches!(violation, Violation::Lost(_))),
        count(|violation| matches!(violation, Violation::Stuck(_))),
    ));
    done.into_iter().find(|(_, outcome)| !outcome.violations.is_empty())
}

fn tell(text: &str) {
    // Whoever has closed the pipe does not want to know.
    let _closed = writeln!(stdout(), "{text}");
}
