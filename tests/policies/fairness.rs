//! A stream of more urgent jobs, endless for all that anybody knows, keeps no other from its turn.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::crons::plan::ms_of;
use crate::harness::{Cluster, Options};

/// What one level of priority is worth.
const STEP_MS: u64 = 36_000;

/// Long after the last that may pass the other has come.
const PATIENCE: Duration = Duration::from_mins(10);

const ACTIONS: &str = "[actions.work]\ncommand = [\"sleep\", \"0.2\"]\n";

fn submit(cluster: &Cluster, priority: u32) -> String {
    let body = format!(r#"{{"action":"work","priority":{priority},"capacityMap":{{"a":1}}}}"#);
    cluster.submit(0, &body)
}

/// When its first attempt began, if it did.
fn started_ms(job: &Value) -> Option<u64> {
    job.pointer("/attempts/0/startedAt").and_then(Value::as_str).map(ms_of)
}

/// Has more wait at any time than can run, and says how many there were.
fn flood(cluster: &Cluster, is_over: &AtomicBool) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let mut next_waits = 0;
    while !is_over.load(Ordering::Acquire) {
        // The oldest that has not begun; if that is far from the newest, there are enough.
        while next_waits < ids.len() && cluster.job(0, &ids[next_waits])["attempt"] != 0 {
            next_waits += 1;
        }
        if ids.len() - next_waits < 5 {
            ids.push(submit(cluster, 1));
        }
    }
    ids
}

#[test]
fn a_stream_of_urgent_jobs_passes_another_for_as_long_as_its_head_start_and_no_longer() {
    let cluster = Cluster::start(&Options {
        replicas: 1,
        capacity: "{ a = 1 }",
        actions: ACTIONS,
        ..Options::default()
    });
    let is_over = AtomicBool::new(false);
    let end = Instant::now() + PATIENCE;
    let (low, urgent) = thread::scope(|scope| {
        let flooding = scope.spawn(|| flood(&cluster, &is_over));
        // It comes when there is more to do than can be done.
        let first_three = Instant::now() + Duration::from_secs(1);
        while Instant::now() < first_three {
            thread::yield_now();
        }
        let low = submit(&cluster, 0);
        let job = loop {
            let job = cluster.job(0, &low);
            if job["status"] == "done" || Instant::now() > end {
                break job;
            }
            thread::sleep(Duration::from_millis(100));
        };
        is_over.store(true, Ordering::Release);
        (job, flooding.join().expect("all are accepted"))
    });
    assert_eq!(low["status"], "done", "it starves: {low}");
    let came_ms = low["scheduledAt"].as_str().map(ms_of).expect("a time");
    let began_ms = started_ms(&low).expect("it ran");
    let mut passed = 0;
    for id in &urgent {
        let job = cluster.job(0, id);
        let job_came_ms = job["scheduledAt"].as_str().map(ms_of).expect("a time");
        let is_before = started_ms(&job).is_some_and(|at| at < began_ms);
        let is_behind = started_ms(&job).is_none_or(|at| at > began_ms);
        assert!(!is_before || job_came_ms < came_ms + STEP_MS, "it has passed {low}: {job}");
        assert!(!is_behind || job_came_ms >= came_ms + STEP_MS, "it was passed by {low}: {job}");
        passed += usize::from(is_before && job_came_ms > came_ms);
    }
    assert!(passed > 20, "only {passed} of {} have passed it", urgent.len());
}
