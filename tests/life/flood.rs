//! One job that writes as fast as it may, and what that costs the others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Cluster, Options, wait_for};

const LINES: usize = 400_000;
const ACTIONS: &str = r#"
[actions.flood]
command = ["seq", "-f", "line %.0f of a job that writes as fast as it may", "0", "399999"]
"#;

/// What a release build on an idle machine with two processors keeps.
const LINES_PER_SECOND_MIN: f64 = 20_000.0;
const SUBMIT_P99_MAX: Duration = Duration::from_millis(100);

/// Between two submissions, so that it is their answer that is measured and not their number.
const PAUSE: Duration = Duration::from_millis(10);

/// The lines of the job from this number on, as replica `i` has them; each with its number.
fn page(cluster: &Cluster, i: usize, id: &str, offset: usize) -> Vec<(u64, String)> {
    let path = format!("/api/v0/jobs/{id}/logs?offset={offset}");
    let answer = cluster.get(i, &path).expect("an answer").json();
    let lines = answer.as_array().unwrap_or_else(|| panic!("no lines: {answer}")).iter();
    lines
        .map(|line| {
            let number = line["lineNum"].as_u64().expect("a number");
            (number, line["data"].as_str().expect("a text").to_owned())
        })
        .collect()
}

/// Checks that the lines from this number on are what the job wrote, and says how many these were.
fn check(cluster: &Cluster, i: usize, id: &str, offset: usize) -> usize {
    let lines = page(cluster, i, id, offset);
    for (place, (number, text)) in (offset..).zip(&lines) {
        assert_eq!(usize::try_from(*number), Ok(place), "a gap at replica {i}");
        assert_eq!(*text, format!("line {place} of a job that writes as fast as it may"));
    }
    lines.len()
}

/// Submits jobs one after the other until it is told to stop, and says how long each took.
fn submissions(cluster: &Cluster, i: usize, is_over: &AtomicBool) -> Vec<Duration> {
    let mut took = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let asked = Instant::now();
        cluster.submit(i, r#"{"action":"noop"}"#);
        took.push(asked.elapsed());
        thread::sleep(PAUSE);
    }
    took
}

/// Prints what it measures; only a release build on an idle machine is held to the figures.
#[test]
#[expect(clippy::print_stdout, reason = "figures are what it is run for")]
#[ignore = "a minute of load; tests/README.md says how its figures are measured"]
fn a_job_of_20000_lines_a_second_has_no_gap_and_submissions_stay_fast() {
    let cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    let is_over = AtomicBool::new(false);
    let (job, id, mut took, read) = thread::scope(|scope| {
        let all: Vec<_> = (0..3)
            .map(|i| {
                scope.spawn({
                    let (cluster, is_over) = (&cluster, &is_over);
                    move || submissions(cluster, i, is_over)
                })
            })
            .collect();
        let id = cluster.submit(0, r#"{"action":"flood"}"#);
        // Readable at each replica while it runs, and for as long as that takes.
        let mut read = [0; 3];
        let job = loop {
            for (i, read) in read.iter_mut().enumerate() {
                *read += check(&cluster, i, &id, *read);
            }
            let job = cluster.job(0, &id);
            if super::is_over(&job) {
                break job;
            }
        };
        is_over.store(true, Ordering::Relaxed);
        let took: Vec<_> =
            all.into_iter().flat_map(|one| one.join().expect("submissions")).collect();
        (job, id, took, read)
    });
    assert_eq!((&job["status"], &job["lineCount"]), (&"done".into(), &LINES.into()), "{job}");
    for (i, read) in read.into_iter().enumerate() {
        let mut offset = read;
        while offset < LINES {
            // The last of them may still be on their way to a follower.
            offset += wait_for("more lines", || match check(&cluster, i, &id, offset) {
                0 => Err((i, offset)),
                count => Ok(count),
            });
        }
    }
    took.sort();
    let p99 = took[took.len() * 99 / 100];
    let lines = f64::from(u32::try_from(LINES).expect("a small number"));
    let (rate, median) = (lines / seconds(&job), took[took.len() / 2]);
    println!(
        "{LINES} lines in {:.2} s: {rate:.0}/s, without a gap at 3 replicas; read while it ran: \
         {read:?}\n{} submissions meanwhile: p50 {median:?}, p99 {p99:?}, most {:?}",
        seconds(&job),
        took.len(),
        took[took.len() - 1],
    );
    if !cfg!(debug_assertions) {
        assert!(rate >= LINES_PER_SECOND_MIN, "{rate:.0} lines a second");
        assert!(p99 < SUBMIT_P99_MAX, "p99 of submissions is {p99:?}");
    }
}

/// From the start of the only attempt to its end, when all of its lines are in the log.
fn seconds(job: &Value) -> f64 {
    let time = |name: &str| {
        let text = job["attempts"][0][name].as_str().expect("a time");
        chrono::DateTime::parse_from_rfc3339(text).expect("a time").timestamp_millis()
    };
    Duration::from_millis(u64::try_from(time("endedAt") - time("startedAt")).expect("later"))
        .as_secs_f64()
}
