//! Disks that fail, files that are damaged or gone: a replica that cannot keep its promises stops and
//! says why, and never begins anew by itself.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;

use super::House;
use crate::harness::disk::flip_in_each;
use crate::harness::program::stint;
use crate::harness::{Options, wait_for};

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
fn a_disk_that_turns_read_only_under_a_leader_stops_it_and_it_catches_up_once_it_is_sound() {
    let mut house = House::start(1);
    house.make_first_lead();
    house.works(0);
    house.disks[0].turn_read_only();
    // Its worker renews a lease every second at the latest, and that is written.
    let said = house.ends(0);
    assert!(said.contains("Read-only file system"), "{said}");
    assert!(said.contains("restart the replica when the disk is sound"), "{said}");
    house.works(1);
    // It does not come up on what it cannot write to, either.
    house.cluster.spawn(0);
    let said = house.ends(0);
    assert!(said.contains("Read-only file system"), "{said}");

    house.disks[0].unmount();
    house.disks[0].mount();
    house.cluster.spawn(0);
    house.works(0);
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
    assert!(said.contains("stint cluster remove 000000000001"), "{said}");
    house.works(1);
}

/// A job that is over, with a parameter that is found again on a disk.
fn marked(house: &House, mark: &str) -> String {
    let body = format!(r#"{{"action":"say","parameters":{{"MARK":"{mark}"}}}}"#);
    let id = house.cluster.submit(0, &body);
    house.cluster.wait_for_status(0, &id, "done");
    id
}

#[test]
#[ignore = "needs root and loop devices"]
fn one_damaged_entry_in_the_middle_of_a_log_is_found_at_the_start_and_a_new_replica_takes_its_place()
 {
    let mut house = House::start(1);
    house.works(0);
    marked(&house, "tango-in-the-log");
    for _ in 0..20 {
        house.works(0);
    }
    house.cluster.stop(0);
    let data_dir = house.cluster.replicas[0].data_dir.clone();
    assert!(flip_in_each(&data_dir.join("log.redb"), "tango-in-the-log") > 0);
    house.cluster.spawn(0);
    let said = house.ends(0);
    assert!(said.contains("is damaged: its checksum does not match"), "{said}");
    assert!(said.contains("stint cluster remove 000000000001"), "{said}");
    house.works(1);

    // What it has said is what helps.
    let run = stint(&[
        "cluster",
        "remove",
        "000000000001",
        "--address",
        &house.cluster.replicas[1].address,
    ]);
    assert_eq!(run.code, Some(0), "{run:?}");
    house.cluster.grow(1, 4, &Options::default());
    house.works(3);
}

#[test]
#[ignore = "needs root and loop devices"]
fn a_damaged_record_of_history_is_never_shown_and_fetched_from_the_others_as_it_says() {
    let mut house = House::start(1);
    let id = marked(&house, "tango-in-history");
    let other = marked(&house, "another");
    house.works(0);
    house.cluster.stop(0);
    let path = house.cluster.replicas[0].data_dir.join("state.redb");
    assert!(flip_in_each(&path, "tango-in-history") > 0, "it is written when it is stopped");
    house.cluster.spawn(0);
    // What it has applied again it knows from its log, until that is written down, as a deletion has it.
    wait_for("another job to be deleted", || {
        let answer = house.cluster.delete(1, &format!("/api/v0/jobs/{other}"))?;
        if answer.status == 204 { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    // Either it does not start on that, or it answers that it does not know.
    let (said, has_ended) = wait_for("the replica to say what is damaged", || {
        if house.cluster.has_ended(0) {
            return Ok((house.cluster.log_tail(0), true));
        }
        let answer = house.cluster.get(0, &format!("/api/v0/jobs/{id}"))?;
        if answer.status == 200 {
            assert_eq!(answer.json()["parameters"]["MARK"], "tango-in-history", "{answer:?}");
        }
        assert_ne!(answer.status, 404, "{answer:?}");
        if answer.body.contains("damaged") { Ok((answer.body, false)) } else { Err(answer.body) }
    });
    assert!(said.contains("state.redb") && said.contains("damaged"), "{said}");
    assert!(said.contains("stint repair --from-peers --config FILE"), "{said}");
    let job = house.cluster.job(1, &id);
    assert_eq!(job["parameters"]["MARK"], "tango-in-history", "{job}");
    house.works(1);

    // What it has said is what helps, and it is the same replica as before.
    if !has_ended {
        house.cluster.stop(0);
    }
    let config = house.cluster.replicas[0].config.to_str().expect("text").to_owned();
    let run = stint(&["repair", "--from-peers", "--config", &config]);
    assert_eq!(run.code, Some(0), "{run:?}");
    house.cluster.spawn(0);
    house.cluster.wait_until_whole();
    assert_eq!(house.cluster.job(0, &id), job);
    house.works(0);
}
