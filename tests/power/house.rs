//! Three replicas, each on a disk of its own, and what can befall all of them at once.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::harness::cluster::path;
use crate::harness::dice::Dice;
use crate::harness::disk::{Disk, cut_power, flip_in_each};
use crate::harness::joining::Place;
use crate::harness::program::stint;
use crate::harness::{Cluster, Options, wait_for};

use super::ledger::Ledger;
use super::load::{Load, MARK};

/// What one disk has suffered beyond the loss of its power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    None,
    /// It is empty, and was prepared anew under the id of its replica.
    Wiped(usize),
    /// Bits of its log are other than they were.
    Damaged(usize),
}

/// The cluster ends before its disks.
pub(super) struct House {
    cluster: Cluster,
    load: Load,
    ledger: Ledger,
    pub(super) trouble: Trouble,
    /// The number of the newest replica.
    newest: usize,
    disks: Vec<Disk>,
}

fn options(disks: &[Disk]) -> Options {
    Options {
        actions: "[actions.say]\ncommand = [\"echo\", \"said\"]\n\
                  [actions.tick]\ncommand = [\"true\"]\n[actions.tock]\ncommand = [\"true\"]\n",
        data_dirs: disks.iter().map(data_dir).collect(),
        ..Options::default()
    }
}

fn data_dir(disk: &Disk) -> PathBuf {
    disk.mount.join("data")
}

impl House {
    /// Prepares everything, and starts no replica.
    pub(super) fn found() -> Self {
        let disks: Vec<_> = (0..3).map(|_| Disk::new()).collect();
        let cluster = Cluster::prepare(&options(&disks));
        let load = Load::start();
        load.ask(addresses(&cluster));
        Self { cluster, load, ledger: Ledger::default(), trouble: Trouble::None, newest: 3, disks }
    }

    pub(super) fn start(&mut self) {
        for i in 0..self.disks.len() {
            self.cluster.spawn(i);
        }
    }

    /// Cuts the power of all disks, and ends what ran on it; how far apart the first and the last were.
    pub(super) fn cut(&mut self) -> Duration {
        let took = cut_power(&self.disks);
        for i in 0..self.disks.len() {
            self.cluster.kill(i);
        }
        for disk in &self.disks {
            // Guardians end a moment after their worker, and hold its notes until then.
            wait_for("the disk to be free", || disk.try_unmount());
            disk.recover();
        }
        took
    }

    /// Does this to one of the disks, while no replica runs.
    pub(super) fn befall(&mut self, trouble: Trouble) {
        self.trouble = trouble;
        match trouble {
            Trouble::None => {}
            Trouble::Wiped(i) => {
                let disk = &self.disks[i];
                wait_for("the disk to be free", || disk.try_unmount());
                disk.replace();
                disk.mount();
                if self.is_prepared_anew(i) {
                    let run = stint(&["init", "--config", path(&self.cluster.replicas[i].config)]);
                    assert_eq!(run.code, Some(0), "{run:?}");
                }
            }
            Trouble::Damaged(i) => {
                let log = data_dir(&self.disks[i]).join("log.redb");
                if flip_in_each(&log, MARK) == 0 {
                    // Nothing was written to it since it was purged.
                    self.trouble = Trouble::None;
                }
            }
        }
    }

    /// Sees the replica of the bad disk refuse, and puts another one in its place, as the docs say.
    pub(super) fn mend(&mut self) {
        let (i, words) = match self.trouble {
            Trouble::None => return,
            Trouble::Wiped(i) if self.is_prepared_anew(i) => (i, "with another disk"),
            Trouble::Wiped(i) => (i, "there is no data of replica"),
            Trouble::Damaged(i) => (i, "damaged"),
        };
        assert_ne!(self.cluster.wait_until_ended(i), Some(0), "{:?}", self.trouble);
        let (said, id) = (self.cluster.log(i), self.cluster.replicas[i].id.clone());
        assert!(said.contains(words), "{:?}: {said}", self.trouble);
        if words != "there is no data of replica" {
            assert!(said.contains(&format!("stint cluster remove {id}")), "{said}");
        }
        let by = (i + 1) % 3;
        self.cluster.remove_soon(by, i);
        let place = data_dir(&self.disks[i]);
        if place.exists() {
            fs::remove_dir_all(&place).expect("the old data");
        }
        self.newest += 1;
        let options = options(&self.disks);
        let place = Place { data_dir: Some(place), host: None };
        self.cluster.replicas[i] = self.cluster.outsider(self.newest, &place, &options);
        self.cluster.admit(by, i);
        self.load.ask(addresses(&self.cluster));
        self.trouble = Trouble::None;
    }

    /// Finds all that was accepted, and that writes go on. The last time, really all.
    pub(super) fn check(&mut self, dice: &mut Dice, is_last: bool) {
        self.ledger.is_written_on(&self.cluster, &self.load);
        self.ledger.put_crons(&self.cluster);
        if is_last {
            self.load.end();
        }
        self.ledger.is_kept(&self.cluster, &self.load, dice, is_last);
        self.ledger.has_each_tick_once(&self.cluster);
    }

    pub(super) fn accepted(&self) -> usize {
        self.load.accepted().len()
    }

    /// A founder whose disk is new is prepared as it was once, by an operator who has not read on. Another
    /// founder knows better; if none is left, nobody in its configuration does, and it only waits.
    fn is_prepared_anew(&self, i: usize) -> bool {
        let is_founder = |id: &str| id <= "000000000003";
        let replicas = &self.cluster.replicas;
        let mut others = replicas.iter().enumerate().filter(|(other, _)| *other != i);
        is_founder(&replicas[i].id) && others.any(|(_, other)| is_founder(&other.id))
    }
}

fn addresses(cluster: &Cluster) -> Vec<String> {
    cluster.replicas.iter().map(|replica| replica.address.clone()).collect()
}
