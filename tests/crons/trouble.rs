//! What happens to the replicas meanwhile. One of them is in trouble at a time, but for its clock:
//! that may be wrong while another one dies.

use std::time::{Duration, Instant};

use crate::harness::cluster::Cluster;

/// From the death of one leader to that of the next.
const ROUND: Duration = Duration::from_secs(15);

/// Makes trouble for so long, and leaves the cluster whole.
pub(crate) fn make(cluster: &mut Cluster, time: Duration, is_all: bool) {
    let end = Instant::now() + time;
    let count = cluster.replicas.len();
    let mut round = 0;
    while Instant::now() < end {
        let next = Instant::now() + ROUND;
        let leader = cluster.leader();
        cluster.kill(leader);
        rest(2);
        cluster.spawn(leader);
        rest(3);
        if is_all {
            cluster.hosts().set_clock(round % count, 0);
            let other = (leader + round) % count;
            match round % 4 {
                0 => {
                    cluster.hosts().cut(other);
                    rest(4);
                    cluster.hosts().mend(other);
                }
                1 => {
                    cluster.stop(other);
                    rest(1);
                    cluster.spawn(other);
                }
                2 => {
                    cluster.pause(other);
                    rest(4);
                    cluster.resume(other);
                }
                _ => cluster.kill(other),
            }
            if round % 4 == 3 {
                rest(1);
                cluster.spawn(other);
            }
            // Into the next round, at whose beginning a leader dies: perhaps this one.
            round += 1;
            let hours = if round.is_multiple_of(2) { -2 } else { 24 };
            cluster.hosts().set_clock(round % count, hours * 3_600);
        }
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    if is_all {
        for i in 0..count {
            cluster.hosts().set_clock(i, 0);
        }
    }
    cluster.wait_until_whole();
}

pub(crate) fn rest(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}
