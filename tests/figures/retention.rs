//! What a compaction of very many jobs gives back, and what it costs those who submit meanwhile.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{bench, fill, print, size};
use crate::harness::{Cluster, Options, wait_for};

/// A state's file is written anew when so many records have left it.
const WRITTEN_ANEW_FROM: usize = 10_000;

/// How long a compaction, and the room that comes back after it, may take.
const PATIENCE: Duration = Duration::from_mins(30);

/// Room on the disk, in MiB, of all that a replica has but its log.
fn mebibytes(cluster: &Cluster) -> Vec<u64> {
    fn blocks(path: &Path) -> u64 {
        let own = fs::symlink_metadata(path).map_or(0, |metadata| metadata.blocks());
        let below = fs::read_dir(path).into_iter().flatten().flatten();
        own + below.map(|entry| blocks(&entry.path())).sum::<u64>()
    }
    let of = |dir: &Path| blocks(&dir.join("state.redb")) + blocks(&dir.join("output"));
    cluster.replicas.iter().map(|one| of(&one.data_dir) * 512 / (1 << 20)).collect()
}

#[test]
#[ignore = "a measurement; small, it is part of .ci/run"]
fn what_a_compaction_gives_back_and_costs_those_who_submit() {
    let (jobs, keep) = (size("JOBS", 3_000), size("KEPT", 300));
    let seconds = if jobs > 100_000 { "10" } else { "2" };
    let cluster = Cluster::start(&Options { lease_ttl: "10s", ..Options::default() });
    let jobs = fill(&cluster, jobs);
    let alone = bench(&cluster, &["submit", "--clients", "16", "--seconds", seconds]);
    let before = mebibytes(&cluster);
    let settings = json!({ "jobHistoryCompactionEnabled": true, "jobHistoryToKeep": keep });
    let path = "/api/v0/meta/settings";
    let answer = cluster.post(0, path, &settings.to_string()).expect("an answer");
    assert_eq!(answer.status, 202, "{answer:?}");

    let start = Instant::now();
    let id = cluster.submit(0, r#"{"action":"onlinegc_joblogs"}"#);
    let mut beside = Vec::new();
    while cluster.job(0, &id)["status"] != "done" {
        assert!(start.elapsed() < PATIENCE, "{}", cluster.job(0, &id));
        beside.push(bench(&cluster, &["submit", "--clients", "16", "--seconds", seconds]));
    }
    let lines = cluster.get(0, &format!("/api/v0/jobs/{id}/logs")).expect("an answer").json();
    print(&format!("{jobs} jobs done; {}", lines[1]["data"]));
    print(&format!("submissions of 16 clients alone: {}", figures(&alone)));
    for one in &beside {
        print(&format!("beside the compaction: {}", figures(one)));
    }
    let removed = jobs - keep;
    if removed >= 2 * WRITTEN_ANEW_FROM {
        let end = Instant::now() + PATIENCE;
        let is_anew = |i| cluster.log(i).contains("the state file was written anew");
        while !(0..3).all(is_anew) {
            assert!(Instant::now() < end, "the room does not come back");
            thread::sleep(Duration::from_secs(1));
        }
    }
    print(&format!("state and output, MiB: {before:?} before, {:?} after", mebibytes(&cluster)));
    // Whoever submitted beside it was deleted again: what is left of that is counted apart.
    let left = wait_for("a list", || {
        let path = format!("/api/v0/jobs?action=noop&start={keep}&limit=1");
        Ok::<_, String>(cluster.get(1, &path)?.json()["jobs"].clone())
    });
    assert_eq!(left, json!([]), "more than {keep} are left");
}

fn figures(bench: &Value) -> String {
    let ms = |name: &str| bench[name].as_f64().unwrap_or(f64::NAN);
    format!(
        "{:.0} a second, p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
        bench["submitPerSecond"].as_f64().unwrap_or(f64::NAN),
        ms("submitP50Ms"),
        ms("submitP99Ms"),
        ms("submitLongestMs")
    )
}
