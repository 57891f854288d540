//! Each tick of a cron is exactly one job, or has its reason: in the spirit of Jepsen's Chronos
//! test, but stricter. Fifty crons run on real replicas while those are killed, stopped, cut off
//! and lied to about the time. Then an independent oracle says which ticks there were, and each of
//! them has to be one job that has left its trace in a file, or one record of why it is none.

mod clocks;
pub(crate) mod counted;
pub(crate) mod plan;
mod probe;
mod trouble;
mod verdict;
pub(crate) mod witness;

use std::time::Duration;

use crate::harness::cluster::{Cluster, Options};

/// How long the troubles go on, unless the environment says otherwise.
const SECONDS: u64 = 120;

#[test]
#[ignore = "takes minutes, root, libfaketime and iproute2; .ci/run has them"]
fn every_tick_is_one_job_or_is_explained_whatever_happens() {
    let seconds = match std::env::var("STINT_CRONS_SECONDS") {
        Ok(text) => text.parse().expect("STINT_CRONS_SECONDS is a number"),
        Err(_) => SECONDS,
    };
    check(Duration::from_secs(seconds), true);
}

#[test]
fn every_tick_is_one_job_or_is_explained_when_leaders_die() {
    check(Duration::from_secs(20), false);
}

fn check(time: Duration, with_all_troubles: bool) {
    let out = tempfile::TempDir::new().expect("a temporary directory");
    let crons = plan::crons();
    let mut cluster = Cluster::start(&Options {
        actions: Box::leak(plan::actions(&crons, out.path()).into_boxed_str()),
        lease_ttl: "5s",
        has_hosts: with_all_troubles,
        ..Options::default()
    });
    let witness = witness::Witness::watch(&cluster.addresses());
    let put: Vec<_> = crons.into_iter().map(|cron| cron.put(&cluster)).collect();
    let probe = probe::Probe::start(&cluster);
    trouble::make(&mut cluster, time, with_all_troubles);
    let longest_ms = probe.end();
    let verdict = verdict::reach(&cluster, &put, witness, out.path(), 0);
    if !with_all_troubles {
        let late_ms = verdict.late_ms.last().copied().unwrap_or(0);
        assert!(
            late_ms <= longest_ms + 1_000,
            "a tick was decided {late_ms} ms late, and nothing was accepted for {longest_ms} ms at most"
        );
    }
    if with_all_troubles {
        let has_seen = |what| (0..3).any(|i| cluster.log(i).contains(what));
        assert!(has_seen("is not that of the others"), "no clock was ever wrong");
        assert!(has_seen("a peer cannot be reached"), "nobody was ever cut off");
    }
}
