//! How long a page of a list takes where most jobs are over: with each filter, at the beginning of the
//! list and far down in it.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{at, fill, is_held, print, size};
use crate::harness::http::Lasting;
use crate::harness::{Cluster, Options};

/// What is promised of a page of a hundred, whatever the filter.
const PROMISED: Duration = Duration::from_millis(10);

/// A page begins at most so far down by `start`, if it is to be as fast: what is left out is walked over.
const START_PROMISED: usize = 10_000;

/// Jobs that differ from the many: as many stand below all of those as above them.
const SEVERAL: usize = 150;

/// The actions that are offered. Jobs of `fails` end as errors.
const ACTIONS: &str = "
[actions.fails]
command = [\"/bin/false\"]
[actions.fine]
command = [\"/bin/true\"]
";

#[test]
#[ignore = "a measurement; small, it is part of .ci/run"]
fn how_long_a_page_of_a_hundred_jobs_takes() {
    let cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    let client = Lasting::new(&cluster.replicas[cluster.leader()].address);
    let first = submit_several(&cluster, &client);
    let finished = fill(&cluster, size("FINISHED", 2_000));
    let last = submit_several(&cluster, &client);
    let asked = size("ASKED", 10);
    print(&format!("{finished} jobs are over; {asked} pages of 100 of each kind"));
    print("| filter | pages | p50 ms | p99 ms | jobs in the last of them |\n|---|---|---|---|---|");

    let mut slow = Vec::new();
    for (name, filter) in filters(&first, &last) {
        for way in [Way::First, Way::After, Way::Start(1_000), Way::Start(START_PROMISED)] {
            let (times, jobs) = ask(&client, &filter, way, asked);
            let (p50, p99) = (at(&times, 50), at(&times, 99));
            let ms = |us: u64| Duration::from_micros(us).as_secs_f64() * 1e3;
            print(&format!("| {name} | {way} | {:.2} | {:.2} | {jobs} |", ms(p50), ms(p99)));
            if Duration::from_micros(p99) >= PROMISED {
                slow.push(format!("{name}, {way}: {:.2} ms", ms(p99)));
            }
        }
    }
    if is_held() {
        assert!(slow.is_empty(), "{slow:#?}");
    }
}

/// How the pages follow on each other.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// The beginning of the list again and again.
    First,
    /// Each goes on where the one before it ended.
    After,
    /// Behind so many.
    Start(usize),
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::First => f.write_str("the first"),
            Self::After => f.write_str("by `after`"),
            Self::Start(start) => write!(f, "`start={start}`"),
        }
    }
}

/// A job among those that differ, and when it was submitted.
struct Mark {
    id: String,
    at: String,
}

/// Jobs of all kinds that a filter tells apart.
fn submit_several(cluster: &Cluster, client: &Lasting) -> Mark {
    let mut newest = Value::Null;
    for n in 0..SEVERAL {
        let action = if n % 3 == 0 { "fails" } else { "fine" };
        let body = format!(
            r#"{{"action":"{action}","priority":{},"parameters":{{"IMAGE":"registry/{n}"}},"uniqueKey":"key-{n}"}}"#,
            n % 101
        );
        let answer = client.post("/api/v0/jobs", &body);
        assert_eq!(answer.status, 202, "{answer:?}");
        newest = answer.json();
    }
    let text = |name: &str| newest[name].as_str().expect("a text").to_owned();
    let mark = Mark { id: text("id"), at: text("scheduledAt") };
    let status = if (SEVERAL - 1).is_multiple_of(3) { "error" } else { "done" };
    cluster.wait_for_status(0, &mark.id, status);
    mark
}

/// Each filter that a list has, alone, and several together.
fn filters(first: &Mark, last: &Mark) -> Vec<(&'static str, String)> {
    let worker = "000000000001";
    let (since, until) = (&first.at, &last.at);
    let filters = [
        ("none", String::new()),
        ("`action`", "action=noop".to_owned()),
        ("`action` of few", "action=fails".to_owned()),
        ("`worker`", format!("worker={worker}")),
        ("`running=false`", "running=false".to_owned()),
        ("`running=true`", "running=true".to_owned()),
        ("`status=done`", "status=done".to_owned()),
        ("`status=error`", "status=error".to_owned()),
        ("`failed`", "failed=true".to_owned()),
        ("`since`, `until`", format!("since={since}&until={until}")),
        ("`startedSince`, `startedUntil`", format!("startedSince={since}&startedUntil={until}")),
        ("`endedSince`, `endedUntil`", format!("endedSince={since}&endedUntil={until}")),
        ("`parent`", format!("parent={}", first.id)),
        ("`cron`", format!("cron={}", first.id)),
        ("`text`", "text=registry/7".to_owned()),
        ("`priority`", "priority=50".to_owned()),
        ("`uniqueKey`", "uniqueKey=key-7".to_owned()),
        ("`action`, `worker`, `status`", format!("action=noop&worker={worker}&status=done")),
        ("`action`, `worker`, `since`", format!("action=fine&worker={worker}&since={since}")),
        (
            "all that are no ids",
            format!(
                "action=fine&worker={worker}&running=false&status=done,error&since={since}\
                 &until={until}&startedSince={since}&endedSince={since}&text=registry&priority=50\
                 &uniqueKey=key-50"
            ),
        ),
    ];
    filters.into()
}

/// How long each page took, in order, and how many jobs the last one had.
fn ask(client: &Lasting, filter: &str, way: Way, count: usize) -> (Vec<u64>, usize) {
    let start = if let Way::Start(start) = way { format!("&start={start}") } else { String::new() };
    let (mut times, mut jobs, mut after) = (Vec::new(), 0, String::new());
    for _ in 0..count {
        let path = format!("/api/v0/jobs?limit=100&{filter}{start}{after}");
        let began = Instant::now();
        let answer = client.get(&path);
        times.push(u64::try_from(began.elapsed().as_micros()).expect("not so long"));
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let page = answer.json();
        jobs = page["jobs"].as_array().expect("jobs").len();
        if matches!(way, Way::After) {
            let next = page.get("next").and_then(Value::as_str);
            after = next.map(|next| format!("&after={next}")).unwrap_or_default();
        }
    }
    times.sort_unstable();
    (times, jobs)
}
