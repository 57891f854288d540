//! Jobs that are ended.

use std::time::{Duration, Instant};

use stint_core::{AttemptEnd, Command, JobSpec, Status, WorkerStatus};

use crate::harness::{
    Bench, end, eventually, gone, id, job_when, notes, over, pid_in, runs, spec, submit, texts,
    timeout,
};

/// A script that says its number in a file.
fn in_file(file: &std::path::Path, rest: &str) -> String {
    format!("echo $$ > {0}.new; mv {0}.new {0}; {rest}", file.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canceled_job_is_ended() {
    let bench = Bench::new().await;
    let file = bench.site.dir.path().join("pid");
    let worker = bench.work(bench.site.config(&[("wait", &in_file(&file, "sleep 600"))]));
    for action in ["wait", "sleep"] {
        let job = submit(&bench.replica, spec(action), 3).await;
        job_when(&bench.replica, job, |job| job.status == Status::Running).await;
        if action == "wait" {
            pid_in(&file).await;
        }
        let cancel = bench.replica.propose(Command::Cancel { job }).await;
        cancel.expect("a cluster").expect("no refusal");
        let job = over(&bench.replica, job).await;
        assert_eq!((job.status, end(&job)), (Status::Cancel, AttemptEnd::Canceled));
    }
    gone(pid_in(&file).await).await;
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_is_sigterm_which_the_job_can_obey() {
    let script = "trap 'echo obeyed; exit 0' TERM; echo up; while :; do sleep 0.01; done";
    let (bench, worker) = Bench::with(&[("wait", script)]).await;
    let spec = JobSpec { deadline: timeout("400ms"), ..spec("wait") };
    let job = submit(&bench.replica, spec, 0).await;
    let job = over(&bench.replica, job).await;
    assert_eq!((job.status, end(&job)), (Status::Error, AttemptEnd::DeadlineExceeded));
    assert_eq!(texts(&bench.replica, &job).await, ["up", "obeyed"]);
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_ignores_sigterm_is_killed_after_its_stop_timeout() {
    let script = "trap 'echo no' TERM; echo up; while :; do sleep 0.01; done";
    let (bench, worker) = Bench::with(&[("stubborn", script)]).await;
    let start = Instant::now();
    let spec =
        JobSpec { deadline: timeout("300ms"), stop_timeout: timeout("400ms"), ..spec("stubborn") };
    let job = submit(&bench.replica, spec, 0).await;
    let job = over(&bench.replica, job).await;
    assert!(start.elapsed() >= Duration::from_millis(700), "killed after {:?}", start.elapsed());
    assert_eq!(end(&job), AttemptEnd::DeadlineExceeded);
    assert_eq!(texts(&bench.replica, &job).await, ["up", "no"]);
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_job_forked_outlives_it_for_long() {
    let bench = Bench::new().await;
    let dir = bench.site.dir.path();
    let (member, escaped) = (dir.join("member"), dir.join("escaped"));
    // One stays in the group and ignores SIGTERM, one leaves it by a double fork and setsid.
    let script = format!(
        "(trap '' TERM; {}) & (setsid sh -c 'trap \"\" TERM; {}' > /dev/null 2>&1 &) ; \
         while [ ! -e {} ] || [ ! -e {} ]; do sleep 0.01; done",
        in_file(&member, "sleep 600"),
        in_file(&escaped, "sleep 600"),
        member.display(),
        escaped.display(),
    );
    let worker = bench.work(bench.site.config(&[("fork", &script)]));
    let job = submit(&bench.replica, spec("fork"), 0).await;
    let job = over(&bench.replica, job).await;
    let start = Instant::now();
    assert_eq!(end(&job), AttemptEnd::Exited(0));
    gone(pid_in(&member).await).await;
    gone(pid_in(&escaped).await).await;
    assert!(start.elapsed() < Duration::from_secs(2), "it took {:?}", start.elapsed());
    eventually("the note is gone", || async { notes(&bench.site).is_empty().then_some(()) }).await;
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_ends_its_jobs_and_says_so() {
    let bench = Bench::new().await;
    let file = bench.site.dir.path().join("pid");
    let script = "trap 'echo bye; exit 0' TERM; ".to_owned()
        + &in_file(&file, "while :; do sleep 0.01; done");
    let worker = bench.work(bench.site.config(&[("wait", &script)]));
    let job = submit(&bench.replica, spec("wait"), 0).await;
    let pid = pid_in(&file).await;
    worker.shutdown().await;
    assert!(!runs(pid));
    assert!(notes(&bench.site).is_empty());
    let found = bench.replica.job(job).await.expect("a cluster").expect("the job");
    assert_eq!((found.status, end(&found)), (Status::WorkerShutdown, AttemptEnd::WorkerShutdown));
    assert_eq!(texts(&bench.replica, &found).await, ["bye"]);
    let status = bench.replica.with_state(|state| state.worker(id(1)).map(|worker| worker.status));
    assert_eq!(status, Some(WorkerStatus::Shutdown));

    // The next worker goes on with it: the same job, another attempt, and more lines.
    let worker = bench.work(bench.site.config(&[("wait", "echo again")]));
    let found = over(&bench.replica, job).await;
    assert_eq!((found.status, found.attempt_count), (Status::Done, 2));
    assert_eq!(texts(&bench.replica, &found).await, ["bye", "again"]);
    worker.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_waits_no_longer_than_its_drain_limit() {
    let bench = Bench::new().await;
    let file = bench.site.dir.path().join("pid");
    let script = "trap '' TERM; ".to_owned() + &in_file(&file, "while :; do sleep 0.01; done");
    let mut config = bench.site.config(&[("stubborn", &script)]);
    config.drain_limit = Duration::from_millis(300);
    let worker = bench.work(config);
    let spec = JobSpec { stop_timeout: timeout("10m"), ..spec("stubborn") };
    let job = submit(&bench.replica, spec, 0).await;
    let pid = pid_in(&file).await;
    let start = Instant::now();
    worker.shutdown().await;
    assert!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
    assert!(!runs(pid));
    let found = bench.replica.job(job).await.expect("a cluster").expect("the job");
    assert_eq!(found.status, Status::WorkerShutdown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_dropped_leaves_no_process() {
    let bench = Bench::new().await;
    let file = bench.site.dir.path().join("pid");
    let worker = bench.work(bench.site.config(&[("wait", &in_file(&file, "sleep 600"))]));
    submit(&bench.replica, spec("wait"), 0).await;
    let pid = pid_in(&file).await;
    drop(worker);
    gone(pid).await;
}
