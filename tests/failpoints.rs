//! Each place where something may go wrong does: there the replica stops for a while, fails, and
//! crashes, and what was accepted is kept and carried out.
//!
//! `tests/upgrade/build` makes the program that has the places. `places.rs` is the list of them.

mod drive;
mod load;
mod newcomer;
mod offline;
mod places;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::program::{STINT, stint_of};
use crate::harness::{Cluster, Options};

use drive::Drive;
use load::Load;
use places::{OF_JOIN, OF_LEVEL, OF_RESTORE, PLACES, Part, Place};

/// The program that fails where it is told to. Its absence is a failure, and not a reason to test less.
fn failing() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/next-level/stint");
    assert!(path.is_file(), "{}: run tests/upgrade/build first", path.display());
    path.canonicalize().expect("a path")
}

/// The names of all places in the code of our crates, each as often as it is there.
fn names_in_code() -> Vec<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut names = Vec::new();
    let mut left = vec![crates];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(&dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("failpoint") {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                let found = text.split("failpoint!(\"").skip(1);
                names.extend(found.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
            }
        }
    }
    names
}

/// The names of the list.
fn names_in_list() -> Vec<&'static str> {
    let names = PLACES.iter().map(|place| place.name);
    names.chain(OF_RESTORE.iter().copied()).chain(OF_LEVEL).chain([OF_JOIN]).collect()
}

#[test]
fn the_list_has_every_place_of_the_code_once_and_there_are_enough() {
    let in_code = names_in_code();
    let in_list = names_in_list();
    let code: BTreeSet<&str> = in_code.iter().map(String::as_str).collect();
    let list: BTreeSet<&str> = in_list.iter().copied().collect();
    assert_eq!(code, list);
    assert_eq!((in_code.len(), in_list.len()), (code.len(), list.len()), "a name is there twice");
    assert!(list.len() >= 45, "only {} places", list.len());
    for name in list {
        let owner = name.split("::").next().unwrap_or_default();
        let is_crate = ["storage", "consensus", "worker", "gateway", "stint"].contains(&owner);
        assert!(is_crate && name.split("::").count() == 3, "{name} is not crate::step::moment");
    }
}

/// Whether a program has the name of a place. A function has one that looks like it, behind that of
/// its crate.
fn has(program: &str, name: &str) -> bool {
    program.match_indices(name).any(|(at, _)| !program[..at].ends_with("stint_"))
}

/// What of a program can be read.
fn text_of(program: &Path) -> String {
    String::from_utf8_lossy(&fs::read(program).expect("a program")).into_owned()
}

#[test]
fn a_normal_build_has_no_place_and_knows_of_none() {
    let program = text_of(Path::new(STINT));
    for name in names_in_list().into_iter().chain(["STINT_FAILPOINTS_FILE"]) {
        assert!(!has(&program, name), "{name} is in a program without failpoints");
    }
}

#[test]
#[ignore = "needs the program that tests/upgrade/build makes"]
fn the_build_with_failpoints_has_all_places() {
    let program = text_of(&failing());
    for name in names_in_list() {
        assert!(has(&program, name), "{name} is not in the program with failpoints");
    }
}

/// What the replicas can run, beside what is built in.
const ACTIONS: &str = "\
    [actions.say]\ncommand = [\"sh\", \"-c\", \"echo one; echo two\"]\n\
    [actions.tick]\ncommand = [\"true\"]\n";

fn options() -> Options {
    Options { actions: ACTIONS, lease_ttl: "2s", ..Options::default() }
}

/// Reaches every place of this part, on one cluster under load, with all that can happen there.
fn reach_all(part: Part) {
    let mut drive = Drive::start(options());
    let load = Load::start(&drive.cluster);
    for place in of(part) {
        drive.reach(place);
        drive.works();
    }
    load.end(&drive.cluster);
}

fn of(part: Part) -> impl Iterator<Item = &'static Place> {
    // For looks at one place; what CI runs has no such variable.
    let only = std::env::var("STINT_FAILPOINT").unwrap_or_default();
    PLACES.iter().filter(move |place| place.part == part && place.name.contains(&only))
}

#[test]
#[ignore = "needs the program that tests/upgrade/build makes"]
fn what_fails_at_the_log_loses_nothing() {
    reach_all(Part::Log);
}

#[test]
#[ignore = "needs the program that tests/upgrade/build makes"]
fn what_fails_at_the_state_and_the_output_loses_nothing() {
    reach_all(Part::State);
}

#[test]
#[ignore = "needs the program that tests/upgrade/build makes"]
fn what_fails_between_replicas_loses_nothing() {
    reach_all(Part::Consensus);
}

#[test]
#[ignore = "needs the program that tests/upgrade/build makes"]
fn what_fails_at_a_worker_or_at_a_door_loses_nothing() {
    reach_all(Part::Edge);
}

#[test]
#[ignore = "needs the program that tests/upgrade/build makes"]
fn what_fails_while_a_snapshot_is_on_its_way_loses_nothing() {
    reach_all(Part::Snapshot);
}

#[test]
#[ignore = "needs the program that tests/upgrade/build makes"]
fn what_fails_while_members_come_and_go_loses_nothing() {
    reach_all(Part::Members);
}

#[test]
#[ignore = "needs the program that tests/upgrade/build makes"]
fn a_restoration_or_a_join_that_fails_has_made_nothing_that_could_be_taken_for_whole() {
    let mut cluster = Cluster::start(&options());
    for _ in 0..5 {
        let id = cluster.submit(0, r#"{"action":"say"}"#);
        cluster.wait_for_status(0, &id, "done");
    }
    let file = cluster.dir().join("stint.backup");
    let name = file.to_str().expect("a name");
    let run = stint_of(&failing(), &["backup", name, "--address", &cluster.replicas[0].address]);
    assert_eq!(run.code, Some(0), "{run:?}");
    for place in OF_RESTORE {
        offline::restore(&cluster, &file, place);
    }
    for replica in &mut cluster.replicas {
        replica.program = failing();
    }
    offline::join(&mut cluster, &options());
}

#[test]
#[ignore = "needs the program that tests/upgrade/build makes"]
fn what_fails_while_history_is_compacted_stops_nobody() {
    let mut drive = Drive::start(options());
    for place in of(Part::Sweep) {
        drive.reach(place);
        drive.works();
    }
}

#[test]
#[ignore = "needs the program that tests/upgrade/build makes"]
fn what_fails_while_the_level_rises_is_done_again() {
    Drive::prepare(options()).rise(OF_LEVEL);
}
