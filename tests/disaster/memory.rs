//! Gigabytes go into a backup and out of it again, and nobody has them in memory.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::text;
use crate::harness::program::STINT;
use crate::harness::{Cluster, Options};
use crate::members::snapshot::{fill, memory_mib, number};

/// Memory that each process may take beyond what it has when it is idle.
const ABOVE_IDLE_MIB: u64 = 150;

/// The parameters of one job.
const JOB_KIB: usize = 32;

/// The output of one job that prints, in lines of 1,000 bytes.
const OUTPUT_MIB: usize = 4;

/// How long each step may take for each 100 MiB, on a slow machine.
const PATIENCE: Duration = Duration::from_mins(2);

#[test]
#[ignore = "it writes gigabytes: minutes, and four times as much disk; tests/README.md has the command"]
#[expect(clippy::print_stderr, reason = "the figures are to be read")]
fn gigabytes_are_backed_up_and_restored_with_flat_memory_at_both_ends() {
    let size_mib = number("STINT_BACKUP_MIB", 1_024);
    let options = Options {
        replicas: 1,
        actions: "[actions.print]\ncommand = [\"sh\", \"-c\", \"yes \\\"$(printf %999s | tr ' ' x)\\\" | head -n 4096\"]\n",
        ..Options::default()
    };
    let cluster = Cluster::start(&options);
    let idle = memory_mib(cluster.pid(0));
    let began = Instant::now();
    let output_mib = size_mib / 4;
    let printed: Vec<_> = (0..output_mib.div_ceil(OUTPUT_MIB))
        .map(|_| cluster.submit(0, r#"{"action":"print"}"#))
        .collect();
    let ids = fill(&cluster, (size_mib - output_mib) * 1024 / JOB_KIB, JOB_KIB);
    for id in &printed {
        cluster.wait_for_status(0, id, "done");
    }
    eprintln!("{size_mib} MiB were written in {:?}; idle is {idle} MiB", began.elapsed());

    let before = memory_mib(cluster.pid(0));
    assert!(before < idle + ABOVE_IDLE_MIB, "with all that the replica had {before} MiB");
    let file = cluster.dir().join("stint.backup");
    let patience = PATIENCE * u32::try_from(1 + size_mib / 100).expect("few");
    let address = &cluster.replicas[0].address;
    let began = Instant::now();
    let taking = start(&["backup", "--address", address, text(&file)]);
    let (taker, giver) = most_until_done(taking, Some(cluster.pid(0)), patience);
    let bytes = fs::metadata(&file).expect("a backup").len();
    eprintln!(
        "a backup of {} MiB in {:?}; at most, in MiB: {taker} who takes it, {giver} the replica, which \
         had {before} before",
        bytes >> 20,
        began.elapsed()
    );
    assert!(bytes >> 20 >= u64::try_from(size_mib).expect("few") * 9 / 10, "{bytes} bytes only");
    assert!(taker < ABOVE_IDLE_MIB, "who takes it had {taker} MiB");
    assert!(giver < idle + ABOVE_IDLE_MIB, "the replica had {giver} MiB");

    let config = restorable(&cluster);
    let began = Instant::now();
    let restoring = start(&["restore", "--config", text(&config), text(&file)]);
    let (by_restore, _) = most_until_done(restoring, None, patience);
    eprintln!("restored in {:?}, with at most {by_restore} MiB", began.elapsed());
    assert!(by_restore < ABOVE_IDLE_MIB, "who restores had {by_restore} MiB");

    // The restored one is where the former was, which has to go first.
    let mut cluster = cluster;
    cluster.kill(0);
    cluster.replicas[0].data_dir = config.with_extension("");
    cluster.replicas[0].config = config;
    cluster.spawn(0);
    cluster.wait_until_whole();
    let restored = memory_mib(cluster.pid(0));
    eprintln!("the restored replica has {restored} MiB");
    assert!(restored < idle + ABOVE_IDLE_MIB, "the restored replica had {restored} MiB");
    for id in ids.iter().step_by(97) {
        assert_eq!(cluster.job(0, id)["status"], "done", "{id}");
    }
    for id in &printed {
        assert_eq!(cluster.job(0, id)["lineCount"], 4_096, "{id}");
    }
}

/// The configuration of another cluster in the same place.
fn restorable(cluster: &Cluster) -> std::path::PathBuf {
    let replica = &cluster.replicas[0];
    let config = fs::read_to_string(&replica.config).expect("the configuration");
    let path = cluster.dir().join("restored.toml");
    let (from, to) = (replica.data_dir.display(), path.with_extension(""));
    let config = config.replace(&format!("\"{from}\""), &format!("\"{}\"", to.display()));
    let config = config.replace("000102030405060708090a0b0c0d0e0f", &"ab".repeat(16));
    fs::write(&path, config).expect("a configuration");
    path
}

fn start(args: &[&str]) -> Child {
    let mut command = Command::new(STINT);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    command.spawn().expect("the program under test starts")
}

/// The most memory that a process has until it is done, and another one meanwhile.
fn most_until_done(mut child: Child, other: Option<u32>, patience: Duration) -> (u64, u64) {
    let began = Instant::now();
    let (mut most, mut of_other) = (0, 0);
    loop {
        most = most.max(anonymous_mib(child.id()));
        of_other = of_other.max(other.map_or(0, memory_mib));
        if let Some(status) = child.try_wait().expect("a child") {
            assert!(status.success(), "{status}");
            return (most, of_other);
        }
        assert!(began.elapsed() < patience, "it does not end");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The memory of a process that may end at any time.
fn anonymous_mib(pid: u32) -> u64 {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"));
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or("0 kB");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().expect("a number") / 1024
}
