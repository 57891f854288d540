//! What a bad disk does to a cluster: to its own replica what it must, to the others nothing. Each
//! replica says in words what is wrong, and what is to be done.
//!
//! On real file systems, which takes root and loop devices.

mod broken;
mod full;
mod slow;

use std::fs;

use serde_json::Value;

use crate::harness::disk::{Disk, move_to};
use crate::harness::{Cluster, Options, wait_for};

/// Three replicas of which some are on disks of their own. The cluster ends before its disks.
struct House {
    cluster: Cluster,
    disks: Vec<Disk>,
}

impl House {
    /// The first `count` replicas get a disk each.
    fn start(count: usize) -> Self {
        let options = Options {
            actions: "[actions.say]\ncommand = [\"seq\", \"1\", \"100\"]\n\
                      [actions.long]\ncommand = [\"sleep\", \"3600\"]\n",
            ..Options::default()
        };
        let mut cluster = Cluster::prepare(&options);
        let disks: Vec<_> = (0..count).map(|_| Disk::new()).collect();
        for (replica, disk) in cluster.replicas.iter_mut().zip(&disks) {
            let there = disk.mount.join("data");
            move_to(&replica.data_dir, &there);
            let config = fs::read_to_string(&replica.config).expect("the configuration");
            let (from, to) = (replica.data_dir.display(), there.display());
            let config = config.replace(&format!("\"{from}\""), &format!("\"{to}\""));
            fs::write(&replica.config, config).expect("the configuration");
            replica.data_dir = there;
        }
        for i in 0..3 {
            cluster.spawn(i);
        }
        cluster.wait_until_whole();
        Self { cluster, disks }
    }

    /// Stops the others until the replica on the first disk leads.
    fn make_first_lead(&mut self) {
        wait_for("the first replica to lead", || {
            let leader = self.cluster.leader();
            if leader == 0 {
                return Ok(());
            }
            self.cluster.stop(leader);
            self.cluster.spawn(leader);
            self.cluster.wait_until_whole();
            Err(leader)
        });
    }

    /// A job that a client submits and that is run, whoever the client asks first.
    fn works(&self, through: usize) {
        let id = wait_for("a job to be accepted", || {
            let answer = self.cluster.post(through, "/api/v0/jobs", r#"{"action":"say"}"#)?;
            match answer.status {
                202 => Ok(answer.json()["id"].as_str().expect("an id").to_owned()),
                _ => Err(format!("{answer:?}")),
            }
        });
        self.cluster.wait_for_status(through, &id, "done");
    }

    fn status(&self, i: usize) -> Result<Value, String> {
        Ok(self.cluster.get(i, "/api/v0/meta/cluster_status")?.json())
    }

    /// Waits until the replica warns of something in these words.
    fn warns(&self, i: usize, words: &str) {
        wait_for(&format!("replica {i} to warn: {words}"), || {
            let status = self.status(i)?;
            if status["warnings"].to_string().contains(words) {
                Ok(())
            } else {
                Err(status.to_string())
            }
        });
    }

    /// Waits until the replica has ended by itself, which is a failure, and gives what it said last.
    fn ends(&mut self, i: usize) -> String {
        let code = self.cluster.wait_for_end(i);
        assert_eq!(code, Some(1), "{}", self.cluster.log_tail(i));
        self.cluster.log_tail(i)
    }
}
