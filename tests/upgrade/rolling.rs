//! All replicas are restarted, one after the other, under load.

use std::path::Path;
use std::time::Duration;

use crate::harness::program::STINT;
use crate::harness::{Cluster, Options};

use super::load::Load;
use super::{ACTIONS, leader_last, restart_as};

/// Far more than a hand-over takes on a machine that has other things to do; a client that found
/// nobody for so long would say so.
const GAP_MAX: Duration = Duration::from_secs(10);

#[test]
fn rolling_restarts_fail_no_job_and_no_client_sees_them() {
    let options = Options { actions: ACTIONS, lease_ttl: "5s", ..Options::default() };
    let mut cluster = Cluster::start(&options);
    let load = Load::start(&cluster);
    for _ in 0..2 {
        for i in leader_last(&cluster) {
            restart_as(&mut cluster, i, Path::new(STINT));
            load.wait_for_more(20);
        }
    }
    let figures = load.end();
    assert!(figures.longest_gap < GAP_MAX, "{figures:?}");
    #[expect(clippy::print_stderr, reason = "a figure that people look at")]
    {
        eprintln!("two rolling restarts, leader last: {figures:?}");
    }
    for i in 0..3 {
        let status = cluster.get(i, "/api/v0/meta/cluster_status").expect("an answer").json();
        assert!(!status["clusterWarnings"].to_string().contains("version"), "{status}");
        assert_eq!(status["featureLevel"], 1, "{status}");
    }
}
