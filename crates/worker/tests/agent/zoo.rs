//! Hostile jobs: whatever a job does to its processes, nothing of it outlives it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use stint_core::{AttemptEnd, Command, JobId, JobSpec, Status};
use stint_worker::{Action, Confinement};

use crate::harness::{
    Bench, end, eventually, job_when, over, shell, spec, stalls, stop, submit, texts, timeout,
};

/// How a run of the zoo is brought to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// By itself, with this code.
    With(i32),
    /// It goes on until it is canceled.
    Canceled,
    /// Not by anything that its worker sees.
    Unseen,
}

/// Each says "ready" when it has done its worst, and has `$ZOO` in the environment or the command
/// line of all its processes.
const ZOO: &[(&str, Ends, &str)] = &[
    (
        "it forks twice, so that its last process is nobody's child",
        Ends::With(0),
        r#"perl -e 'exit if fork; exit if fork; sleep 600' "$ZOO"; echo ready"#,
    ),
    (
        "it makes a session, and a session from there",
        Ends::With(0),
        r#"perl -MPOSIX -e 'for (1, 2) { exit if fork; POSIX::setsid() } sleep 600' "$ZOO"
           echo ready"#,
    ),
    (
        "it leaves its group, its session and its environment",
        Ends::With(7),
        r#"(env -i PATH="$PATH" setsid sh -c 'trap "" TERM; while :; do sleep 1; done' "$ZOO" &)
           echo ready; exit 7"#,
    ),
    (
        "it ignores SIGTERM",
        Ends::Canceled,
        r#"trap "" TERM; echo ready; while :; do sleep 1; done"#,
    ),
    (
        "it is stopped",
        Ends::Canceled,
        r#"trap "" TERM; echo ready; kill -STOP $$; while :; do sleep 1; done"#,
    ),
    ("it holds its output open after its exit", Ends::With(3), "sleep 600 & echo ready; exit 3"),
    (
        "it closes its pipes",
        Ends::Canceled,
        r#"echo ready; exec >&- 2>&-; trap "" TERM; while :; do sleep 1; done"#,
    ),
    (
        "it changes its process group",
        Ends::With(0),
        r#"perl -e 'if (fork) { sleep 1; exit } setpgrp(0, 0); $SIG{TERM} = "IGNORE"; sleep 600 while 1' "$ZOO"
           echo ready"#,
    ),
    (
        "it exits while its grandchildren run",
        Ends::With(0),
        r#"for i in 1 2 3 4 5; do sh -c 'sleep 600 & sleep 600 & wait' "$ZOO" & done; echo ready"#,
    ),
    (
        "it forks and exits for ever, so that it is never where it was",
        Ends::Canceled,
        r#"perl -MPOSIX -e 'while (1) { exit if fork; POSIX::setsid(); select undef, undef, undef, 0.01 }' "$ZOO" &
           echo ready; sleep 600"#,
    ),
    (
        "it kills its guardian",
        Ends::Unseen,
        "setsid sleep 600 & echo ready; kill -KILL $PPID; sleep 600",
    ),
    (
        "it stops its guardian",
        Ends::Canceled,
        r#"trap "" TERM; echo ready; kill -STOP $PPID; while :; do sleep 1; done"#,
    ),
];

const STOP_TIMEOUT: &str = "500ms";

/// No orphan survives the stop timeout by more than this.
const GRACE: Duration = Duration::from_secs(2);

fn marked(mark: &str) -> BTreeSet<String> {
    let carries = |pid: &str, file: &str| {
        fs::read(Path::new("/proc").join(pid).join(file)).is_ok_and(|bytes| {
            bytes.split(|byte| *byte == 0).any(|part| part.ends_with(mark.as_bytes()))
        })
    };
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|pid| carries(pid, "environ") || carries(pid, "cmdline"))
        .collect()
}

/// An action whose processes carry the mark.
fn animal(script: &str, mark: &str) -> Action {
    let mut action = shell(script);
    action.environment.insert("ZOO".to_owned(), mark.to_owned());
    action.defaults.stop_timeout = timeout(STOP_TIMEOUT);
    action
}

