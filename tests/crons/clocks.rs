//! The clocks of most replicas jump together: that is the time then, and still each tick is one job
//! or has its reason.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::plan::{self, ms_of, now_ms};
use super::witness::Witness;
use super::{trouble, verdict};
use crate::harness::{Cluster, Options, http, wait_for};

/// By how many seconds they jump, so that log time can be seen to stand still and to go on.
const AHEAD: i64 = 35;

/// How many ticks are caught up with at most.
const CAUGHT_UP_MAX: u64 = 1_000;

fn set_clocks(cluster: &Cluster, replicas: [usize; 2], off_seconds: i64) {
    for i in replicas {
        cluster.hosts().set_clock(i, off_seconds);
    }
}

/// Waits until a tick was decided at or after this time of the log.
fn wait_for_log_time(witness: &Witness, at_ms: u64) {
    wait_for("the time of the log", || {
        let latest = witness.told().iter().map(|told| told.decided_ms).max();
        if latest >= Some(at_ms) { Ok(()) } else { Err((latest, at_ms)) }
    });
}

#[test]
#[ignore = "takes a minute and a half, root, libfaketime and iproute2; .ci/run has them"]
fn every_tick_is_one_job_or_is_explained_when_most_clocks_jump_forward_and_back() {
    let out = tempfile::TempDir::new().expect("a temporary directory");
    let crons = plan::crons();
    let mut cluster = Cluster::start(&Options {
        actions: Box::leak(plan::actions(&crons, out.path()).into_boxed_str()),
        lease_ttl: "5s",
        has_hosts: true,
        ..Options::default()
    });
    let witness = Witness::watch(&cluster.addresses());
    let put: Vec<_> = crons.into_iter().map(|cron| cron.put(&cluster)).collect();
    trouble::rest(4);

    set_clocks(&cluster, [0, 1], AHEAD);
    let ahead_ms = u64::try_from(AHEAD * 1_000).expect("it is ahead");
    wait_for_log_time(&witness, now_ms() + ahead_ms);
    trouble::rest(4);
    set_clocks(&cluster, [0, 1], 0);
    // The replicas look at each other's clocks every two seconds.
    trouble::rest(5);
    let latest = || witness.told().iter().map(|told| told.decided_ms).max().unwrap_or(0);
    let peak_ms = latest();
    // Behind as well, and another one leads: time stands still, and does not go back.
    set_clocks(&cluster, [1, 2], -AHEAD);
    let leader = cluster.leader();
    cluster.kill(leader);
    trouble::rest(4);
    cluster.spawn(leader);
    set_clocks(&cluster, [1, 2], 0);
    cluster.wait_until_whole();
    let (latest_ms, end_ms) = (latest(), peak_ms.max(now_ms() + 1_000));
    assert!(latest_ms <= end_ms, "time went on to {latest_ms}, beyond {end_ms}");
    wait_for_log_time(&witness, peak_ms + 5_000);

    let verdict = verdict::reach(&cluster, &put, witness, out.path(), ahead_ms + 1_000);
    assert!(verdict.skipped.contains_key("missed"), "{:?}", verdict.skipped);
    let has_seen = |what| (0..3).any(|i| cluster.log(i).contains(what));
    assert!(has_seen("is not that of the others"), "no clock was ever wrong");
}

/// Asks until there is an answer of this status.
fn ask(status: u16, ask: impl Fn() -> Result<http::Answer, String>) -> Value {
    wait_for("an answer", || {
        let answer = ask()?;
        if answer.status == status { Ok(answer.json()) } else { Err(format!("{answer:?}")) }
    })
}

fn cron(cluster: &Cluster, name: &str) -> Value {
    ask(200, || cluster.get(0, &format!("/api/v0/crons/{name}")))
}

#[test]
#[ignore = "takes root, libfaketime and iproute2; .ci/run has them"]
fn what_most_clocks_leap_over_is_missed_and_becomes_what_the_policies_say() {
    let names = ["skip", "one", "all"];
    let action = |name| format!("[actions.{name}]\ncommand = [\"true\"]\n");
    let cluster = Cluster::start(&Options {
        actions: Box::leak(names.map(action).concat().into_boxed_str()),
        has_hosts: true,
        ..Options::default()
    });
    for name in names {
        // No worker has what its jobs need: it is the ticks that count.
        let cron = json!({ "action": name, "schedule": "* * * * * *", "missed": name, "capacityMap": { "none": 1 } });
        ask(202, || cluster.post(0, "/api/v0/crons", &cron.to_string()));
    }
    wait_for("ticks in time", || {
        let all = names.map(|name| cron(&cluster, name)["fired"].as_u64());
        if all.iter().all(|fired| *fired >= Some(2)) { Ok(()) } else { Err(all) }
    });
    // Two hours: more ticks than are caught up with.
    let leap_seconds = 7_200;
    set_clocks(&cluster, [1, 2], leap_seconds);
    let leap = u64::try_from(leap_seconds).expect("it is ahead");
    let after_ms = now_ms() + leap * 1_000;
    for name in names {
        wait_for(&format!("{name}: ticks after the leap"), || {
            let cron = cron(&cluster, name);
            let last = cron["lastTick"].as_str().map(ms_of);
            if last >= Some(after_ms) { Ok(()) } else { Err(cron) }
        });
        ask(202, || cluster.post(0, &format!("/api/v0/crons/{name}/pause"), ""));
    }
    // The default is a window of 10 s: what is later is missed.
    for (name, reason, made_up) in
        [("skip", "missed", 0), ("one", "missed", 0), ("all", "too_many", CAUGHT_UP_MAX)]
    {
        let cron = cron(&cluster, name);
        let fired = cron["fired"].as_u64().expect("a count");
        let last_ms = cron["lastTick"].as_str().map(ms_of).expect("a tick");
        let ticks = ticks_of_jobs(&cluster, name);
        assert_eq!(u64::try_from(ticks.len()), Ok(fired), "{cron}");
        // Each second was a tick, and each has been one thing.
        let first_ms = ticks.first().copied().expect("a job");
        let skipped: u64 =
            cron["skipped"].as_object().expect("reasons").values().filter_map(Value::as_u64).sum();
        assert_eq!(fired + skipped, (last_ms - first_ms) / 1_000 + 1, "{cron}");
        let in_leap = cron["skipped"][reason].as_u64().unwrap_or(0) + made_up;
        assert!(in_leap + 60 >= leap, "{in_leap} were not in time: {cron}");
    }
}

/// The ticks of a cron's jobs, in order; each has one.
fn ticks_of_jobs(cluster: &Cluster, action: &str) -> BTreeSet<u64> {
    let mut ticks = BTreeSet::new();
    loop {
        let path = format!("/api/v0/jobs?action={action}&limit=1000&start={}", ticks.len());
        let page = ask(200, || cluster.get(0, &path));
        let page = page["jobs"].as_array().cloned().unwrap_or_default();
        if page.is_empty() {
            return ticks;
        }
        for job in page {
            let tick_ms = job["cronTick"].as_str().map(ms_of).expect("it is of a tick");
            assert!(ticks.insert(tick_ms), "there are two of {tick_ms}: {job}");
        }
    }
}
