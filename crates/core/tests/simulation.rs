//! Random histories, played on the state and on a naive model that was written from the design
//! alone, and compared after every entry: answers, events, jobs, workers, lists. Beside that, the
//! promises are looked for directly, and replicas that begin at a checkpoint go along.
//!
//! A failure prints its seed and the shortest history that still fails. To go further:
//!
//! ```text
//! STINT_SIMULATION_SEEDS=10000 STINT_SIMULATION_STEPS=500 cargo test -p stint-core --test simulation
//! STINT_SIMULATION_FIRST_SEED=4711 STINT_SIMULATION_SEEDS=1 cargo test -p stint-core --test simulation
//! ```

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the size of a simulation comes from the environment; the core does not look there"
)]
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test ends at the first surprise, wherever it happens"
)]

mod simulation {
    pub(crate) mod coverage;
    mod model;
    pub(crate) mod play;
    mod promises;
    mod resolve;
    mod rng;
    pub(crate) mod script;
    pub(crate) mod shrink;
    pub(crate) mod table;
}

use std::time::{Duration, Instant};

use simulation::coverage::Coverage;
use simulation::play::{Beginning, play};
use simulation::script::history;
use simulation::shrink::shrink;
use simulation::table;
use stint_core::Status;

/// Enough to take every path in a few seconds.
const SEEDS: u64 = 900;

/// Of them so many are played from an aged state too, which costs more.
const AGED_SEEDS: u64 = 4;
const STEPS: u64 = 150;

#[test]
fn the_table_of_the_code_is_the_table_of_the_design() {
    for from in Status::ALL {
        for to in Status::ALL {
            let (code, design) = (from.may_become(to), table::has_row(from, to));
            assert_eq!(code, design, "{from} to {to}");
        }
    }
}

fn from_env(name: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name}: {text} is no number"))
}

/// Plays a history, and if that fails, the shortest that fails.
fn play_or_explain(beginning: Beginning, seed: u64, steps: u64) -> Coverage {
    let steps = history(seed, usize::try_from(steps).expect("a number of steps"));
    play(beginning, &steps).unwrap_or_else(|failure| {
        let (steps, failure) = shrink(beginning, steps, failure);
        let step = steps.last();
        panic!(
            "seed {seed} from {beginning:?} fails, after {} steps that are needed:\n\n{}\n\n{}\n\n\
             its last step is {step:?}\n",
            steps.len(),
            failure.commands.join("\n"),
            failure.what
        )
    })
}

#[test]
fn the_state_does_what_the_naive_model_does_and_keeps_its_promises() {
    let first = from_env("STINT_SIMULATION_FIRST_SEED", 0);
    let seeds = from_env("STINT_SIMULATION_SEEDS", SEEDS);
    let steps = from_env("STINT_SIMULATION_STEPS", STEPS);
    let (began, mut coverage) = (Instant::now(), Coverage::default());
    for seed in first..first.saturating_add(seeds) {
        coverage.add(&play_or_explain(Beginning::Empty, seed, steps));
    }
    for seed in first..first.saturating_add(seeds.min(AGED_SEEDS)) {
        coverage.add(&play_or_explain(Beginning::Aged, seed, steps));
    }
    let (log, real) = (Duration::from_millis(coverage.log_ms), began.elapsed());
    let times = log.as_millis() / real.as_millis().max(1);
    println!("{log:.0?} of the log in {real:.1?}, {times} times as fast");
    assert!(coverage.surprises().is_empty(), "now reached: {:?}", coverage.surprises());
    if seeds >= SEEDS && steps >= STEPS {
        let missing = coverage.missing();
        assert!(missing.is_empty(), "{seeds} histories never came by {missing:#?}");
    }
}
