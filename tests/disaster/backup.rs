//! A backup that was taken while the cluster worked becomes another cluster, with all that was there.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{back_up, options, text};
use crate::harness::program::{stint, stint_told};
use crate::harness::{Cluster, Options, http, wait_for};

/// What is there to be found again.
struct Kept {
    /// Jobs that were over: their records, and their output.
    over: Vec<(Value, Value)>,
    /// A job that ran, and its lease.
    running: (String, u64),
    /// A job that waits for next century.
    waiting: Value,
    /// Jobs that were accepted before the backup, whatever became of them.
    accepted: Vec<String>,
    settings: Value,
}

const LATER: &str = "2199-01-02T03:04:05Z";

/// Puts something of each kind into a cluster.
fn furnish(cluster: &Cluster) -> Kept {
    let ids: Vec<_> = (1..=5)
        .map(|lines| {
            let body = format!(r#"{{"action":"say","parameters":{{"LINES":"{}"}}}}"#, lines * 700);
            cluster.submit(0, &body)
        })
        .collect();
    let over = ids.iter().map(|id| {
        let job = cluster.wait_for_status(0, id, "done");
        (job, logs(cluster, id))
    });
    let over = over.collect();
    let running = cluster.submit(0, r#"{"action":"long","capacityMap":{"slot":1}}"#);
    let job = cluster.wait_for_status(0, &running, "running");
    let lease = job["attempts"][0]["lease"].as_u64().expect("a lease");
    let waiting = cluster.submit(0, &format!(r#"{{"action":"say","scheduledAt":"{LATER}"}}"#));
    let waiting = cluster.job(0, &waiting);
    for (path, body) in [
        ("/api/v0/crons", r#"{"action":"say","schedule":"@every 1s","missedWindow":"100ms"}"#),
        ("/api/v0/action_configs", r#"{"action":"say","parameters":{"COLOUR":"blue"}}"#),
        ("/api/v0/meta/settings", r#"{"jobHistoryToKeep":1000000}"#),
    ] {
        let answer = cluster.post(0, path, body).expect("an answer");
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    let settings = cluster.get(0, "/api/v0/meta/settings").expect("an answer").json();
    Kept { over, running: (running, lease), waiting, accepted: Vec::new(), settings }
}

fn logs(cluster: &Cluster, id: &str) -> Value {
    cluster.get(0, &format!("/api/v0/jobs/{id}/logs")).expect("an answer").json()
}

/// Submits jobs for as long as `work` takes, and gives those that were accepted before it began.
fn under_load(cluster: &Cluster, work: impl FnOnce()) -> Vec<String> {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let before: Vec<_> = (0..20).map(|_| cluster.submit(1, r#"{"action":"say"}"#)).collect();
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                cluster.submit(1, r#"{"action":"say"}"#);
            }
        });
        work();
        is_over.store(true, Ordering::Relaxed);
        before
    })
}

#[test]
fn what_was_backed_up_under_load_is_a_new_cluster_with_all_of_it() {
    let mut old = Cluster::start(&options());
    let mut kept = furnish(&old);
    let file = old.dir().join("stint.backup");
    kept.accepted = under_load(&old, || back_up(&old, &file));
    let taken_at = checked(&file)["at"].as_str().expect("a time").to_owned();
    for i in 0..3 {
        old.kill(i);
    }

    let mut new = Cluster::prepare(&Options { backup: Some(file), ..options() });
    new.admin.clone_from(&old.admin);
    // So that there are ticks to be missed.
    let late = SystemTime::now() + Duration::from_secs(3);
    wait_for("three more seconds", || match SystemTime::now() {
        now if now >= late => Ok(()),
        now => Err(now),
    });
    let begun_at = now();
    for i in 0..3 {
        new.spawn(i);
    }
    new.wait_until_whole();
    for (job, lines) in &kept.over {
        let id = job["id"].as_str().expect("an id");
        assert_eq!((&new.job(2, id), &logs(&new, id)), (job, lines));
    }
    let waiting = kept.waiting["id"].as_str().expect("an id");
    assert_eq!(new.job(1, waiting), kept.waiting);
    for id in &kept.accepted {
        new.wait_for_status(0, id, "done");
    }
    assert_eq!(new.get(0, "/api/v0/meta/settings").expect("an answer").json(), kept.settings);
    let configs = new.get(0, "/api/v0/action_configs").expect("an answer").json();
    assert_eq!(configs["actionConfigs"][0]["parameters"]["COLOUR"], "blue", "{configs}");
    lost_its_worker(&new, &kept.running);
    missed_ticks_made_one_job(&new, &taken_at, &begun_at);
    says_so_in_its_audit_log(&new);
    outlives_its_watchers(&new);
    goes_on_after_a_restart(&mut new, &kept);
    takes_in_a_new_replica(&mut new, &kept);
}

/// The run of before is lost, and runs again under a lease that the old cluster cannot have given.
fn lost_its_worker(new: &Cluster, (id, lease): &(String, u64)) {
    let job = wait_for("the job to run again", || {
        let job = new.job(0, id);
        if job["status"] == "running" { Ok(job) } else { Err(job) }
    });
    let attempts = &job["attempts"];
    assert_eq!(attempts[0]["end"], "worker_dead", "{job}");
    assert_eq!(attempts[0]["lease"], *lease, "{job}");
    let again = attempts[1]["lease"].as_u64().expect("a lease");
    assert!(again > lease + (1 << 40), "lease {again} after {lease}");
}

/// The default of crons is that one tick makes up for all that were missed.
fn missed_ticks_made_one_job(new: &Cluster, taken_at: &str, begun_at: &str) {
    let ticks = wait_for("ticks of the new cluster", || {
        let jobs = new.get(0, "/api/v0/jobs?action=say&limit=1000").expect("an answer").json();
        let jobs = jobs["jobs"].as_array().cloned().unwrap_or_default();
        let ticks = jobs.iter().filter_map(|job| Some(job.get("cronTick")?.as_str()?.to_owned()));
        let ticks: Vec<_> = ticks.collect();
        if ticks.iter().any(|tick| tick.as_str() > begun_at) { Ok(ticks) } else { Err(ticks) }
    });
    let missed = ticks.iter().filter(|at| at.as_str() > taken_at && at.as_str() < begun_at);
    let missed: Vec<_> = missed.collect();
    assert!(missed.len() <= 1, "{missed:?} between {taken_at} and {begun_at}, of {ticks:?}");
}

fn says_so_in_its_audit_log(new: &Cluster) {
    let audit = new.get(0, "/api/v0/audit?limit=100").expect("an answer").json();
    let records = audit["records"].as_array().expect("records");
    let refound = records.iter().find(|record| record["operation"] == "Refound");
    assert_eq!(refound.expect("a record of it")["requestID"], "restore", "{audit}");
    assert!(records.iter().any(|record| record["operation"] == "PutCron"), "{audit}");
}

/// Who watched the old cluster must not take events of the new one for what comes next there.
fn outlives_its_watchers(new: &Cluster) {
    let answer = new.get(0, "/api/v0/watch?from=100").expect("an answer");
    assert_eq!((answer.status, answer.error_code().as_str()), (410, "COMPACTED"), "{answer:?}");
}

fn goes_on_after_a_restart(new: &mut Cluster, kept: &Kept) {
    for i in 0..3 {
        new.kill(i);
    }
    for i in 0..3 {
        new.spawn(i);
    }
    new.wait_until_whole();
    let (job, lines) = &kept.over[4];
    let id = job["id"].as_str().expect("an id");
    assert_eq!((&new.job(0, id), &logs(new, id)), (job, lines));
}

/// One that joins gets all of it, output of before the backup included.
fn takes_in_a_new_replica(new: &mut Cluster, kept: &Kept) {
    // The cluster has the id of one that was restored.
    let joined = new.grow(1, 4, &Options { backup: Some(PathBuf::new()), ..options() });
    let (job, lines) = &kept.over[4];
    let id = job["id"].as_str().expect("an id");
    let path = format!("/api/v0/jobs/{id}/logs");
    let there = new.get(joined, &path).expect("an answer").json();
    assert_eq!((&new.job(joined, id), &there), (job, lines));
}

/// What a backup says of itself, in JSON.
fn checked(file: &Path) -> Value {
    let run = stint(&["--output", "json", "backup", "--check", text(file)]);
    assert_eq!(run.code, Some(0), "{run:?}");
    serde_json::from_str(&run.out).expect("JSON")
}

fn now() -> String {
    let run = std::process::Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S.%3NZ"]).output();
    String::from_utf8(run.expect("date").stdout).expect("text").trim().to_owned()
}

#[test]
fn both_doors_give_a_backup_to_administrators_only() {
    let cluster = Cluster::start(&Options { replicas: 1, ..options() });
    let over = cluster.submit(0, r#"{"action":"say"}"#);
    cluster.wait_for_status(0, &over, "done");
    let address = &cluster.replicas[0].address;
    let (by_http, by_grpc) = (cluster.dir().join("http"), cluster.dir().join("grpc"));
    let bearer = format!("Bearer {}", cluster.admin.as_deref().expect("a token"));
    let (kind, bytes) = http::file(address, "/api/v0/meta/backup", &bearer).expect("a file");
    assert_eq!(kind, "application/octet-stream");
    std::fs::write(&by_http, bytes).expect("a file");
    back_up(&cluster, &by_grpc);
    for file in [&by_http, &by_grpc] {
        let info = checked(file);
        assert_eq!((&info["jobsOver"], &info["lines"]), (&1.into(), &3.into()), "{info}");
        let bytes = std::fs::read(file).expect("the file");
        let secret = cluster.admin.as_deref().expect("a token").as_bytes();
        assert!(!bytes.windows(secret.len()).any(|some| some == secret), "the secret of a token");
    }
    let body = r#"{"user":"ann","role":"operator"}"#;
    let token = cluster.post(0, "/api/v0/tokens", body).expect("an answer").json();
    let token = token["secret"].as_str().expect("a secret").to_owned();
    let file = cluster.dir().join("operator");
    let run = stint(&["--address", address, "--token", &token, "backup", text(&file)]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(!file.exists() && !file.with_extension("partial").exists(), "{run:?}");
}

#[test]
fn a_replica_that_was_only_prepared_is_a_stranger_to_those_that_were_restored() {
    // Nobody who was only prepared would know a token.
    let options = Options { is_closed: false, ..options() };
    let mut old = Cluster::start(&Options { replicas: 1, ..options.clone() });
    let over = old.submit(0, r#"{"action":"say"}"#);
    old.wait_for_status(0, &over, "done");
    let file = old.dir().join("stint.backup");
    back_up(&old, &file);
    old.kill(0);
    let mut new = Cluster::prepare(&Options { backup: Some(file), ..options });
    // Somebody has restored one of the three, and prepared the others: they would be a majority.
    for i in [1, 2] {
        std::fs::remove_dir_all(&new.replicas[i].data_dir).expect("the directory");
        let run = stint_told(&["init", "--config", text(&new.replicas[i].config)], "");
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    for i in 0..3 {
        new.spawn(i);
    }
    wait_for("those that were prepared to agree without the third", || {
        let status = new.get(1, "/api/v0/meta/cluster_status")?.json();
        if status["committedIndex"].as_u64() > Some(1) { Ok(()) } else { Err(status.to_string()) }
    });
    wait_for("the restored one to say that the others are of another cluster", || {
        let log = new.log(0) + &new.log(1) + &new.log(2);
        if log.contains("another cluster") { Ok(()) } else { Err(log) }
    });
    let status = new.get(0, "/healthz").expect("an answer");
    assert_eq!(status.status, 200, "the restored one lives, and waits for its own");
    assert!(!new.log(0).contains("panicked"), "{}", new.log(0));
}
