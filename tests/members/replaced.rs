//! Replicas that are gone, and those that come in their place.

use std::fs;

use crate::harness::program::stint;
use crate::harness::{Cluster, Options, wait_for};

#[test]
fn a_dead_replica_is_removed_and_another_takes_its_place_and_it_does_not_come_back() {
    let options = Options::default();
    let mut cluster = Cluster::start(&options);
    let dead = (cluster.leader() + 1) % 3;
    let (by, other) = ((dead + 1) % 3, (dead + 2) % 3);
    cluster.kill(dead);
    // Of the two that would be left, one is dead: nothing could be agreed on.
    wait_for("the silence of the dead one to be noticed", || {
        let answer = cluster.remove(by, other);
        assert_eq!((answer.status, answer.error_code().as_str()), (409, "CONFLICT"), "{answer:?}");
        let why = answer.body.clone();
        if why.contains("nothing could be agreed on") { Ok(()) } else { Err(why) }
    });
    let id = cluster.replicas[dead].id.clone();
    let addresses = cluster.replicas[by].address.clone();
    let run = stint(&["cluster", "remove", &id, "--address", &addresses]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.err.contains("2 replicas vote"), "an even number is a warning: {run:?}");
    let again = cluster.remove(by, dead);
    assert_eq!(again.status, 204, "twice is once: {again:?}");

    let new = cluster.grow(by, 4, &options);
    let members = cluster.members(new).expect("an answer");
    assert_eq!(members.len(), 3, "{members:?}");
    let job = cluster.submit(new, r#"{"action":"noop"}"#);
    cluster.wait_for_status(other, &job, "done");

    cluster.spawn(dead);
    assert_ne!(cluster.wait_until_ended(dead), Some(0));
    let log = cluster.log(dead);
    assert!(log.contains(&format!("replica {id} was removed from the cluster")), "{log}");
    let audit = cluster.get(by, "/api/v0/audit");
    let audit = audit.expect("an answer");
    assert!(
        audit.body.contains("RemoveReplica") && audit.body.contains("JoinReplica"),
        "{audit:?}"
    );
}

#[test]
fn a_replica_whose_disk_was_wiped_stops_and_says_what_to_do() {
    let mut cluster = Cluster::start(&Options::default());
    let wiped = (cluster.leader() + 1) % 3;
    cluster.stop(wiped);
    let replica = &cluster.replicas[wiped];
    let (id, config) = (replica.id.clone(), replica.config.to_str().expect("UTF-8").to_owned());
    fs::remove_dir_all(&replica.data_dir).expect("the data directory");
    let init = stint(&["init", "--config", &config]);
    assert_eq!(init.code, Some(0), "{init:?}");
    cluster.spawn(wiped);
    assert_ne!(cluster.wait_until_ended(wiped), Some(0));
    let log = cluster.log(wiped);
    assert!(log.contains("with another disk") && log.contains("stint cluster remove"), "{log}");
    let by = (wiped + 1) % 3;
    let job = cluster.submit(by, r#"{"action":"noop"}"#);
    cluster.wait_for_status(by, &job, "done");
    let joins =
        stint(&["cluster", "join", "--config", &config, "--invitation", &cluster.invite(by, "1h")]);
    assert_ne!(joins.code, Some(0), "a founder of id {id} does not join: {joins:?}");
}
