//! Simulates one seed: whole replicas on simulated time, network and disk, in this process.
//!
//! `STINT_SIM_SEED=7 simulate` says whether the promises hold for seed 7. With `--trace`, what happened
//! is written too; with `--quiet`, nothing goes wrong but what always may; `--kinds` says only what can go
//! wrong. `STINT_SIM_LOG` is a filter for what the replicas log, and `STINT_SIM_DIR` where their disks are.
//!
//! `--loop` and `--wait` do so for ever, for those who want to see what becomes of a seed that does, after
//! `STINT_SIM_CPU_SECONDS`.
//!
//! Each seed has a process of its own, since what libraries draw depends on what was drawn before.

#![expect(clippy::wildcard_enum_match_arm, reason = "of what happens, only some is looked at")]

mod client;
mod dice;
mod disk;
mod faults;
mod net;
mod operator;
mod replica;
mod scenario;
mod trace;
mod verdict;
mod witness;

use std::io::{Write as _, stdout};
use std::process::ExitCode;

use nix::sys::resource::{Resource, setrlimit};

/// Seconds of a processor that one seed may take: twenty times what one takes on a slow machine's two
/// processors. What loops is ended by a signal then, and whoever started this says so.
const CPU_SECONDS_MAX: u64 = 200;
/// After the signal that can be heard comes the one that cannot.
const CPU_SECONDS_MORE: u64 = 5;

fn main() -> ExitCode {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    if has("--kinds") {
        for kind in faults::KINDS {
            tell(kind);
        }
        return ExitCode::SUCCESS;
    }
    let Some(seed) = number("STINT_SIM_SEED") else {
        tell("STINT_SIM_SEED has to be a number");
        return ExitCode::from(2);
    };
    let seconds = number("STINT_SIM_CPU_SECONDS").unwrap_or(CPU_SECONDS_MAX);
    if let Err(error) = setrlimit(Resource::RLIMIT_CPU, seconds, seconds + CPU_SECONDS_MORE) {
        tell(&format!("seed {seed}: its time cannot be bounded: {error}"));
        return ExitCode::from(2);
    }
    while has("--loop") {
        std::hint::spin_loop();
    }
    while has("--wait") {
        std::thread::park();
    }
    if let Ok(filter) = std::env::var("STINT_SIM_LOG") {
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
    let plan = scenario::Plan { seed, has_faults: !has("--quiet"), is_told: has("--trace") };
    let trace = match scenario::run(plan) {
        Ok(trace) => trace,
        Err(error) => {
            tell(&format!("seed {seed}: the simulation broke off: {error}"));
            return ExitCode::from(2);
        }
    };
    let all = trace.seen();
    all.tell_violations();
    let digest = trace::fingerprint(&all.text);
    tell(&format!(
        "seed {seed}: {} entries, {} states compared, {} jobs, {} accepted, {} runs, {} calls, faults {:?}, \
         trace {digest}",
        all.entries.len(),
        all.compared,
        all.statuses().len(),
        all.accepted().len(),
        all.runs.len(),
        all.calls.len(),
        all.faults,
    ));
    if all.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn tell(text: &str) {
    // Whoever has closed the pipe does not want to know.
    let _closed = writeln!(stdout(), "{text}");
}
