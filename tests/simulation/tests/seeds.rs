//! Whole replicas, simulated: one process for each seed.
//!
//! `STINT_SIM_SEEDS=1000` has so many seeds tried, `STINT_SIM_SEED=17` that one, with what happened.

#![expect(clippy::print_stdout, reason = "whoever asks for one seed wants to see it")]

use std::collections::VecDeque;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// About two and a half minutes of a processor: what a commit has to pass.
const SEEDS: u64 = 20;
/// The machine may have other things to do, but it has two processors.
const AT_ONCE: usize = 2;
/// What loops is ended by a signal after so many seconds of a processor, of which it says so
/// (`CPU_SECONDS_MAX`). What waits for ever takes none, and is ended after this.
const PATIENCE: Duration = Duration::from_mins(30);
const LOOK: Duration = Duration::from_millis(20);
const SIGXCPU: i32 = 24;

/// What came of one seed.
struct Played {
    is_right: bool,
    said: Vec<u8>,
}

fn simulate(seed: u64, flags: &[&str]) -> Played {
    simulate_within(PATIENCE, seed, flags, &[])
}

/// Plays one seed, in a process of its own that does not outlive its time.
fn simulate_within(patience: Duration, seed: u64, flags: &[&str], more: &[(&str, &str)]) -> Played {
    let program = env!("CARGO_BIN_EXE_simulate");
    let mut simulation = Command::new(program);
    // What is durable is the simulation's business; a real sync would only take time.
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    let dir = dir.expect("a directory, which goes even if the simulation is killed");
    simulation.args(flags).env("STINT_SIM_SEED", seed.to_string()).env("STINT_SIM_DIR", dir.path());
    simulation.envs(more.iter().copied());
    simulation.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut simulation = simulation.spawn().expect("the simulation runs");
    let (mut out, mut err) = (simulation.stdout.take(), simulation.stderr.take());
    let (mut said, mut complained) = (Vec::new(), Vec::new());
    let ended = thread::scope(|scope| {
        scope.spawn(|| out.as_mut().map(|out| out.read_to_end(&mut said)));
        scope.spawn(|| err.as_mut().map(|err| err.read_to_end(&mut complained)));
        wait(&mut simulation, patience)
    });
    said.extend(complained);
    let why = match ended {
        Some(status) if status.signal() == Some(SIGXCPU) => {
            "it loops: it has used up its time of a processor, and did not come to an end"
                .to_owned()
        }
        Some(status) if status.signal().is_some() => format!("it was ended: {status}"),
        Some(_) => String::new(),
        None => format!("it stands still: it did not come to an end in {patience:?}"),
    };
    if !why.is_empty() {
        said.extend(format!("seed {seed}: {why}\n").bytes());
    }
    Played { is_right: ended.is_some_and(|status| status.success()), said }
}

/// How it ends; nothing, if it had to be killed.
fn wait(simulation: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let began = Instant::now();
    loop {
        if let Some(status) = simulation.try_wait().expect("it is our own child") {
            return Some(status);
        }
        if began.elapsed() > patience {
            simulation.kill().expect("it is our own child");
            simulation.wait().expect("it is our own child");
            return None;
        }
        thread::sleep(LOOK);
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn the_same_seed_has_the_same_trace() {
    let seed = number("STINT_SIM_SEED").unwrap_or(1);
    let one = simulate(seed, &["--trace"]).said;
    let other = simulate(seed, &["--trace"]).said;
    assert!(one.len() > 10_000, "there is no trace: {}", String::from_utf8_lossy(&one));
    let differs = one.split(|byte| *byte == b'\n').zip(other.split(|byte| *byte == b'\n'));
    let differs = differs.map(|(a, b)| (String::from_utf8_lossy(a), String::from_utf8_lossy(b)));
    if let Some((a, b)) = differs.into_iter().find(|(a, b)| a != b) {
        panic!("seed {seed} is not the same twice:\n{a}\n{b}");
    }
    assert_eq!(one.len(), other.len(), "one trace of seed {seed} goes on behind the other");
    let another = simulate(seed + 1, &["--trace"]).said;
    assert_ne!(one, another, "another seed has the same trace");
}

#[test]
fn a_seed_that_does_not_come_to_an_end_fails_and_says_which_it_was() {
    let soon = [("STINT_SIM_CPU_SECONDS", "1")];
    let loops = simulate_within(PATIENCE, 7, &["--loop"], &soon);
    let waits = simulate_within(Duration::from_secs(1), 8, &["--wait"], &[]);
    for (Played { is_right, said }, what) in
        [(loops, "seed 7: it loops"), (waits, "seed 8: it stands")]
    {
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(!is_right && said.contains(what), "{what}: {said}");
    }
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
                    let Played { is_right, said } = simulate(seed, flags);
                    if is_one {
                        println!("{}", String::from_utf8_lossy(&said));
                    }
                    let said = String::from_utf8_lossy(&said).into_owned();
                    all_said.lock().unwrap_or_else(PoisonError::into_inner).push_str(&said);
                    if !is_right {
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
    let kinds = simulate(0, &["--kinds"]).said;
    let kinds = String::from_utf8_lossy(&kinds).into_owned();
    assert!(kinds.lines().count() > 10, "these are not all kinds: {kinds}");
    let never: Vec<_> =
        kinds.lines().filter(|kind| !said.contains(&format!("{kind:?}: "))).collect();
    assert!(never.is_empty(), "in no seed there was {}", never.join(", "));
}

fn next(left: &Mutex<VecDeque<u64>>) -> Option<u64> {
    left.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}
