//! Disks that fail, files that are damaged or gone: a replica that cannot keep its promises stops and
//! says why, and never begins anew by itself.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;

use super::House;
use crate::harness::program::stint;

#[test]
#[ignore = "needs root and loop devices"]
fn a_replica_whose_sync_fails_stops_and_catches_up_after_a_restart() {
    let mut house = House::start(1);
    house.make_first_lead();
    house.works(0);
    house.disks[0].fail();
    let said = house.ends(0);
    assert!(said.contains("restart the replica when the disk is sound"), "{said}");
    house.works(1);

    // The disk is sound again, with what had reached it.
    house.disks[0].unmount();
    house.disks[0].mount();
    house.cluster.spawn(0);
    house.works(0);
}

#[test]
#[ignore = "needs root and loop devices"]
fn a_disk_that_becomes_read_only_stops_its_replica_and_no_other() {
    let mut house = House::start(1);
    house.works(0);
    house.cluster.stop(0);
    house.disks[0].make_read_only();
    house.cluster.spawn(0);
    let said = house.ends(0);
    assert!(said.contains("Read-only file system"), "{said}");
    assert!(said.contains(&house.disks[0].mount.display().to_string()), "{said}");
    house.works(1);
}

#[test]
#[ignore = "needs root and loop devices"]
fn a_file_that_is_gone_is_missed_and_not_made_anew() {
    for name in ["log.redb", "state.redb", "format.toml"] {
        let mut house = House::start(1);
        house.works(0);
        house.cluster.stop(0);
        let path = house.cluster.replicas[0].data_dir.join(name);
        fs::remove_file(&path).expect("the file");
        house.cluster.spawn(0);
        let said = house.ends(0);
        let expected = match name {
            "format.toml" => "there is no data of replica",
            _ => "missing; the data directory is damaged",
        };
        assert!(said.contains(expected), "{name}: {said}");
        assert!(!path.exists(), "{name} was made anew");
        house.works(1);
        if name == "format.toml" {
            let config = house.cluster.replicas[0].config.to_str().expect("text").to_owned();
            let run = stint(&["init", "--config", &config]);
            assert_eq!(run.code, Some(1), "{run:?}");
        }
    }
}

#[test]
#[ignore = "needs root and loop devices"]
fn a_log_that_is_damaged_is_found_and_never_used() {
    let mut house = House::start(1);
    for _ in 0..20 {
        house.works(0);
    }
    house.cluster.stop(0);
    let path = house.cluster.replicas[0].data_dir.join("log.redb");
    let file = OpenOptions::new().write(true).open(&path).expect("the log");
    let len = file.metadata().expect("its length").len();
    // All but the head of the file, whose pages say where the others are.
    let garbage = vec![0xa5; 1 << 12];
    for place in (1 << 13..len).step_by(1 << 12) {
        file.write_all_at(&garbage, place).expect("a page");
    }
    file.sync_all().expect("the disk");
    house.cluster.spawn(0);
    let said = house.ends(0);
    assert!(said.contains("log.redb") && said.contains("damaged"), "{said}");
    house.works(1);
}
