//! Simulates one seed: whole replicas on simulated time, network and disk, in this process.
//!
//! `STINT_SIM_SEED=7 simulate` says whether the promises hold for seed 7. With `--trace`, what happened
//! is written too; with `--quiet`, nothing goes wrong but what always may; `--kinds` says only what can go
//! wrong. `STINT_SIM_LOG` is a filter for what the replicas log.
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

fn main() -> ExitCode {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    if has("--kinds") {
        for kind in faults::KINDS {
            tell(kind);
        }
        return ExitCode::SUCCESS;
    }
    let seed = std::env::var("STINT_SIM_SEED").ok().and_then(|text| text.parse().ok());
    let Some(seed) = seed else {
        tell("STINT_SIM_SEED has to be a number");
        return ExitCode::from(2);
    };
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
    for violation in &all.violations {
        tell(&format!("seed {seed}: {violation}"));
    }
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

fn tell(text: &str) {
    // Whoever has closed the pipe does not want to know.
    let _closed = writeln!(stdout(), "{text}");
}
