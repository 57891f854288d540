//! Whole replicas, simulated: one process for each seed.
//!
//! `STINT_SIM_SEEDS=1000` has so many seeds tried, `STINT_SIM_SEED=17` that one, with what happened.

#![expect(clippy::print_stdout, reason = "whoever asks for one seed wants to see it")]

use std::collections::VecDeque;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// About two minutes of a processor: what a commit has to pass.
const SEEDS: u64 = 20;
/// The machine may have other things to do, but it has two processors.
const AT_ONCE: usize = 2;

fn simulate(seed: u64, flags: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_simulate");
    let mut simulation = Command::new(program);
    simulation.args(flags).env("STINT_SIM_SEED", seed.to_string());
    simulation.output().expect("the simulation runs")
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn the_same_seed_has_the_same_trace() {
    let seed = number("STINT_SIM_SEED").unwrap_or(1);
    let one = simulate(seed, &["--trace"]).stdout;
    let other = simulate(seed, &["--trace"]).stdout;
    assert!(one.len() > 10_000, "there is no trace: {}", String::from_utf8_lossy(&one));
    let differs = one.split(|byte| *byte == b'\n').zip(other.split(|byte| *byte == b'\n'));
    let differs = differs.map(|(a, b)| (String::from_utf8_lossy(a), String::from_utf8_lossy(b)));
    if let Some((a, b)) = differs.into_iter().find(|(a, b)| a != b) {
        panic!("seed {seed} is not the same twice:\n{a}\n{b}");
    }
    assert_eq!(one.len(), other.len(), "one trace of seed {seed} goes on behind the other");
    let another = simulate(seed + 1, &["--trace"]).stdout;
    assert_ne!(one, another, "another seed has the same trace");
}

#[test]
fn the_promises_hold_whatever_goes_wrong() {
    let seeds = match number("STINT_SIM_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("STINT_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let is_one = seeds.clone().count() == 1;
    let (left, failed) = (Mutex::new(seeds.collect::<VecDeque<_>>()), Mutex::new(Vec::new()));
    let all_said = Mutex::new(String::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(seed) = next(&left) {
                    let flags: &[&str] = if is_one { &["--trace"] } else { &[] };
                    let Output { status, stdout, stderr } = simulate(seed, flags);
                    let said = [stdout, stderr].concat();
                    if is_one {
                        println!("{}", String::from_utf8_lossy(&said));
                    }
                    let said = String::from_utf8_lossy(&said).into_owned();
                    all_said.lock().unwrap_or_else(PoisonError::into_inner).push_str(&said);
                    if !status.success() {
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        failed.push((seed, said));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    let told = failed.iter().map(|(seed, said)| {
        let last: Vec<_> = said.lines().rev().take(12).collect();
        let last: Vec<_> = last.into_iter().rev().collect();
        let last = last.join("\n");
        format!(
            "{last}\nagain, with what happened: STINT_SIM_SEED={seed} cargo test -p stint-simulation \
             --features simulate promises -- --nocapture\n"
        )
    });
    let told: Vec<_> = told.collect();
    assert!(failed.is_empty(), "{} seeds failed:\n{}", failed.len(), told.join("\n"));
    if !is_one {
        let said = all_said.into_inner().unwrap_or_else(PoisonError::into_inner);
        check_kinds(&said);
    }
}

/// Each kind of thing that can go wrong has: the seeds say how often each did.
fn check_kinds(said: &str) {
    let kinds = simulate(0, &["--kinds"]).stdout;
    let kinds = String::from_utf8_lossy(&kinds).into_owned();
    assert!(kinds.lines().count() > 10, "these are not all kinds: {kinds}");
    let never: Vec<_> =
        kinds.lines().filter(|kind| !said.contains(&format!("{kind:?}: "))).collect();
    assert!(never.is_empty(), "in no seed there was {}", never.join(", "));
}

fn next(left: &Mutex<VecDeque<u64>>) -> Option<u64> {
    left.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}
