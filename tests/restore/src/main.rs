//! Plays seeds: `restore 1..1000 --leader-restore` says of how many of them an acknowledged value was
//! lost, and `restore 17 --leader-restore` how; `--crash-leader-at-ms=1010` has the leader crash then, and
//! nobody else at any time. `--votes-at-once`, `--no-pre-vote`, `--forget-committed` and `--sync-us=500`
//! set the nodes up otherwise. Of one seed, `--trace` tells what happened, and `--shrink` makes it as small
//! as it gets.
//!
//! Each seed has a process of its own, since what the runtime draws depends on what was drawn before.

use std::collections::VecDeque;
use std::io::{Write as _, stdout};
use std::process::{Command, ExitCode};
use std::sync::Mutex;

use stint_restore::{Plan, Votes, run, shrink};

const AT_ONCE: usize = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((range, flags)) = arguments.split_first() else {
        tell("say which seeds: restore 1..1000, or restore 17");
        return ExitCode::from(2);
    };
    let is_well = match range.split_once("..").map(|(from, to)| (from.parse(), to.parse())) {
        Some((Ok(from), Ok(to))) => play_all((from, to), flags),
        None if range.parse::<u64>().is_ok() => play_one(range.parse().unwrap_or(0), flags),
        Some(_) | None => {
            tell("seeds are numbers: restore 1..1000, or restore 17");
            return ExitCode::from(2);
        }
    };
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn plan(seed: u64, flags: &[String]) -> Plan {
    let has = |flag: &str| flags.iter().any(|given| given == flag);
    let number = |name: &str| {
        let text = flags.iter().find_map(|flag| flag.strip_prefix(name))?;
        Some(text.parse::<u64>().expect("a number is behind the name"))
    };
    let begin = match number("--crash-leader-at-ms=") {
        Some(at_ms) => Plan::of_one_crash(seed, at_ms, has("--leader-restore")),
        None => Plan::of(seed, has("--leader-restore")),
    };
    Plan {
        has_pre_vote: !has("--no-pre-vote"),
        keeps_committed: !has("--forget-committed"),
        votes: if has("--votes-at-once") { Votes::AtOnce } else { Votes::InOrder },
        sync_us: number("--sync-us=").unwrap_or(begin.sync_us),
        ..begin
    }
}

/// Plays one seed in this process, and says how it ended. Whether that is well.
fn play_one(seed: u64, flags: &[String]) -> bool {
    let has = |flag: &str| flags.iter().any(|given| given == flag);
    let plan = plan(seed, flags);
    let (plan, outcome) = if has("--shrink") {
        shrink(&plan)
    } else {
        let outcome = run(&plan);
        (plan, outcome)
    };
    if has("--trace") {
        outcome.trace.iter().for_each(|line| tell(line));
    }
    tell(&format!("seed {seed}: {ACKNOWLEDGED} {}", outcome.acknowledged));
    for violation in &outcome.violations {
        tell(&format!("seed {seed}: {violation}"));
    }
    if !outcome.violations.is_empty() {
        plan.faults.iter().for_each(|fault| tell(&format!("seed {seed}: {fault}")));
    }
    outcome.violations.is_empty()
}

const ACKNOWLEDGED: &str = "values acknowledged:";

/// Plays all of them, and says how many went wrong, and how the first of these did. Whether none is.
fn play_all((from, to): (u64, u64), flags: &[String]) -> bool {
    let left: Mutex<VecDeque<u64>> = Mutex::new((from..=to).collect());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = left.lock().expect("nobody panics with it").pop_front();
                    let Some(seed) = next else { return };
                    let said = child(seed, flags);
                    done.lock().expect("nobody panics with it").push((seed, said));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("nobody panics with it");
    done.sort_by_key(|(seed, _)| *seed);
    let count = |what: &str| done.iter().filter(|(_, (_, said))| said.contains(what)).count();
    let acknowledged: u64 = done
        .iter()
        .filter_map(|(_, (_, said))| said.lines().find_map(|line| line.split_once(ACKNOWLEDGED)))
        .filter_map(|(_, number)| number.trim().parse::<u64>().ok())
        .sum();
    tell(&format!(
        "{} seeds, {acknowledged} values acknowledged; seeds in which an id was given twice: {}, nodes \
         have applied different entries: {}, an acknowledged value was lost: {}, it did not come to \
         rest: {}",
        done.len(),
        count("FORKED:"),
        count("DIVERGED:"),
        count("LOST:"),
        count("STUCK:"),
    ));
    let failed = done.iter().find(|(_, (is_well, _))| !is_well);
    if let Some((_, (_, said))) = failed {
        tell(said);
    }
    failed.is_none()
}

/// One seed, in a process of its own: whether all is well, and what it says.
fn child(seed: u64, flags: &[String]) -> (bool, String) {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program).arg(seed.to_string()).args(flags).output();
    let output = output.expect("this program can be started");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn tell(text: &str) {
    // Whoever has closed the pipe does not want to know.
    let _closed = writeln!(stdout(), "{text}");
}
