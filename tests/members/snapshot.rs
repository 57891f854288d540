//! Gigabytes of history go to a new replica, and neither end has them in memory.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use crate::harness::{Cluster, Options, http};

/// Memory that either end may take beyond what an idle replica has.
const ABOVE_IDLE_MIB: u64 = 150;

/// The parameters of one job, in KiB, unless `STINT_SNAPSHOT_JOB_KIB` says otherwise.
const JOB_KIB: usize = 32;

/// How long a new replica may take for each 100 MiB, on a slow machine.
const PATIENCE: Duration = Duration::from_mins(1);

#[test]
#[ignore = "it writes gigabytes: minutes, and five times as much disk; tests/README.md has the command"]
#[expect(clippy::print_stderr, reason = "the figures are to be read")]
fn gigabytes_of_history_go_to_a_new_replica_with_flat_memory_at_both_ends() {
    let size_mib = number("STINT_SNAPSHOT_MIB", 2_048);
    let job_kib = number("STINT_SNAPSHOT_JOB_KIB", JOB_KIB);
    let options = Options { replicas: 1, ..Options::default() };
    let mut cluster = Cluster::start(&options);
    let idle = memory_mib(cluster.pid(0));
    let began = Instant::now();
    let ids = fill(&cluster, size_mib * 1024 / job_kib, job_kib);
    eprintln!("{size_mib} MiB were written in {:?}; idle is {idle} MiB", began.elapsed());

    let new = cluster.newcomer(2, &options);
    let before = memory_mib(cluster.pid(0));
    assert_eq!(cluster.join(new, &cluster.invite(0, "5m")).code, Some(0));
    cluster.spawn(new);
    let began = Instant::now();
    let mut snapshot = Most::default();
    let mut rest = Most::default();
    let deadline = PATIENCE * u32::try_from(1 + size_mib / 100).expect("few");
    loop {
        // What comes after the snapshot is the end of the log, as to any replica that was away.
        let has_snapshot = cluster.get(new, "/api/v0/meta/cluster_status").is_ok_and(|status| {
            status.json()["appliedIndex"].as_u64().is_some_and(|index| index > 0)
        });
        let most = if has_snapshot { &mut rest } else { &mut snapshot };
        most.here = most.here.max(memory_mib(cluster.pid(0)));
        most.there = most.there.max(memory_mib(cluster.pid(new)));
        let members = cluster.members(new).unwrap_or_default();
        if members.iter().filter(|member| member["isVoter"] == true).count() == 2 {
            break;
        }
        assert!(began.elapsed() < deadline, "it has not caught up: {}", cluster.log_tail(new));
        thread::sleep(Duration::from_millis(50));
    }
    let took = began.elapsed();
    eprintln!(
        "{size_mib} MiB came in {took:?}; the sender had {before} MiB before; at most, in MiB, during \
         the snapshot: {snapshot:?}, and behind it: {rest:?}"
    );
    let bound = idle + ABOVE_IDLE_MIB;
    let most = |of: fn(&Most) -> u64| of(&snapshot).max(of(&rest));
    assert!(most(|most| most.there) < bound, "the receiver had {snapshot:?}, {rest:?} MiB");
    assert!(
        most(|most| most.here) < bound.max(before + ABOVE_IDLE_MIB),
        "the sender had {snapshot:?}, {rest:?} MiB"
    );
    for id in ids.iter().step_by(97) {
        let job = cluster.job(new, id);
        assert_eq!(job["status"], "done", "{id}");
    }
}

/// The most memory that both ends had, in MiB.
#[derive(Debug, Default)]
struct Most {
    here: u64,
    there: u64,
}

/// What the environment says, or what is usual.
pub(crate) fn number(name: &str, usual: usize) -> usize {
    let parse =
        |text: String| text.parse().unwrap_or_else(|_| panic!("{name} is a number: {text}"));
    env::var(name).map_or(usual, parse)
}

/// Submits so many jobs of this size that are done at once, and gives their ids.
pub(crate) fn fill(cluster: &Cluster, jobs: usize, job_kib: usize) -> Vec<String> {
    let body = format!(
        r#"{{"action":"noop","parameters":{{"text":"{}"}}}}"#,
        "x".repeat(job_kib * 1024 - 16)
    );
    let next = AtomicUsize::new(0);
    let ids = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < jobs {
                    let end = Instant::now() + crate::harness::PATIENCE;
                    loop {
                        let answer =
                            http::post(&cluster.replicas[0].address, "/api/v0/jobs", &body);
                        match answer {
                            Ok(answer) if answer.status == 202 => {
                                let id = answer.json()["id"].as_str().expect("an id").to_owned();
                                ids.lock().expect("no panic").push(id);
                                break;
                            }
                            other => assert!(Instant::now() < end, "{other:?}"),
                        }
                    }
                }
            });
        }
    });
    ids.into_inner().expect("no panic")
}

/// The memory of a process that is not shared with others or on disk.
pub(crate) fn memory_mib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line");
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
    kib / 1024
}
