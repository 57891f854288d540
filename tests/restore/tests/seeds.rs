//! openraft with a leader that goes on as the leader after a crash, and without: what becomes of
//! acknowledged values. `STINT_RESTORE_SEEDS=1000` has so many seeds tried.

use std::process::Command;

/// What a commit has to pass; some seconds of a processor.
const SEEDS: u64 = 60;
/// With a leader that is restored, an acknowledged value is lost with this seed.
const LOSING_SEED: &str = "2";

/// Plays what is asked for: whether all was well, and what it said.
fn restore(arguments: &[&str]) -> (bool, String) {
    let program = env!("CARGO_BIN_EXE_restore");
    let output = Command::new(program).args(arguments).output().expect("the program runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn the_same_seed_has_the_same_trace() {
    let both: [&[&str]; 2] = [&["--trace"], &["--trace", "--leader-restore"]];
    for flags in both {
        let play = |seed| restore(&[&[seed], flags].concat()).1;
        let (one, other) = (play(LOSING_SEED), play(LOSING_SEED));
        assert!(one.lines().count() > 1_000, "there is no trace: {one}");
        let differs = one.lines().zip(other.lines()).find(|(one, other)| one != other);
        assert_eq!(differs, None, "the same seed is not the same twice");
        assert_eq!(one.len(), other.len(), "one trace goes on behind the other");
        assert_ne!(one, play("3"), "another seed has the same trace");
    }
}

#[test]
fn a_leader_that_has_to_be_elected_again_loses_nothing() {
    let count = std::env::var("STINT_RESTORE_SEEDS").ok().and_then(|text| text.parse().ok());
    let range = format!("1..{}", count.unwrap_or(SEEDS));
    // A disk may be faster with votes than openraft asks for.
    for votes in ["--sync-us=2000", "--votes-at-once"] {
        let (is_well, said) = restore(&[&range, votes]);
        assert!(is_well, "{votes}: {said}");
        assert!(!said.contains(" 0 values acknowledged"), "nothing was acknowledged: {said}");
    }
}

/// If this fails with another version of openraft, it may have learned not to: `docs/leader-restore.md`
/// says what to look at.
#[test]
fn a_restored_leader_gives_one_id_to_two_entries_and_an_acknowledged_value_is_lost() {
    let (is_well, said) = restore(&[LOSING_SEED, "--leader-restore"]);
    let has = |what: &str| said.contains(what);
    assert!(!is_well && has("FORKED:") && has("DIVERGED:") && has("LOST:"), "{said}");
    let (is_well, said) = restore(&[LOSING_SEED]);
    assert!(is_well, "the same crashes, with elections: {said}");
}
