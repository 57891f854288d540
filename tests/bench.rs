//! `stint bench` on a real cluster: each load is a load, its figures are whole, and a saved run is
//! what the next one is compared with.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::program::{Run, stint};
use crate::harness::{Cluster, Options};

const ACTIONS: &str = "[actions.process]\ncommand = [\"true\"]\n\
    [actions.lines]\ncommand = [\"seq\", \"200\"]\n";

fn cluster() -> Cluster {
    Cluster::start(&Options { actions: ACTIONS, ..Options::default() })
}

fn bench(cluster: &Cluster, args: &[&str]) -> Run {
    let addresses = cluster.addresses();
    let args: Vec<_> = ["--address", &addresses, "bench"].iter().chain(args).copied().collect();
    stint(&args)
}

/// The figures of a run that was saved on standard output.
fn figures(cluster: &Cluster, args: &[&str]) -> Value {
    let args: Vec<_> = args.iter().chain(&["--json", "-"]).copied().collect();
    let run = bench(cluster, &args);
    assert_eq!(run.code, Some(0), "{args:?}: {run:?}");
    let saved: Value = serde_json::from_str(&run.out).unwrap_or_else(|e| panic!("{e}: {run:?}"));
    assert_eq!(saved["load"], args[0], "{saved}");
    saved["figures"].clone()
}

fn number(figures: &Value, name: &str) -> f64 {
    figures[name].as_f64().unwrap_or_else(|| panic!("no {name} in {figures}"))
}

#[test]
fn each_load_says_what_was_done_and_what_it_cost() {
    let cluster = cluster();
    let small = ["--clients", "4", "--connections", "3", "--seconds", "1"];
    for (load, own, counts) in [
        ("submit", &[][..], ["submitPerSecond", "submitP99Ms"]),
        ("life", &[], ["doneInAllPerSecond", "lifeP99Ms"]),
        ("life", &["--action", "process"], ["doneInAllPerSecond", "lifeP99Ms"]),
        ("read", &["--jobs", "20"], ["readPerSecond", "readP99Ms"]),
        ("list", &["--limit", "20"], ["listPerSecond", "listP99Ms"]),
        ("lines", &["--action", "lines"], ["linesPerSecond", "outputP99Ms"]),
    ] {
        let args: Vec<_> = [load].iter().chain(&small).chain(own).copied().collect();
        let figures = figures(&cluster, &args);
        for name in counts.into_iter().chain(["cpuOfLoadMs", "cpuOfReplicasMs", "writtenBytes"]) {
            let positive = number(&figures, name) > 0.0 || name == "writtenBytes";
            assert!(positive, "{args:?}: {name} in {figures}");
        }
        assert!(number(&figures, "failed") < 0.5, "{args:?}: {figures}");
        if load == "life" {
            assert!((number(&figures, "done") - number(&figures, "accepted")).abs() < 5.0);
            assert!(number(&figures, "otherwise") < 0.5, "{figures}");
        }
        if load == "lines" {
            let (lines, accepted) = (number(&figures, "lines"), number(&figures, "accepted"));
            assert!(lines >= 200.0 * accepted && number(&figures, "gaps") < 0.5, "{figures}");
        }
        let each: f64 = (1..=3).map(|n| number(&figures, &format!("cpuOf{n:012x}Ms"))).sum();
        assert!((each - number(&figures, "cpuOfReplicasMs")).abs() < 0.001, "{figures}");
    }
    assert_eq!(jobs_left(&cluster), 0, "each removes its jobs");
}

/// How many jobs there are, but for those that the cluster makes itself.
fn jobs_left(cluster: &Cluster) -> usize {
    let all = cluster.get(0, "/api/v0/jobs?limit=0").expect("an answer").json();
    let all = all["jobs"].as_array().expect("a list").clone();
    all.iter()
        .filter(|job| ["noop", "process", "lines"].map(Value::from).contains(&job["action"]))
        .count()
}

#[test]
fn crons_are_measured_and_removed_and_none_is_replaced() {
    let cluster = cluster();
    let crons = ["crons", "--actions", "noop,process", "--seconds", "3"];
    let measured = figures(&cluster, &crons);
    assert!(number(&measured, "ticks") >= 2.0, "{measured}");
    assert!(number(&measured, "latenessP50Ms") >= 0.0, "{measured}");
    let addresses = cluster.addresses();
    let list = stint(&["--address", &addresses, "--output", "json", "cron", "list"]);
    assert!(!list.out.contains("process"), "{list:?}");
    let put = stint(&["--address", &addresses, "cron", "put", "process", "@daily"]);
    assert_eq!(put.code, Some(0), "{put:?}");
    let refused = bench(&cluster, &crons);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("process has a cron"), "{refused:?}");
    let list = stint(&["--address", &addresses, "--output", "json", "cron", "list"]);
    assert!(list.out.contains("@daily"), "{list:?}");
}

#[test]
fn idle_replicas_and_single_jobs_are_measured() {
    let cluster = cluster();
    let idle = figures(&cluster, &["idle", "--seconds", "1"]);
    assert!(number(&idle, "cpuOfReplicasMs") < 1_000.0, "{idle}");
    let latency = figures(&cluster, &["latency", "--count", "5"]);
    let [accepted, running, done] =
        ["submitP50Ms", "runningP50Ms", "doneP50Ms"].map(|name| number(&latency, name));
    assert!(accepted <= running && running <= done, "{latency}");
}

#[test]
fn a_run_is_compared_with_a_saved_one_and_fails_if_it_is_worse() {
    let cluster = cluster();
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).to_str().expect("a text").to_owned();
    let saved = path("saved.json");
    let submit = ["submit", "--clients", "2", "--seconds", "1"];
    let with = |more: &[&str]| {
        let args: Vec<_> = submit.iter().chain(more).copied().collect();
        bench(&cluster, &args)
    };
    let run = with(&["--json", &saved]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains("submit to accepted, p99"), "{run:?}");
    let run = with(&["--compare", &saved, "--fail-above", "1000000"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains("BEFORE") && run.out.contains("RATIO"), "{run:?}");

    let better = path("better.json");
    multiply(Path::new(&saved), Path::new(&better), "submitPerSecond", 1e9);
    let run = with(&["--compare", &better, "--fail-above", "1000000"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.err.contains("submitPerSecond"), "{run:?}");
    let run = with(&["--compare", &better]);
    assert_eq!(run.code, Some(0), "without a limit nothing fails: {run:?}");

    let nowhere = path("nowhere.json");
    for more in [&["--compare", nowhere.as_str()][..], &["--fail-above", "2"]] {
        let run = with(more);
        assert_eq!(run.code, Some(2), "{run:?}");
    }
}

/// The same run with a figure so many times larger.
fn multiply(from: &Path, to: &Path, name: &str, times: f64) {
    let text = fs::read_to_string(from).expect("a saved run");
    let mut saved: Value = serde_json::from_str(&text).expect("JSON");
    let figure = &mut saved["figures"][name];
    *figure = (figure.as_f64().expect("a number") * times).into();
    fs::write(to, saved.to_string()).expect("a file");
}
