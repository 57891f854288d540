//! `kill -9` at any moment.

use std::{fs, time::Duration};

use stint_storage::{Durable, Store};
use tempfile::TempDir;

use crate::{
    run::{Dice, IDENTITY, Victim, rounds, wanted},
    verify::Acknowledged,
};

#[test]
fn what_was_acknowledged_survives_a_kill_at_any_moment() {
    let dir = TempDir::new().unwrap();
    let mut acknowledged = Acknowledged::default();
    let mut dice = Dice::new(1);
    for round in 1..=rounds(25) {
        let mut victim = Victim::start("write", dir.path(), round);
        let mut lines = victim.acknowledged_until(wanted(round), 1 + dice.below(80));
        lines.extend(victim.kill_after(Duration::from_micros(dice.below(10_000))));
        acknowledged.add(&lines);
        acknowledged.verify(dir.path(), &format!("round {round}"));
    }
    assert_eq!(acknowledged.losses, [""; 0], "a kill alone loses no output");
    assert!(acknowledged.sweeps > 0 && acknowledged.shrinks > 0, "{acknowledged:?}");
}

#[test]
fn a_directory_whose_creation_was_killed_opens_as_new_or_whole() {
    let mut dice = Dice::new(2);
    for round in 1..=rounds(12) {
        let dir = TempDir::new().unwrap();
        let mut victim = Victim::start("create", dir.path(), round);
        let mut lines = victim.acknowledged(1 + dice.below(10));
        lines.extend(victim.kill_after(Duration::from_micros(dice.below(30_000))));
        for entry in fs::read_dir(dir.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let is_whole = Store::identity_of(&path).unwrap().is_some();
            assert!(is_whole || !lines.contains(&format!("end {name}")), "round {round}: {name}");
            let store = Store::open(&path, IDENTITY).unwrap();
            assert_eq!(store.is_new(), !is_whole, "round {round}: {name}");
            store.log.put("vote", b"1", Durable::Now).unwrap();
            drop(store);
            let store = Store::open(&path, IDENTITY).unwrap();
            assert!(!store.is_new());
            assert_eq!(store.log.get("vote").unwrap().unwrap(), b"1");
        }
    }
}
