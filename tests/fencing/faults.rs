//! What befalls a worker.

use crate::harness::Cluster;
use crate::harness::freezer::{Frozen, freezers};

use super::beats::Beats;

/// One way to lose a worker for longer than its lease lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// kill -9; it starts again when its jobs run elsewhere.
    Killed,
    /// kill -9, and it starts again at once.
    Restarted,
    /// SIGSTOP.
    Stopped,
    /// Frozen by one of the machine's cgroup hierarchies.
    Frozen(usize),
    /// Its network is cut.
    Cut,
    /// Its clock is an hour wrong when it is stopped, and wrong the other way when it goes on.
    Jumped,
}

pub(super) const JOB: &str = r#"{"action":"beat"}"#;

/// Loses the worker of a job that beats, and looks whether its next run was fenced from the first.
pub(super) fn suffer(cluster: &mut Cluster, beats: &Beats, fault: Fault) {
    let (id, victim) = beats.start(cluster, JOB);
    let other = (victim + 1) % cluster.replicas.len();
    let mut frozen = None;
    match fault {
        Fault::Killed => cluster.kill(victim),
        Fault::Restarted => {
            cluster.kill(victim);
            cluster.spawn(victim);
        }
        Fault::Stopped => cluster.pause(victim),
        Fault::Frozen(which) => {
            let freezers = freezers();
            let freezer = &freezers[which % freezers.len()];
            frozen = Some(Frozen::new(freezer, cluster.pid(victim)));
        }
        Fault::Cut => cluster.hosts().cut(victim),
        Fault::Jumped => {
            cluster.hosts().set_clock(victim, 3_600);
            cluster.pause(victim);
        }
    }
    let job = cluster.wait_for_status(other, &id, "done");
    beats.are_fenced(&job);
    match fault {
        Fault::Killed => cluster.spawn(victim),
        Fault::Restarted => {}
        Fault::Stopped => cluster.resume(victim),
        Fault::Frozen(_) => drop(frozen),
        Fault::Cut => cluster.hosts().mend(victim),
        Fault::Jumped => {
            cluster.hosts().set_clock(victim, -1_800);
            cluster.resume(victim);
        }
    }
    cluster.wait_until_whole();
    // Who has come back has neither written nor reported anything for the lease that it lost.
    let job = cluster.job(victim, &id);
    beats.are_fenced(&job);
    assert_eq!(job["status"], "done", "{fault:?}: {job}");
    assert_eq!(job["attempts"][0]["end"], "worker_dead", "{fault:?}: {job}");
    if fault == Fault::Jumped {
        cluster.hosts().set_clock(victim, 0);
    }
}
