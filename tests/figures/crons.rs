//! How late ticks are, how many are carried out in a second, and what crons cost that only wait.

use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Timelike as _, Utc};
use serde_json::json;

use super::{at, cpu_ms, print, size};
use crate::crons::plan::now_ms;
use crate::crons::witness::{Told, Witness};
use crate::harness::{Cluster, Options, wait_for};

/// Actions of one worker, the built-in ones aside.
const ACTIONS_PER_WORKER: usize = 4_000;

/// A cluster that knows so many actions, `a0` and so on. As many as one worker can have each has.
fn with_actions(count: usize) -> Cluster {
    let actions = |range: std::ops::Range<usize>| {
        let mut text = String::new();
        for n in range {
            writeln!(text, "[actions.a{n}]\ncommand = [\"true\"]").expect("a string takes all");
        }
        text
    };
    let all_fit = count <= ACTIONS_PER_WORKER;
    let own = move |i: usize| {
        if all_fit {
            return actions(0..count);
        }
        let first = i * ACTIONS_PER_WORKER;
        actions(first.min(count)..(first + ACTIONS_PER_WORKER).min(count))
    };
    assert!(count <= 3 * ACTIONS_PER_WORKER, "three workers have no more actions");
    let cluster = Cluster::prepare(&Options { lease_ttl: "10s", ..Options::default() });
    for (i, replica) in cluster.replicas.iter().enumerate() {
        let mut text = std::fs::read_to_string(&replica.config).expect("a configuration");
        text.push_str(&own(i));
        std::fs::write(&replica.config, text).expect("a configuration");
    }
    let mut cluster = cluster;
    (0..3).for_each(|i| cluster.spawn(i));
    cluster.wait_until_whole();
    cluster
}

/// Puts a cron of each of these actions, from several clients at once. No worker has what the jobs
/// need: it is the ticks that are measured.
fn put(cluster: &Cluster, count: usize, schedule: &str) {
    thread::scope(|scope| {
        for client in 0..6 {
            scope.spawn(move || {
                for n in (client..count).step_by(6) {
                    let cron = json!({
                        "action": format!("a{n}"), "schedule": schedule,
                        "capacityMap": { "none": 1 },
                    });
                    wait_for("a cron to be put", || {
                        let answer =
                            cluster.post(client % 3, "/api/v0/crons", &cron.to_string())?;
                        if answer.status == 202 { Ok(()) } else { Err(format!("{answer:?}")) }
                    });
                }
            });
        }
    });
}

/// How late each tick was decided, in order. All of them have become jobs.
fn lateness(told: &[Told]) -> Vec<u64> {
    let late = |told: &Told| {
        assert!(told.reason.is_empty(), "{told:?}");
        told.decided_ms - told.first_ms
    };
    let mut all: Vec<_> = told.iter().map(late).collect();
    all.sort_unstable();
    all
}

#[test]
#[ignore = "a measurement; small, it is part of .ci/run"]
fn how_late_ticks_are_of_a_cluster_that_is_well() {
    let (count, seconds) = (size("CRONS", 50), size("SECONDS", 10));
    let cluster = with_actions(count);
    let witness = Witness::watch(&cluster.addresses());
    put(&cluster, count, "* * * * * *");
    let from_ms = now_ms();
    thread::sleep(Duration::from_secs(u64::try_from(seconds).expect("some seconds")));
    let to_ms = now_ms();
    let count_of_last = || witness.told().iter().filter(|told| told.first_ms >= to_ms).count();
    wait_for("all of these ticks to be told of", || {
        if count_of_last() >= count { Ok(()) } else { Err(count_of_last()) }
    });
    let is_measured = |told: &Told| (from_ms..to_ms).contains(&told.first_ms);
    let told: Vec<_> = witness.told().into_iter().filter(is_measured).collect();
    witness.end();
    let late = lateness(&told);
    print(&format!(
        "{count} crons of every second, {} ticks: decided late by p50 {} ms, p99 {} ms, at most {} ms",
        late.len(),
        at(&late, 50),
        at(&late, 99),
        at(&late, 100)
    ));
    assert!(late.len() >= count, "{} ticks", late.len());
}

#[test]
#[ignore = "a measurement; small, it is part of .ci/run"]
fn how_many_crons_fire_in_the_second_in_which_they_are_due() {
    let count = size("DUE", 300);
    let cluster = with_actions(count);
    let witness = Witness::watch(&cluster.addresses());
    // When all are put; on a slow machine that takes a while.
    put(&cluster, count, "0 0 0 1 1 *");
    let due = DateTime::<Utc>::from(std::time::SystemTime::now());
    let due = due + chrono::Duration::seconds(5 + i64::try_from(count).expect("some") / 50);
    put(&cluster, count, &format!("{} {} {} * * *", due.second(), due.minute(), due.hour()));
    let told = wait_for("all to have fired", || {
        let told = witness.told();
        if told.len() == count { Ok(told) } else { Err(told.len()) }
    });
    witness.end();
    let late = lateness(&told);
    let in_time = late.iter().filter(|ms| **ms < 1_000).count();
    print(&format!(
        "{count} crons due in one second: {in_time} have fired in it; p50 {} ms, the last {} ms late",
        at(&late, 50),
        at(&late, 100)
    ));
}

#[test]
#[ignore = "a measurement; small, it is part of .ci/run"]
fn what_crons_cost_that_only_wait() {
    let (count, seconds) = (size("IDLE", 1_000), size("SECONDS", 10));
    let cluster = with_actions(count);
    let time = Duration::from_secs(u64::try_from(seconds).expect("some seconds"));
    // Twice: what has just begun, or was just put, has some work left.
    let costs = || {
        [(); 2].map(|()| {
            let before = cpu_ms(&cluster);
            thread::sleep(time);
            cpu_ms(&cluster) - before
        })
    };
    let without = costs();
    put(&cluster, count, "0 0 0 1 1 *");
    let with = costs();
    let crons = cluster.get(0, "/metrics").expect("an answer").body;
    assert!(crons.contains(&format!("stint_crons {count}")), "not all of them are there");
    print(&format!(
        "CPU time of three idle replicas in {seconds} s, twice: {without:?} ms, with {count} crons \
         {with:?} ms; the second to the second {} %",
        with[1] * 100 / without[1].max(1)
    ));
}
