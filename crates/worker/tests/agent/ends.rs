//! Jobs that are ended.

use std::time::{Duration, Instant};

use stint_core::{AttemptEnd, Command, JobId, JobSpec, Status, WorkerStatus};

use crate::harness::{
    Bench, end, eventually, gone, id, in_file, job_when, notes, over, pid_in, runs, spec, stop,
    submit, texts, timeout,
};

async fn cancel(bench: &Bench, job: JobId) {
    let answer = bench.replica.propose(Command::Cancel { job }).await;
    answer.expect("a cluster").expect("no refusal");
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
        cancel(&bench, job).await;
        let job = over(&bench.replica, job).await;
        assert_eq!((job.status, end(&job)), (Status::Cancel, AttemptEnd::Canceled));
    }
    gone(pid_in(&file).await).await;
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_is_sigterm_which_the_job_can_obey() {
    let script = "trap 'echo obeyed; exit 0' TERM; echo up; while :; do sleep 0.01; done";
    let (bench, worker) = Bench::with(&[("wait", script)]).await;
    let spec = JobSpec { deadline: timeout("3s"), ..spec("wait") };
    let job = submit(&bench.replica, spec, 0).await;
    let job = over(&bench.replica, job).await;
    assert_eq!((job.status, end(&job)), (Status::Error, AttemptEnd::DeadlineExceeded));
    assert_eq!(texts(&bench.replica, &job).await, ["up", "obeyed"]);
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_ignores_sigterm_is_killed_after_its_stop_timeout() {
    let script = "trap 'echo no' TERM; echo up; while :; do sleep 0.01; done";
    let (bench, worker) = Bench::with(&[("stubborn", script)]).await;
    let spec = JobSpec { stop_timeout: timeout("3s"), ..spec("stubborn") };
    let job = submit(&bench.replica, spec, 0).await;
    job_when(&bench.replica, job, |job| job.line_count == 1).await;
    let asked = Instant::now();
    cancel(&bench, job).await;
    let job = over(&bench.replica, job).await;
    let took = asked.elapsed();
    assert!(took >= Duration::from_secs(3), "it had not its whole stop timeout, but {took:?}");
    assert_eq!((job.status, end(&job)), (Status::Cancel, AttemptEnd::Canceled));
    assert_eq!(texts(&bench.replica, &job).await, ["up", "no"]);
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_over_though_somebody_holds_its_output_open() {
    let bench = Bench::new().await;
    let (file, go) = (bench.site.dir.path().join("pid"), bench.site.dir.path().join("go"));
    let script = in_file(
        &file,
        &format!("while [ ! -e {} ]; do sleep 0.01; done; echo after; exit 4", go.display()),
    );
    let worker = bench.work(bench.site.config(&[("talk", &script)]));
    let job = submit(&bench.replica, spec("talk"), 0).await;
    let pid = pid_in(&file).await.as_raw_nonzero();
    // Not of the run, so that nobody ends it.
    let held = std::fs::OpenOptions::new().write(true).open(format!("/proc/{pid}/fd/1"));
    let held = held.expect("its standard output");
    std::fs::write(&go, "").expect("a file");
    let job = over(&bench.replica, job).await;
    assert_eq!(end(&job), AttemptEnd::Exited(4));
    assert_eq!(texts(&bench.replica, &job).await, ["after"]);
    drop(held);
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_left_its_group_its_session_and_its_environment_ends_with_its_job() {
    let bench = Bench::new().await;
    let file = bench.site.dir.path().join("pid");
    let script = format!(
        "(env -i PATH=\"$PATH\" setsid sh -c '{}' &); while [ ! -e {} ]; do sleep 0.01; done",
        in_file(&file, "trap '' TERM; exec sleep 600"),
        file.display(),
    );
    let worker = bench.work(bench.site.config(&[("fork", &script)]));
    let job = submit(&bench.replica, spec("fork"), 0).await;
    let escaped = pid_in(&file).await;
    let job = over(&bench.replica, job).await;
    assert_eq!(end(&job), AttemptEnd::Exited(0));
    assert!(!runs(escaped), "the job was over before it");
    assert!(notes(&bench.site).is_empty());
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_guardian_is_killed_is_ended_without_it() {
    let bench = Bench::new().await;
    let dir = bench.site.dir.path();
    let (escaped, leader) = (dir.join("escaped"), dir.join("leader"));
    // Its guardian is its parent.
    let script = format!(
        "setsid sh -c '{}' & while [ ! -e {} ]; do sleep 0.01; done; kill -9 $PPID; {}",
        in_file(&escaped, "exec sleep 600"),
        escaped.display(),
        in_file(&leader, "sleep 600"),
    );
    let worker = bench.work(bench.site.config(&[("murder", &script)]));
    let job = submit(&bench.replica, spec("murder"), 0).await;
    let job = over(&bench.replica, job).await;
    let AttemptEnd::CouldNotStart(reason) = end(&job) else { panic!("{job:?}") };
    assert!(reason.contains("its guardian was killed"), "{reason}");
    gone(pid_in(&escaped).await).await;
    eventually("the note is gone", || async { notes(&bench.site).is_empty().then_some(()) }).await;
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guardian_that_is_stopped_does_not_hold_up_a_cancel() {
    let bench = Bench::new().await;
    let file = bench.site.dir.path().join("pid");
    let script = format!("kill -STOP $PPID; {}", in_file(&file, "sleep 600"));
    let worker = bench.work(bench.site.config(&[("stop", &script)]));
    let spec = JobSpec { stop_timeout: timeout("200ms"), ..spec("stop") };
    let job = submit(&bench.replica, spec, 0).await;
    let pid = pid_in(&file).await;
    cancel(&bench, job).await;
    let job = over(&bench.replica, job).await;
    assert_eq!((job.status, end(&job)), (Status::Cancel, AttemptEnd::Canceled));
    assert!(!runs(pid));
    eventually("the note is gone", || async { notes(&bench.site).is_empty().then_some(()) }).await;
    stop(worker).await;
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
    assert_eq!(end(&job), AttemptEnd::Exited(0));
    gone(pid_in(&member).await).await;
    gone(pid_in(&escaped).await).await;
    eventually("the note is gone", || async { notes(&bench.site).is_empty().then_some(()) }).await;
    stop(worker).await;
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
    stop(worker).await;
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
    stop(worker).await;
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
    // Its stop timeout is far longer than the patience of this.
    stop(worker).await;
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

/// In which cgroups a process is, by what `/proc` says.
fn cgroups(pid: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_has_a_cgroup_of_its_own_and_its_guardian_another() {
    if !rustix::process::geteuid().is_root() || !cgroups("self").contains("0::") {
        // There may be none for us; that runs end without one, the other tests show.
        return;
    }
    let bench = Bench::new().await;
    let file = bench.site.dir.path().join("pid");
    let script = format!("echo $PPID; {}", in_file(&file, "sleep 600"));
    let worker = bench.work(bench.site.config(&[("wait", &script)]));
    let job = submit(&bench.replica, spec("wait"), 0).await;
    let pid = pid_in(&file).await.as_raw_nonzero().to_string();
    let running = job_when(&bench.replica, job, |job| job.line_count == 1).await;
    let guardian = texts(&bench.replica, &running).await.remove(0);
    let unified = |pid: &str| {
        let text = cgroups(pid);
        text.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default().to_owned()
    };
    let lease = running.lease().expect("a lease");
    let (of_run, of_guardian) = (unified(&pid), unified(&guardian));
    let key = of_run.strip_suffix(&format!("/{lease}")).expect("it is named by its lease");
    assert_eq!(of_guardian, format!("{key}/guardians"));
    cancel(&bench, job).await;
    over(&bench.replica, job).await;
    stop(worker).await;
    let mounts = std::fs::read_to_string("/proc/mounts").expect("mounts");
    let mount = mounts.lines().find(|line| line.contains(" cgroup2 ")).expect("cgroup2");
    let root = mount.split(' ').nth(1).expect("its place");
    let left = std::path::Path::new(root).join(key.trim_start_matches('/'));
    assert!(!left.join(lease.to_string()).exists(), "{left:?} is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guardian_has_less_than_half_a_mebibyte_of_its_own_and_six_with_what_all_share() {
    let (bench, worker) =
        Bench::with(&[("look", "grep -E 'VmHWM|RssAnon' /proc/$PPID/status")]).await;
    for _ in 0..3 {
        let job = submit(&bench.replica, spec("look"), 0).await;
        let job = over(&bench.replica, job).await;
        let texts = texts(&bench.replica, &job).await;
        let kilobytes = |line: &String| -> u64 {
            let words: Vec<_> = line.split_ascii_whitespace().collect();
            words[1].parse().expect("a number")
        };
        let sizes: Vec<_> = texts.iter().map(kilobytes).collect();
        let &[all, own] = sizes.as_slice() else { panic!("{texts:?}") };
        assert!(all < 6 * 1024 && own < 512, "{texts:?}");
    }
    stop(worker).await;
}
