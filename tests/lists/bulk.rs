//! The same to many jobs.

use std::collections::BTreeSet;
use std::thread;

use serde_json::Value;

use crate::harness::program::stint;
use crate::harness::{Cluster, Options, http, wait_for};

const JOBS: usize = 10_000;

/// How many submit at a time.
const SUBMITTERS: usize = 8;

/// All jobs of the query, page by page.
fn all(cluster: &Cluster, i: usize, query: &str) -> Vec<Value> {
    let (mut jobs, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v0/jobs?limit=0&{query}&after={after}");
        let page = cluster.get(i, &path).expect("an answer").json();
        jobs.extend(page["jobs"].as_array().expect("jobs").iter().cloned());
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => return jobs,
        }
    }
}

fn ids_of(jobs: &[Value], name: &str) -> BTreeSet<String> {
    jobs.iter().map(|job| job[name].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn ten_thousand_jobs_are_canceled_and_retried_once_each_though_the_leader_dies_meanwhile() {
    let mut cluster = Cluster::start(&Options::default());
    cluster.post(0, "/api/v0/queues/noop/pause", "").expect("an answer");
    thread::scope(|scope| {
        for i in 0..SUBMITTERS {
            let address = &cluster.replicas[i % 3].address;
            scope.spawn(move || {
                let body = r#"{"action":"noop","parameters":{"WHY":"the bulk"}}"#;
                for _ in 0..JOBS / SUBMITTERS {
                    let answer = http::post(address, "/api/v0/jobs", body).expect("an answer");
                    assert_eq!(answer.status, 202, "{answer:?}");
                }
            });
        }
    });
    let kept = cluster.submit(0, r#"{"action":"noop","parameters":{"WHY":"another thing"}}"#);
    let addresses = cluster.addresses();
    let of = |args: &[&str]| {
        let run = stint(&[&["--address", &addresses, "--output", "json", "job"], args].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        serde_json::from_str::<Value>(&run.out).expect("JSON")
    };
    let filter = ["--action", "noop", "--text", "the bulk"];
    let counted = of(&[&["cancel", "--dry-run"], &filter[..]].concat());
    assert_eq!((&counted["matched"], &counted["changed"]), (&JOBS.into(), &0.into()), "{counted}");
    assert_eq!(all(&cluster, 0, "status=waiting").len(), JOBS + 1, "a dry run changes nothing");

    let done = of(&[&["cancel"], &filter[..]].concat());
    assert_eq!((&done["matched"], &done["changed"]), (&JOBS.into(), &JOBS.into()), "{done}");
    let canceled = all(&cluster, 1, "status=cancel");
    assert_eq!(ids_of(&canceled, "id").len(), JOBS);

    let leader = cluster.leader();
    let witness = (leader + 1) % 3;
    let retry = thread::scope(|scope| {
        let retry = scope.spawn(|| of(&["retry", "--status", "cancel", "--action", "noop"]));
        wait_for("some to be retried", || {
            let queues = cluster.get(witness, "/api/v0/queues")?.json();
            let queues = queues["queues"].as_array().cloned().unwrap_or_default();
            let due = queues.iter().find(|queue| queue["action"] == "noop").map(|q| &q["due"]);
            let due = due.and_then(Value::as_u64).unwrap_or_default();
            if due > 500 { Ok(()) } else { Err(format!("{due} are due")) }
        });
        let pid = cluster.pid(leader).to_string();
        let killed = std::process::Command::new("kill").args(["-9", &pid]).status();
        assert!(killed.is_ok_and(|status| status.success()));
        retry.join().expect("it goes on with the others")
    });
    cluster.kill(leader);
    assert_eq!(retry["refused"], 0, "{retry}");
    let waiting = all(&cluster, witness, "status=waiting");
    let retries: Vec<_> = waiting.into_iter().filter(|job| job["id"] != kept.as_str()).collect();
    assert_eq!(retries.len(), JOBS, "{retry}");
    assert_eq!(ids_of(&retries, "retryFromID"), ids_of(&canceled, "id"), "each once");
    let over = all(&cluster, witness, "status=cancel");
    assert_eq!(ids_of(&over, "retriedByID"), ids_of(&retries, "id"));
}

#[test]
fn jobs_that_have_failed_for_good_are_listed_and_retried_by_one_command() {
    let cluster = Cluster::start(&Options { replicas: 1, ..Options::default() });
    let addresses = cluster.addresses();
    let of = |args: &[&str]| {
        let run = stint(&[&["--address", &addresses, "--output", "json", "job"], args].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        serde_json::from_str::<Value>(&run.out).expect("JSON")
    };
    let body = r#"{"action":"false","retries":1}"#;
    let first: BTreeSet<_> = (0..3).map(|_| cluster.submit(0, body)).collect();
    let done = cluster.submit(0, r#"{"action":"noop"}"#);
    cluster.wait_for_status(0, &done, "done");
    let failed = || of(&["list", "--failed"])["jobs"].as_array().cloned().expect("jobs");
    wait_for("the retries to fail", || if failed().len() == 3 { Ok(()) } else { Err(failed()) });
    let last = failed();
    assert!(
        ids_of(&last, "id").is_disjoint(&first),
        "those that were retried did not fail for good"
    );
    assert_eq!(ids_of(&last, "retryFromID"), first);
    assert_eq!(of(&["list", "--status", "error"])["jobs"].as_array().map(Vec::len), Some(6));

    let dry = of(&["retry", "--failed", "--dry-run"]);
    assert_eq!((&dry["matched"], &dry["changed"]), (&3.into(), &0.into()), "{dry}");
    let shown = dry["ids"].as_array().expect("ids").iter().map(|id| id.as_str().expect("an id"));
    assert_eq!(shown.map(str::to_owned).collect::<BTreeSet<_>>(), ids_of(&last, "id"));
    let none = of(&["retry", "--failed", "--action", "noop"]);
    assert_eq!(none["matched"], 0, "{none}");
    let retried = of(&["retry", "--failed", "--action", "false"]);
    assert_eq!((&retried["matched"], &retried["changed"]), (&3.into(), &3.into()), "{retried}");
    wait_for("the same to fail again", || {
        let again: Vec<_> = failed();
        let is_new = ids_of(&again, "id").is_disjoint(&ids_of(&last, "id"));
        if again.len() == 3 && is_new { Ok(()) } else { Err(again) }
    });

    let one = of(&["retry", &done]);
    assert_eq!(one["retryFromID"], done.as_str(), "{one}");
    let gone = stint(&["--address", &addresses, "job", "delete", "--status", "error"]);
    assert!(gone.code == Some(0) && gone.out.starts_with("delete: 12 of 12 jobs"), "{gone:?}");
    assert_eq!(of(&["list", "--action", "false"])["jobs"].as_array().map(Vec::len), Some(0));
}
