//! The state of one replica is damaged while the others work: what it says is what helps.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::{options, text};
use crate::harness::program::stint;
use crate::harness::{Cluster, Options, wait_for};

/// Fills all pages of a file but those of its head.
fn garble(path: &Path) {
    let file = OpenOptions::new().write(true).open(path).expect("the file");
    let len = file.metadata().expect("its length").len();
    for place in (1 << 13..len).step_by(1 << 12) {
        file.write_all_at(&[0xa5; 1 << 12], place).expect("a page");
    }
    file.sync_all().expect("the disk");
}

#[test]
fn a_replica_without_its_state_says_what_to_type_and_has_everything_from_the_others_then() {
    let mut cluster = Cluster::start(&Options { tls: true, ..options() });
    let over = cluster.submit(0, r#"{"action":"say","parameters":{"LINES":"700"}}"#);
    cluster.wait_for_status(0, &over, "done");
    let logs = format!("/api/v0/jobs/{over}/logs");
    for is_missing in [false, true] {
        let i = (cluster.leader() + 1) % 3;
        let other = (i + 1) % 3;
        assert_eq!(cluster.stop(i), Some(0));
        let state = cluster.replicas[i].data_dir.join("state.redb");
        if is_missing {
            fs::remove_file(&state).expect("the file");
        } else {
            garble(&state);
        }
        cluster.spawn(i);
        assert_eq!(cluster.wait_for_end(i), Some(1), "{}", cluster.log_tail(i));
        let said = cluster.log_tail(i);
        let id = cluster.replicas[i].id.clone();
        let words = format!(
            "Stop replica {id} if it runs, and have it get that from them: `stint repair --from-peers \
             --config FILE`; then start it"
        );
        assert!(said.contains("state.redb") && said.contains(&words), "{said}");
        let meanwhile = cluster.submit(other, r#"{"action":"say"}"#);

        let config = cluster.replicas[i].config.clone();
        let run = stint(&["repair", "--from-peers", "--config", text(&config)]);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.err.contains("has state and history from replica"), "{run:?}");
        cluster.spawn(i);
        cluster.wait_until_whole();
        assert_eq!(cluster.job(i, &over), cluster.job(other, &over));
        let lines = |at: usize| cluster.get(at, &logs).expect("an answer").body;
        assert_eq!(lines(i), lines(other));
        cluster.wait_for_status(i, &meanwhile, "done");
        let members = cluster.members(i).expect("an answer");
        assert_eq!(members.len(), 3, "it is the same replica: {members:?}");
        wait_for("the repaired one to be followed", || {
            let transfer = format!("/api/v0/meta/members/{id}/lead");
            let answer = cluster.post(other, &transfer, "")?;
            if answer.status == 204 { Ok(()) } else { Err(format!("{answer:?}")) }
        });
        cluster.wait_for_status(i, &cluster.submit(i, r#"{"action":"say"}"#), "done");
    }
}
