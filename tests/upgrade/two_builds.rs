//! Two programs that differ by a feature level, the newer of which has something that needs it.
//!
//! `tests/upgrade/build` makes the newer one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::program::{STINT, stint_of};
use crate::harness::{Cluster, Options, wait_for};

use super::load::Load;
use super::{A_WHILE, ACTIONS, leader_last, restart_as, wait_until_ready};

/// The newer program. Its absence is a failure, and not a reason to test less.
fn newer() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/next-level/stint");
    assert!(path.is_file(), "{}: run tests/upgrade/build first", path.display());
    let path = path.canonicalize().expect("a path");
    let version = stint_of(&path, &["--version"]);
    assert!(version.out.contains("next-level"), "{version:?}");
    path
}

fn status(cluster: &Cluster, i: usize) -> Value {
    wait_for("the status", || {
        let answer = cluster.get(i, "/api/v0/meta/cluster_status")?;
        if answer.status == 200 { Ok(answer.json()) } else { Err(format!("{answer:?}")) }
    })
}

fn warnings(status: &Value) -> String {
    status["clusterWarnings"].to_string()
}

/// Waits until replica `i` warns of this.
fn wait_for_warning(cluster: &Cluster, i: usize, text: &str) -> Value {
    wait_for(&format!("replica {i} to warn: {text}"), || {
        let status = status(cluster, i);
        if warnings(&status).contains(text) { Ok(status) } else { Err(status) }
    })
}

fn wait_for_level(cluster: &Cluster, i: usize, level: u64) {
    wait_for(&format!("replica {i} to have level {level}"), || {
        let status = status(cluster, i);
        if status["featureLevel"] == level { Ok(()) } else { Err(status) }
    });
}

/// What a data directory holds, by name, and when it was last written.
fn files(dir: &Path) -> BTreeMap<PathBuf, (u64, std::time::SystemTime)> {
    let mut all = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).expect("a directory") {
            let entry = entry.expect("an entry");
            let metadata = entry.metadata().expect("metadata");
            if metadata.is_dir() {
                left.push(entry.path());
            } else {
                let modified = metadata.modified().expect("a time");
                all.insert(entry.path(), (metadata.len(), modified));
            }
        }
    }
    all
}

const NOTCHES: &str = "/api/v0/meta/notches";

fn notches(cluster: &Cluster, i: usize) -> u64 {
    let answer = cluster.get(i, NOTCHES).expect("an answer");
    answer.json()["notches"].as_u64().unwrap_or_else(|| panic!("{answer:?}"))
}

/// What needs the level is refused with the reason, wherever it is asked for.
fn is_refused(cluster: &Cluster, i: usize) {
    let answer = cluster.post(i, NOTCHES, "").expect("an answer");
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.body.contains("needs feature level 2, and the cluster has 1"), "{answer:?}");
}

