//! Leases that are lost, and workers that come back.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::Pid;
use stint_core::{AttemptEnd, Event, JobId, Status, WorkerStatus};
use stint_worker::Error;

use crate::harness::{
    Bench, PATIENCE, Site, eventually, gone, in_file, job_when, next, notes, over, pid_in, runs,
    spec, stop, submit, texts,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_cannot_renew_kills_its_jobs_and_comes_back() {
    let mut sites = Site::of_cluster(2).into_iter();
    let (site, listener) = sites.next().expect("one");
    let (other_site, other_listener) = sites.next().expect("two");
    let (replica, other) = tokio::join!(site.start(listener), other_site.start(other_listener));
    let file = site.dir.path().join("pid");
    // The first run waits to be killed, the second one ends.
    let script = format!("[ -e {0} ] && exit 0; {1}", file.display(), in_file(&file, "sleep 600"));
    let mut config = site.config(&[("once", &script)]);
    config.ttl = Duration::from_secs(3);
    let worker = stint_worker::Worker::start(replica.clone(), config).expect("a worker");
    let job = submit(&replica, spec("once"), 0).await;
    let pid = pid_in(&file).await;

    other.shutdown().await.expect("a shutdown");
    drop(other);
    gone(pid).await;
    let last_seen = replica.with_state(|state| state.job(job).map(|job| job.status));
    assert_eq!(last_seen, Some(Status::Running), "nobody could decide anything");

    let other = other_site.start_again().await;
    let found = over(&replica, job).await;
    assert_eq!((found.status, found.attempt_count), (Status::Done, 2), "{found:?}");
    let first = found.attempts.first().and_then(|attempt| attempt.end.clone());
    let first = first.map(|(_, end)| end);
    assert_eq!(first, Some(AttemptEnd::WorkerDead), "it was reported though its lease was over");
    let leases: Vec<_> = found.attempts.iter().map(|attempt| attempt.lease).collect();
    assert!(leases.is_sorted() && leases.first() < leases.last(), "{leases:?}");
    stop(worker).await;
    replica.shutdown().await.expect("a shutdown");
    other.shutdown().await.expect("a shutdown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_epoch_is_over_kills_its_jobs_and_begins_another() {
    let bench = Bench::new().await;
    let file = bench.site.dir.path().join("pid");
    let script = format!("[ -e {0} ] && exit 0; {1}", file.display(), in_file(&file, "sleep 600"));
    let worker = bench.work(bench.site.config(&[("once", &script)]));
    let job = submit(&bench.replica, spec("once"), 0).await;
    let pid = pid_in(&file).await;
    let (id, epoch, renewal) = bench.replica.with_state(|state| {
        let worker = state.workers().next().expect("the worker");
        (worker.id, worker.epoch, worker.renewal)
    });
    // What the leader proposes when it has seen no renewal. The worker may renew meanwhile.
    for renewal in renewal.. {
        let expire = stint_core::Command::Expire { worker: id, epoch, renewal };
        if bench.replica.propose(expire).await.expect("a cluster").is_ok() {
            break;
        }
    }
    gone(pid).await;
    let found = over(&bench.replica, job).await;
    assert_eq!((found.status, found.attempt_count), (Status::Done, 2));
    let worker_now = bench.replica.with_state(|state| state.worker(id).cloned());
    let worker_now = worker_now.expect("the worker");
    assert_eq!((worker_now.epoch.0, worker_now.status), (epoch.0 + 1, WorkerStatus::Running));
    stop(worker).await;
}

/// Starts what a former life's run `lease` would be, which leaves its group by a double fork and
/// says its number in `escaped`, and makes its note.
fn leave_over(bench: &Bench, lease: u64, escaped: &Path) -> Child {
    let notes = bench.site.worker_dir().join("runs");
    std::fs::create_dir_all(&notes).expect("the directory of the notes");
    let job = JobId::from_bytes([8; 16]);
    let script = format!(
        "trap '' TERM; (setsid sh -c '{}' > /dev/null 2>&1 &); sleep 600 & wait",
        in_file(escaped, "exec sleep 600")
    );
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("a boot id");
    // The worker was killed before it could note which process it had started.
    let note = format!("job {job}\nboot {boot}");
    std::fs::write(notes.join(lease.to_string()), note).expect("a note");
    std::process::Command::new("sh")
        .args(["-c", &script])
        .env("STINT_LEASE", lease.to_string())
        .env("STINT_JOB_ID", job.to_string())
        // Should it survive, then whoever reads the output of this test does not wait for it.
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a process")
}

#[tokio::test(flavor = "multi_thread")]
async fn leftovers_of_a_former_life_are_gone_before_it_registers() {
    let bench = Bench::new().await;
    let file = bench.site.dir.path().join("pid");
    let mut leftover = leave_over(&bench, 77, &file);
    let (pid, escaped) = (Pid::from_child(&leftover), pid_in(&file).await);

    let mut events = bench.replica.subscribe();
    let worker = bench.work(bench.site.config(&[]));
    let is_registered = |event: &Event| matches!(event, Event::WorkerChanged(_));
    while !next(&mut events).await.iter().any(is_registered) {}
    assert!(!runs(pid), "it registered while its leftover ran");
    assert!(!runs(escaped), "it registered while what had escaped ran");
    assert!(notes(&bench.site).is_empty());
    leftover.wait().expect("its end");
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_ends_with_its_replica() {
    let bench = Bench::new().await;
    let file = bench.site.dir.path().join("pid");
    let worker = bench.work(bench.site.config(&[("wait", &in_file(&file, "sleep 600"))]));
    let job = submit(&bench.replica, spec("wait"), 0).await;
    job_when(&bench.replica, job, |job| job.status == Status::Running).await;
    let pid = pid_in(&file).await;
    bench.replica.shutdown().await.expect("a shutdown");
    let failure = tokio::time::timeout(PATIENCE, worker.failed()).await.expect("it goes on");
    assert!(matches!(failure, Error::ReplicaStopped(_)), "{failure}");
    assert!(!runs(pid));
    assert!(notes(&bench.site).is_empty());
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_nobody_answers_still_stops() {
    let mut sites = Site::of_cluster(2).into_iter();
    let (site, listener) = sites.next().expect("one");
    // The other founder never starts: there is no leader.
    let replica = site.start(listener).await;
    let worker = stint_worker::Worker::start(replica.clone(), site.config(&[])).expect("a worker");
    stop(worker).await;
    eventually("the replica stops too", || async { replica.shutdown().await.ok() }).await;
}

/// What a process has mapped of a file or of its own memory and can read: whether it is kept in
/// memory, and how much of it is there.
fn mappings(pid: &str) -> Vec<(String, bool, (u64, u64))> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps")).expect("its mappings");
    let mut found: Vec<(String, bool, (u64, u64))> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let kib = || second.parse().expect("a size");
        match (first, found.last_mut()) {
            ("Size:", Some(last)) => last.2.0 = kib(),
            ("Rss:", Some(last)) => last.2.1 = kib(),
            ("VmFlags:", Some(last)) => last.1 = line.contains(" lo"),
            (range, _) if range.contains('-') => found.push((line.to_owned(), false, (0, 0))),
            _ => {}
        }
    }
    let is_its_own = |line: &str| line.contains(" r") && !line.contains("[v");
    found.retain(|(line, ..)| is_its_own(line));
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guardian_waits_for_no_disk_as_all_of_it_stays_in_memory_and_its_job_is_free_of_that() {
    let script = "echo $PPID; grep VmLck /proc/$$/status; read wait < \"$0\"";
    let bench = Bench::new().await;
    let pipe = bench.site.dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let script = script.replace("$0", &pipe.display().to_string());
    let worker = bench.work(bench.site.config(&[("wait", &script)]));
    let job = submit(&bench.replica, spec("wait"), 0).await;
    let job = job_when(&bench.replica, job, |job| job.line_count == 2).await;
    let texts = texts(&bench.replica, &job).await;
    let [guardian, locked] = texts.as_slice() else { panic!("{texts:?}") };
    assert!(locked.ends_with(" 0 kB"), "the job's program has {locked}");
    let mappings = mappings(guardian);
    assert!(mappings.iter().any(|(line, ..)| line.contains("guardian")), "{mappings:#?}");
    // What it has allocated since is its own memory, and in no file.
    let heap = mappings.iter().position(|(line, ..)| line.contains("[heap]")).expect("a heap");
    for (n, (line, is_kept, (size, there))) in mappings.into_iter().enumerate() {
        if n > heap && line.contains("[heap]") {
            continue;
        }
        let why = "is not in memory for ever; if RLIMIT_MEMLOCK is below 8 MiB: ulimit -l 8192";
        assert!(is_kept && there == size, "{there} of {size} KiB ({is_kept}) of {line} {why}");
    }
    std::fs::write(&pipe, "go\n").expect("a pipe");
    assert_eq!(over(&bench.replica, job.id).await.status, Status::Done);
    stop(worker).await;
}