async fn cancel(bench: &Bench, job: JobId) {
    let answer = bench.replica.propose(Command::Cancel { job }).await;
    answer.expect("a cluster").expect("no refusal");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_hostile_job_outlives_it() {
    let bench = Bench::new().await;
    let mark = |name: &str| format!("{}/{name}.", bench.site.dir.path().display());
    let mut config = bench.site.config(&[]);
    for (name, _, script) in ZOO {
        config.actions.insert((*name).to_owned(), animal(script, &mark(name)));
    }
    let worker = bench.work(config);
    let stop_timeout = timeout(STOP_TIMEOUT).expect("a duration").span();
    let stop_timeout = Duration::from_millis(stop_timeout.as_ms());
    for (name, ends, _) in ZOO {
        let job = submit(&bench.replica, spec(name), 0).await;
        job_when(&bench.replica, job, |job| job.line_count > 0 || job.status == Status::Error)
            .await;
        let (asked, stalled) = (Instant::now(), stalls());
        if *ends == Ends::Canceled {
            cancel(&bench, job).await;
        }
        let job = over(&bench.replica, job).await;
        let left = marked(&mark(name));
        assert!(
            left.is_empty(),
            "{name}: it is over, and {left:?} run after {:?}",
            asked.elapsed()
        );
        let took = asked.elapsed().saturating_sub(stalls().saturating_sub(stalled));
        assert!(took <= stop_timeout + GRACE, "{name}: something of it ran for {took:?} more");
        match ends {
            Ends::With(code) => assert_eq!(end(&job), AttemptEnd::Exited(*code), "{name}"),
            Ends::Canceled => assert_eq!(end(&job), AttemptEnd::Canceled, "{name}"),
            Ends::Unseen => {
                let AttemptEnd::CouldNotStart(why) = end(&job) else { panic!("{name}: {job:?}") };
                assert!(why.contains("its guardian was killed"), "{name}: {why}");
            }
        }
        assert_eq!(texts(&bench.replica, &job).await, ["ready"], "{name}");
    }
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_grows_no_larger_than_its_limit_and_is_ended() {
    const LIMIT: usize = 40;
    let bench = Bench::new().await;
    let mark = format!("{}/bomb.", bench.site.dir.path().display());
    let mut config = bench.site.config(&[]);
    let mut bomb = animal("exec perl -e '$SIG{TERM} = \"IGNORE\"; while (1) { fork }'", &mark);
    bomb.confinement.pids = u64::try_from(LIMIT).ok();
    // Where there is no pids cgroup, only a user that is not root can be limited.
    bomb.confinement.user = rustix::process::geteuid().is_root().then(|| "nobody".to_owned());
    config.actions.insert("bomb".to_owned(), bomb);
    let worker = bench.work(config);
    let job = submit(&bench.replica, spec("bomb"), 0).await;
    eventually("the bomb grows", || async { (marked(&mark).len() > LIMIT / 2).then_some(()) })
        .await;
    cancel(&bench, job).await;
    let mut most = 0;
    let job = loop {
        most = most.max(marked(&mark).len());
        let job = bench.replica.job(job).await.expect("a cluster").expect("the job");
        if job.status == Status::Cancel {
            break job;
        }
    };
    assert!(most <= LIMIT, "{most} processes");
    assert_eq!((end(&job), marked(&mark).len()), (AttemptEnd::Canceled, 0));
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_without_a_line_feed_is_cut_and_harms_nobody() {
    let bench = Bench::new().await;
    let mark = format!("{}/flood.", bench.site.dir.path().display());
    let mut flood = animal("head -c 1000000000 /dev/zero", &mark);
    flood.output.bytes_max = 100_000;
    let mut config = bench.site.config(&[]);
    config.actions.insert("flood".to_owned(), flood);
    let worker = bench.work(config);
    let job = submit(&bench.replica, spec("flood"), 0).await;
    let job = over(&bench.replica, job).await;
    assert_eq!((end(&job), marked(&mark).len()), (AttemptEnd::Exited(0), 0));
    let texts = texts(&bench.replica, &job).await;
    assert!(texts.iter().map(String::len).sum::<usize>() < 200_000);
    let last = texts.last().map(String::as_str);
    assert_eq!(last, Some("the output has reached its limit of 100000 bytes; the rest is dropped"));
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_confined_as_its_action_says() {
    let script = "id -un; id -gn; id -Gn; umask; nice; ulimit -n; ulimit -t; \
                  sh -c 'ulimit -Ht'; grep ^SigBlk /proc/self/status; readlink /proc/self/fd/0";
    let bench = Bench::new().await;
    let is_root = rustix::process::geteuid().is_root();
    let mut confined = shell(script);
    confined.confinement = Confinement {
        user: is_root.then(|| "nobody".to_owned()),
        umask: Some(0o27),
        nice: Some(7),
        cpu_time: Some(Duration::from_millis(2_500)),
        open_files: Some(33),
        ..Confinement::default()
    };
    let mut config = bench.site.config(&[("plain", script)]);
    config.actions.insert("confined".to_owned(), confined);
    let worker = bench.work(config);
    let job = submit(&bench.replica, spec("plain"), 0).await;
    let plain = texts(&bench.replica, &*over(&bench.replica, job).await).await;
    let job = submit(&bench.replica, spec("confined"), 0).await;
    let job = over(&bench.replica, job).await;
    let mut expected = plain.clone();
    if is_root {
        let nobody = std::process::Command::new("id").args(["-gn", "nobody"]).output();
        let group = String::from_utf8(nobody.expect("id").stdout).expect("a name");
        let group = group.trim().to_owned();
        expected[..3].clone_from_slice(&["nobody".to_owned(), group.clone(), group]);
    }
    expected[3..8].clone_from_slice(&["0027", "7", "33", "3", "4"].map(str::to_owned));
    let texts = texts(&bench.replica, &job).await;
    assert_eq!(texts, expected, "{job:?}");
    // Of the signals that its guardian blocks it knows nothing.
    let blocked = plain.iter().find(|line| line.starts_with("SigBlk")).map(String::as_str);
    assert_eq!(blocked, Some("SigBlk:\t0000000000000000"));
    assert_eq!(plain.last().map(String::as_str), Some("/dev/null"));
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_cannot_be_kept_says_why() {
    let bench = Bench::new().await;
    let mut config = bench.site.config(&[]);
    let is_root = rustix::process::geteuid().is_root();
    let mut add = |name: &str, confinement: Confinement, dir: Option<&str>| {
        let mut action = shell("exit 0");
        action.confinement = confinement;
        action.working_dir = dir.map(Into::into);
        config.actions.insert(name.to_owned(), action);
    };
    let user = |name: &str| Confinement { user: Some(name.to_owned()), ..Confinement::default() };
    add("stranger", user("no-such-user"), None);
    add("files", Confinement { open_files: Some(u64::MAX / 2), ..Confinement::default() }, None);
    add("place", Confinement::default(), Some("/nonexistent"));
    add("nobody", user("nobody"), is_root.then_some("/proc/1/fd"));
    let worker = bench.work(config);
    let nobody = if is_root {
        "cannot start in /proc/1/fd: Permission denied (os error 13)"
    } else {
        "cannot become user \"nobody\": Operation not permitted (os error 1)"
    };
    for (name, expected) in [
        ("stranger", "cannot start \"sh\": there is no user \"no-such-user\""),
        ("files", "cannot have the limit Nofile of 9223372036854775807: Operation not permitted"),
        ("place", "cannot start in /nonexistent: there is no such directory"),
        ("nobody", nobody),
    ] {
        let job = submit(&bench.replica, spec(name), 0).await;
        let job = over(&bench.replica, job).await;
        let AttemptEnd::CouldNotStart(why) = end(&job) else { panic!("{job:?}") };
        assert!(why.starts_with(expected), "{name}: {why}");
    }
    stop(worker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_takes_too_much_memory_is_ended() {
    let bench = Bench::new().await;
    let mut config = bench.site.config(&[]);
    let mut hungry = shell("exec perl -e '$x = \"x\" x 300_000_000; print length $x'");
    hungry.confinement.memory_bytes = Some(64 * 1024 * 1024);
    config.actions.insert("hungry".to_owned(), hungry);
    let worker = bench.work(config);
    let spec = JobSpec { deadline: timeout("20s"), ..spec("hungry") };
    let job = submit(&bench.replica, spec, 0).await;
    let job = over(&bench.replica, job).await;
    // By the kernel, or by its own complaint where only its address space can be limited.
    let end = end(&job);
    assert!(matches!(end, AttemptEnd::Signaled(9) | AttemptEnd::Exited(1)), "{end:?}");
    assert!(texts(&bench.replica, &job).await.is_empty());
    stop(worker).await;
}
