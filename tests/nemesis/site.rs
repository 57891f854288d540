//! The cluster that the faults befall: replicas with a machine, a clock and a disk each.

use std::path::Path;

use crate::fencing::beats::Beats;
use crate::harness::disk::Disk;
use crate::harness::joining::Place;
use crate::harness::program::stint;
use crate::harness::{Cluster, Options, wait_for};

/// The cluster ends before its disks.
pub(super) struct Site {
    pub(super) cluster: Cluster,
    pub(super) options: Options,
    /// The number of the newest replica: an id is given once.
    newest: usize,
    pub(super) disks: Vec<Disk>,
}

/// The capacity of each worker.
pub(super) const SLOTS: u64 = 4;

impl Site {
    /// Three replicas, and a place for a fourth.
    pub(super) fn found(beats: &Beats) -> Self {
        let disks: Vec<_> = (0..4).map(|_| Disk::new()).collect();
        let actions = format!(
            "{}[actions.say]\ncommand = [\"sh\", \"-c\", \"for i in 1 2 3 4 5 6 7 8; do echo line $i of $STINT_JOB_ID; sleep 0.1; done\"]\n\
             [actions.tick]\ncommand = [\"true\"]\n[actions.tock]\ncommand = [\"true\"]\n",
            beats.action()
        );
        let capacity = format!("{{ slots = {SLOTS} }}");
        let options = Options {
            actions: Box::leak(actions.into_boxed_str()),
            capacity: Box::leak(capacity.into_boxed_str()),
            tls: true,
            is_closed: true,
            has_hosts: true,
            spare_hosts: 1,
            data_dirs: disks.iter().map(|disk| disk.mount.join("data")).collect(),
            ..Options::default()
        };
        let cluster = Cluster::start(&options);
        Self { cluster, options, newest: 3, disks }
    }

    /// Which replicas there are, by their places.
    pub(super) fn count(&self) -> usize {
        self.cluster.replicas.len()
    }

    pub(super) fn ca(&self) -> &Path {
        self.cluster.ca().expect("it is encrypted")
    }

    /// Whether the replica at this place is one of the first three ever.
    pub(super) fn is_founder(&self, i: usize) -> bool {
        self.cluster.replicas[i].id.as_str() <= "000000000003"
    }

    /// A replica for the fourth place, which has a configuration and is no member yet.
    pub(super) fn add_outsider(&mut self) {
        self.empty(3);
        let new = self.outsider(3);
        self.cluster.replicas.push(new);
    }

    /// Takes the one at the fourth place out of the cluster, whose others know of it already or will.
    pub(super) fn remove_fourth(&mut self) {
        self.cluster.remove_soon(0, 3);
        if self.cluster.replicas[3].is_running() {
            self.cluster.wait_until_ended(3);
        }
        self.cluster.replicas.pop();
    }

    /// Sees the replica at this place refuse an empty disk, and puts a new one there, as the docs say.
    pub(super) fn replace_wiped(&mut self, i: usize) {
        if self.is_founder(i) {
            let config = self.cluster.replicas[i].config.to_str().expect("a path").to_owned();
            let run = stint(&["init", "--config", &config]);
            assert_eq!(run.code, Some(0), "{run:?}");
        }
        self.cluster.spawn(i);
        assert_ne!(self.cluster.wait_until_ended(i), Some(0), "{}", self.cluster.log_tail(i));
        let said = self.cluster.log_tail(i);
        let words = if self.is_founder(i) { "with another disk" } else { "there is no data" };
        assert!(said.contains(words), "{said}");
        let by = (i + 1) % 3;
        self.cluster.remove_soon(by, i);
        self.empty(i);
        self.cluster.replicas[i] = self.outsider(i);
        self.cluster.admit(by, i);
    }

    /// Another disk at this place, with nothing on it.
    pub(super) fn empty(&self, i: usize) {
        // Guardians end a moment after their worker, and hold its notes until then.
        wait_for("the disk to be free", || self.disks[i].try_unmount());
        self.disks[i].replace();
        self.disks[i].mount();
    }

    fn outsider(&mut self, i: usize) -> crate::harness::cluster::Replica {
        self.newest += 1;
        let place = Place { data_dir: self.options.data_dirs.get(i).cloned(), host: Some(i + 1) };
        self.cluster.outsider(self.newest, &place, &self.options)
    }
}