#[test]
#[ignore = "needs the program that tests/upgrade/build makes"]
fn a_cluster_rises_to_a_new_level_once_all_replicas_run_the_version_that_knows_it() {
    let (old, new) = (PathBuf::from(STINT), newer());
    let options = Options { actions: ACTIONS, lease_ttl: "5s", ..Options::default() };
    let mut cluster = Cluster::start(&options);
    let load = Load::start(&cluster);
    let [first, second, leader] = leader_last(&cluster)[..] else { panic!("three replicas") };
    assert_eq!(cluster.post(first, NOTCHES, "").expect("an answer").status, 404);

    restart_as(&mut cluster, first, &new);
    let id = cluster.replicas[leader].id.clone();
    let seen = wait_for_warning(&cluster, first, "the feature level stays at 1, and 2 is known");
    assert!(warnings(&seen).contains(&format!("replica {id} runs version")), "{seen}");
    assert!(warnings(&seen).contains("replicas run different versions"), "{seen}");
    assert_eq!((&seen["featureLevel"], &seen["newestFeatureLevel"]), (&1.into(), &2.into()));
    wait_for_warning(&cluster, leader, "replicas run different versions");
    is_refused(&cluster, first);

    // The newer version leads while an older one is there: the level has to wait for that one.
    restart_as(&mut cluster, second, &new);
    let first_id = cluster.replicas[first].id.clone();
    let transfer = format!("/api/v0/meta/members/{first_id}/lead");
    let answer = cluster.post(leader, &transfer, "").expect("an answer");
    assert_eq!(answer.status, 204, "{answer:?}");
    std::thread::sleep(A_WHILE);
    for i in [first, second, leader] {
        wait_for_level(&cluster, i, 1);
    }
    is_refused(&cluster, first);
    is_refused(&cluster, second);

    // Away is not the same as gone.
    assert_eq!(cluster.stop(leader), Some(0));
    std::thread::sleep(A_WHILE);
    wait_for_warning(&cluster, first, "is known: replica");
    wait_for_level(&cluster, first, 1);

    cluster.replicas[leader].program.clone_from(&new);
    cluster.spawn(leader);
    wait_until_ready(&cluster, leader);
    for i in [first, second, leader] {
        wait_for_level(&cluster, i, 2);
        let answer = cluster.post(i, NOTCHES, "").expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    for i in [first, second, leader] {
        assert_eq!(notches(&cluster, i), 3);
        wait_for("no warning of versions", || {
            let said = warnings(&status(&cluster, i));
            if said.contains("version") { Err(said) } else { Ok(()) }
        });
    }
    let figures = load.end();
    #[expect(clippy::print_stderr, reason = "a figure that people look at")]
    {
        eprintln!("upgrade by one level: {figures:?}");
    }
    the_older_version_is_refused(&mut cluster, leader, (&old, &new));
    an_older_newcomer_is_refused(&mut cluster, first, &options, (&old, &new));
    an_older_version_restores_no_newer_backup(&cluster, first, (&old, &new));
    everything_stays_after_a_restart(&mut cluster);
}

/// On the data directory of a newer one.
fn the_older_version_is_refused(cluster: &mut Cluster, i: usize, (old, new): (&Path, &Path)) {
    assert_eq!(cluster.stop(i), Some(0));
    let dir = cluster.replicas[i].data_dir.clone();
    let left = files(&dir);
    old.clone_into(&mut cluster.replicas[i].program);
    cluster.spawn(i);
    let code = cluster.wait_for_end(i);
    let log = cluster.log_tail(i);
    assert!(code != Some(0) && log.contains("feature level 2 is needed"), "{code:?} {log}");
    assert!(log.contains("knows levels up to 1"), "{log}");
    assert_eq!(files(&dir), left, "nothing in it was touched");

    new.clone_into(&mut cluster.replicas[i].program);
    cluster.spawn(i);
    wait_until_ready(cluster, i);
    assert_eq!(notches(cluster, i), 3);
}

fn an_older_newcomer_is_refused(
    cluster: &mut Cluster,
    by: usize,
    options: &Options,
    (old, new): (&Path, &Path),
) {
    let newcomer = cluster.newcomer(4, options);
    old.clone_into(&mut cluster.replicas[newcomer].program);
    let invitation = cluster.invite(by, "5m");
    let run = cluster.join(newcomer, &invitation);
    assert!(run.code != Some(0) && run.err.contains("the cluster has feature level 2"), "{run:?}");
    assert!(run.err.contains("knows levels up to 1"), "{run:?}");
    let is_told = (0..3).any(|i| cluster.log(i).contains("a new replica runs too old a version"));
    assert!(is_told, "the member that refused it says so, too");
    assert_eq!(cluster.members(by).expect("members").len(), 3);

    // The same invitation serves the newer version.
    new.clone_into(&mut cluster.replicas[newcomer].program);
    let run = cluster.join(newcomer, &invitation);
    assert_eq!(run.code, Some(0), "{run:?}");
    cluster.spawn(newcomer);
    wait_until_ready(cluster, newcomer);
    assert_eq!(notches(cluster, newcomer), 3);
}

fn an_older_version_restores_no_newer_backup(
    cluster: &Cluster,
    i: usize,
    (old, new): (&Path, &Path),
) {
    let file = cluster.dir().join("stint.backup");
    let name = file.to_str().expect("a name");
    let run = stint_of(new, &["backup", name, "--address", &cluster.replicas[i].address]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let config = cluster.dir().join("restored.toml");
    let text = fs::read_to_string(&cluster.replicas[0].config).expect("a configuration");
    let dir = cluster.dir().join("restored");
    let text = text
        .replace(
            cluster.replicas[0].data_dir.to_str().expect("a name"),
            dir.to_str().expect("a name"),
        )
        .replace("000102030405060708090a0b0c0d0e0f", "f0e0d0c0b0a090807060504030201000");
    fs::write(&config, text).expect("a file");
    let args = ["restore", "--config", config.to_str().expect("a name"), name];
    let run = stint_of(old, &args);
    assert!(run.code != Some(0) && run.err.contains("feature level 2 is needed"), "{run:?}");
    assert!(!dir.join("format.toml").exists(), "nothing was made");
    let run = stint_of(new, &args);
    assert_eq!(run.code, Some(0), "{run:?}");
    let format = fs::read_to_string(dir.join("format.toml")).expect("an identity");
    assert!(format.contains("level = 2"), "{format}");
}

fn everything_stays_after_a_restart(cluster: &mut Cluster) {
    let all: Vec<_> = (0..cluster.replicas.len()).collect();
    for i in &all {
        cluster.kill(*i);
    }
    for i in &all {
        cluster.spawn(*i);
    }
    for i in &all {
        wait_until_ready(cluster, *i);
        wait_for_level(cluster, *i, 2);
        assert_eq!(notches(cluster, *i), 3);
    }
}
