//! A worker whose disk hangs: that of its data, and of the programs that it and its guardians are.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::disk::Disk;
use crate::harness::program::STINT;
use crate::harness::stall::Stall;
use crate::harness::{Cluster, Options};

use super::beats::Beats;

/// Room for the programs, which are large ones in a build for tests, and for the data.
const BYTES: u64 = 1 << 30;

/// Copies the programs to the disk, and says where the large one is.
fn install(disk: &Disk) -> PathBuf {
    let program = disk.mount.join("stint");
    fs::copy(STINT, &program).expect("room for the program");
    fs::copy(format!("{STINT}-guardian"), disk.mount.join("stint-guardian")).expect("room");
    program
}

/// Lets a replica run so many of the jobs that not every one may.
fn allow(cluster: &Cluster, replica: usize, count: u64) {
    let path = format!("/api/v0/workers/{}/capacity", cluster.replicas[replica].id);
    let body = format!(r#"{{"capacityMap":{{"only":{count}}}}}"#);
    let answer = cluster.post(1, &path, &body).expect("an answer");
    assert_eq!(answer.status, 202, "{answer:?}");
}

/// A cluster of which the first replica, its data and its programs, is on the disk.
fn cluster(disk: &Disk, stall: &Stall, dir: &Path, actions: &'static str) -> Cluster {
    let data_dirs = vec![disk.mount.join("data")];
    let mut cluster = Cluster::prepare(&Options { actions, data_dirs, ..Options::default() });
    let program = dir.join("stalled");
    stall.wrap(&install(disk), &program);
    cluster.replicas[0].program = program;
    (0..3).for_each(|i| cluster.spawn(i));
    cluster.wait_until_whole();
    cluster
}

#[test]
#[ignore = "needs root, loop devices and a cgroup that slows disks"]
fn a_worker_whose_disk_hangs_has_nothing_left_when_its_jobs_run_again() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let beats = Beats::new(dir.path());
    let actions = Box::leak(beats.action().into_boxed_str());
    let disk = Disk::of(BYTES);
    let stall = Stall::of(&disk);
    let cluster = cluster(&disk, &stall, dir.path(), actions);
    for _ in 0..2 {
        allow(&cluster, 0, 1);
        allow(&cluster, 1, 0);
        let (id, victim) = beats.start(&cluster, r#"{"action":"beat","capacityMap":{"only":1}}"#);
        assert_eq!(victim, 0);
        allow(&cluster, 1, 1);
        let stalled = stall.begin();
        let job = cluster.wait_for_status(1, &id, "done");
        beats.are_fenced(&job);
        assert_eq!(job["attempts"][0]["end"], "worker_dead", "{job}");
        assert_eq!(job["workerID"], cluster.replicas[1].id.as_str(), "{job}");
        drop(stalled);
        cluster.wait_until_whole();
    }
}
