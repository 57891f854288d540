//! A job whose time is over while nobody leads ends, and does not run when somebody does again.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

use crate::crons::plan::ms_of;
use crate::harness::{Cluster, Options, http, wait_for};

fn after(time: Duration) -> (SystemTime, String) {
    let at = SystemTime::now() + time;
    (at, DateTime::<Utc>::from(at).to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// Each run adds a line to a file of its job.
fn actions(out: &Path) -> &'static str {
    let run = |name: &str, seconds: u32| {
        format!(
            "[actions.{name}]\ncommand = [\"sh\", \"-c\", \"echo run >> {}/$STINT_JOB_ID; exec sleep {seconds}\"]\n",
            out.display()
        )
    };
    Box::leak((run("short", 0) + &run("long", 600)).into_boxed_str())
}

fn runs(out: &Path, id: &str) -> usize {
    fs::read_to_string(out.join(id)).map_or(0, |text| text.lines().count())
}

/// A job whose process runs, and that expires; when that is, and which replica's worker has it. A
/// machine that was too slow to start one in time gets more.
fn running_until_it_expires(cluster: &Cluster, out: &Path) -> (String, SystemTime, usize) {
    for seconds in [6, 12, 25, 50] {
        let (at, text) = after(Duration::from_secs(seconds));
        let id = cluster.submit(0, &format!(r#"{{"action":"long","expiresAt":"{text}"}}"#));
        let job = wait_for("the job to run, or to expire", || {
            let job = cluster.job(0, &id);
            // It is running before its process is.
            let has_begun = job["status"] == "running" && runs(out, &id) == 1;
            if has_begun || job["status"] == "cancel" { Ok(job) } else { Err(job) }
        });
        let is_worker = |one: &crate::harness::cluster::Replica| job["workerID"] == one.id.as_str();
        if job["status"] == "running" && SystemTime::now() + Duration::from_secs(3) < at {
            let worker = cluster.replicas.iter().position(is_worker).expect("a worker of ours");
            return (id, at, worker);
        }
        cluster.post(0, &format!("/api/v0/jobs/{id}/cancel"), "").expect("an answer");
    }
    panic!("no job began within its time");
}

fn is_expired(job: &Value) -> bool {
    job["status"] == "cancel" && job["endReason"] == "expired"
}

#[test]
fn what_expires_while_nobody_leads_ends_then_and_never_runs_afterwards() {
    let out = tempfile::TempDir::new().expect("a temporary directory");
    let mut cluster =
        Cluster::start(&Options { actions: actions(out.path()), ..Options::default() });
    let (lost, expires, worker) = running_until_it_expires(&cluster, out.path());
    let (_, due) = after(Duration::from_secs(2));
    let (late, text) = after(Duration::from_secs(4));
    let of = |action: &str, expires: &str| {
        let body = format!(r#"{{"action":"{action}","scheduledAt":"{due}"{expires}}}"#);
        cluster.post(0, "/api/v0/jobs", &body).expect("an answer")
    };
    let useless = of("short", &format!(r#","expiresAt":"{text}""#));
    let useful = of("short", r#","expiresAt":"2099-01-01T00:00:00Z""#);
    let leader = cluster.leader();
    // The one that runs the job goes, and so many that nobody can lead.
    let other = if leader == worker { (leader + 1) % 3 } else { leader };
    cluster.kill(worker);
    cluster.kill(other);

    let end = expires.max(late);
    wait_for("both times to be over", || {
        let left = end.duration_since(SystemTime::now());
        if left.is_err() { Ok(()) } else { Err(left) }
    });
    let third = 3 - worker - other;
    let answer = cluster.get(third, &format!("/api/v0/jobs/{lost}")).expect("an answer");
    assert_eq!(answer.status, 503, "somebody leads: {answer:?}");
    cluster.spawn(worker);
    cluster.spawn(other);
    cluster.wait_until_whole();

    let id_of = |answer: &http::Answer| answer.json()["id"].as_str().expect("an id").to_owned();
    // On a slow machine it was refused.
    let mut expiring = vec![lost.clone()];
    expiring.extend((useless.status == 202).then(|| id_of(&useless)));
    for (i, id) in (0..3).flat_map(|i| expiring.iter().map(move |id| (i, id))) {
        let job = wait_for("the job to be over", || {
            let job = cluster.job(i, id);
            if job["status"] == "cancel" || job["status"] == "done" { Ok(job) } else { Err(job) }
        });
        // On a slow machine it has run before the kill.
        assert!(is_expired(&job) || (job["status"] == "done" && *id != lost), "{job}");
        let expires_ms = job["expiresAt"].as_str().map(ms_of).expect("a time");
        for attempt in job["attempts"].as_array().expect("attempts") {
            let began_ms = attempt["startedAt"].as_str().map(ms_of).expect("a time");
            assert!(began_ms < expires_ms, "an attempt began too late: {job}");
        }
    }
    // Whoever would run what has expired would have run it before this one.
    let useful = id_of(&useful);
    cluster.wait_for_status(third, &useful, "done");
    for id in expiring.iter().chain([&useful]) {
        let job = cluster.job(third, id);
        assert_eq!(job["attempt"], runs(out.path(), id), "{job}");
    }
    assert_eq!(cluster.job(third, &lost)["attempt"], 1);
}
