//! Each fault against each target, on real processes with machines, clocks and disks of their own, with
//! encryption and tokens, under a load of all kinds: and then the history that clients have seen, and
//! the one that was committed, are looked at by checkers that know nothing of how it came to be.
//!
//! Takes root, network namespaces, `iptables`, cgroups, libfaketime, loop devices, `perl`.

mod cell;
mod commits;
mod history;
mod inflict;
mod load;
mod matrix;
mod site;
mod verdict;

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use self::cell::Stage;
use self::matrix::{Cell, FAULTS, SUBSET, TARGETS, name_of, named, senseless};

/// Clusters side by side.
const STAGES: usize = 2;

/// What became of the cells, in the order in which they were played.
type Results = Mutex<Vec<(Cell, Result<String, String>)>>;

#[test]
#[ignore = "takes minutes, root, namespaces, cgroups, libfaketime, loop devices"]
fn every_promise_holds_whatever_befalls_whom() {
    let cells = wanted();
    let seed = std::env::var("STINT_NEMESIS_SEED").map_or_else(
        |_| u64::from(std::process::id()) * 1_000,
        |seed| seed.parse().expect("STINT_NEMESIS_SEED is a number"),
    );
    let queue = Mutex::new(cells.iter().copied().enumerate());
    let results = Results::default();
    thread::scope(|scope| {
        for _ in 0..STAGES.min(cells.len()) {
            scope.spawn(|| stage(&queue, seed, &results));
        }
    });
    let results = results.into_inner().expect("nobody panics with it");
    say(&table(&results));
    let failed: Vec<_> = results.iter().filter(|(_, result)| result.is_err()).collect();
    assert!(failed.is_empty(), "{} of {} cells failed", failed.len(), results.len());
    assert_eq!(results.len(), cells.len(), "not all cells were played");
}

/// All cells that make sense, a list of names, or those of each commit.
fn wanted() -> Vec<Cell> {
    let all = || FAULTS.into_iter().flat_map(|fault| TARGETS.map(|target| (fault, target)));
    match std::env::var("STINT_NEMESIS").as_deref() {
        Err(_) => SUBSET.to_vec(),
        Ok("all") => all().filter(|cell| senseless(*cell).is_none()).collect(),
        Ok(names) => names
            .split(',')
            .map(|name| named(name).unwrap_or_else(|| panic!("no cell is called {name}")))
            .inspect(|cell| assert_eq!(senseless(*cell), None, "{}", name_of(*cell)))
            .collect(),
    }
}

/// Plays cells until none is left. What has failed once is not used for another.
fn stage(queue: &Mutex<impl Iterator<Item = (usize, Cell)>>, seed: u64, results: &Results) {
    let mut stage = None;
    loop {
        let next = queue.lock().expect("nobody panics with it").next();
        let Some((number, cell)) = next else { break };
        let seed = seed + u64::try_from(number).expect("few");
        let (name, began) = (name_of(cell), Instant::now());
        let played = catch_unwind(AssertUnwindSafe(|| {
            stage.get_or_insert_with(Stage::new).play(cell, seed)
        }));
        let result = played.map_err(|panic| {
            stage = None;
            let text = panic.downcast_ref::<String>().cloned();
            text.unwrap_or_else(|| "it failed".to_owned())
        });
        let took = began.elapsed().as_secs();
        match &result {
            Ok(found) => say(&format!("{name} holds: {found}; seed {seed}, {took} s")),
            Err(why) => say(&format!(
                "{name} FAILED after {took} s: {why}\n  once more: STINT_NEMESIS={name} \
                 STINT_NEMESIS_SEED={seed}"
            )),
        }
        results.lock().expect("nobody panics with it").push((cell, result));
    }
    if let Some(stage) = stage {
        stage.end();
    }
}

/// The matrix as it was found.
fn table(results: &[(Cell, Result<String, String>)]) -> String {
    let of = |cell: Cell| {
        let result = results.iter().find(|(of, _)| *of == cell).map(|(_, result)| result);
        match (senseless(cell), result) {
            (Some(_), _) => "-",
            (None, None) => "",
            (None, Some(Ok(_))) => "holds",
            (None, Some(Err(_))) => "FAILED",
        }
    };
    let mut text = String::from(
        "\n| | leader | follower | majority | all | worker |\n|---|---|---|---|---|---|\n",
    );
    for fault in FAULTS {
        let row = TARGETS.map(|target| of((fault, target)));
        writeln!(text, "| {fault} | {} |", row.join(" | ")).expect("a string takes all");
    }
    let all = FAULTS.iter().flat_map(|fault| TARGETS.map(|target| (*fault, target)));
    for cell in all {
        if let Some(why) = senseless(cell) {
            writeln!(text, "{}: {why}", name_of(cell)).expect("a string takes all");
        }
    }
    text
}

#[expect(clippy::print_stderr, reason = "a long check says what it has seen")]
fn say(text: &str) {
    eprintln!("nemesis: {text}");
}
