//! For how long the cluster accepts nothing: what a leader's death costs, measured beside the check.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::harness::Cluster;
use crate::harness::http;

/// Somebody who submits one job after the other, at one replica after the other.
pub(crate) struct Probe {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Probe {
    pub(crate) fn start(cluster: &Cluster) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let addresses: Vec<_> = cluster.replicas.iter().map(|one| one.address.clone()).collect();
        let thread = thread::spawn({
            let is_over = Arc::clone(&is_over);
            move || longest_gap(&addresses, &is_over)
        });
        Self { is_over, thread }
    }

    /// The longest time between two accepted submissions, in milliseconds.
    pub(crate) fn end(self) -> u64 {
        self.is_over.store(true, Ordering::Release);
        let gap = self.thread.join().expect("whoever only asks does not fail");
        u64::try_from(gap.as_millis()).expect("not so long")
    }
}

fn longest_gap(addresses: &[String], is_over: &AtomicBool) -> Duration {
    let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
    for address in addresses.iter().cycle() {
        let answer = http::post(address, "/api/v0/jobs", r#"{"action":"noop"}"#);
        if answer.is_ok_and(|answer| answer.status == 202) {
            longest = longest.max(last.elapsed());
            last = Instant::now();
            if is_over.load(Ordering::Acquire) {
                return longest;
            }
        }
        // Often enough to see what matters, and no load.
        thread::sleep(Duration::from_millis(20));
    }
    longest
}
