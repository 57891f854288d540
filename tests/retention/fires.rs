//! The cron of the compaction fires by itself.

use crate::harness::{Cluster, Options, wait_for};

use super::settings;

#[test]
fn the_built_in_cron_compacts_by_itself_on_real_replicas() {
    let mut cluster = Cluster::start(&Options::default());
    let ids: Vec<_> = (0..30).map(|i| cluster.submit(i % 3, r#"{"action":"noop"}"#)).collect();
    for id in &ids {
        cluster.wait_for_status(0, id, "done");
    }
    settings(&cluster, r#"{"jobHistoryCompactionEnabled":true,"jobHistoryToKeep":5}"#);
    let cron = || cluster.get(1, "/api/v0/crons/onlinegc_joblogs").expect("an answer").json();
    assert_eq!(cron()["schedule"], "0 30 3 * * *");
    // What it does at night, at another time.
    let soon = r#"{"action":"onlinegc_joblogs","schedule":"*/2 * * * * *","overlap":"skip"}"#;
    assert_eq!(cluster.post(2, "/api/v0/crons", soon).expect("an answer").status, 202);
    has_compacted(&cluster, &ids);
    // Also when another one leads.
    let more: Vec<_> = (0..30).map(|i| cluster.submit(i % 3, r#"{"action":"noop"}"#)).collect();
    let leader = cluster.leader();
    cluster.kill(leader);
    cluster.spawn(leader);
    cluster.wait_until_whole();
    for id in &more {
        wait_for("a job to be over, or gone already", || {
            let answer = cluster.get(0, &format!("/api/v0/jobs/{id}"))?;
            let is_over =
                answer.status == 404 || answer.status == 200 && answer.json()["status"] == "done";
            if is_over { Ok(()) } else { Err(format!("{answer:?}")) }
        });
    }
    has_compacted(&cluster, &more);
}

/// Waits until of these jobs at most those are left that are to be kept, at each replica, and until
/// it was a tick that did that.
fn has_compacted(cluster: &Cluster, ids: &[String]) {
    for i in 0..3 {
        wait_for(&format!("the history of replica {i} to be short"), || {
            let list = cluster.get(i, "/api/v0/jobs?action=noop&limit=0")?.json();
            let jobs = list["jobs"].as_array().ok_or("no jobs")?;
            let left = jobs.iter().filter(|job| ids.iter().any(|id| job["id"] == id.as_str()));
            let left = left.count();
            if left <= 5 { Ok(()) } else { Err(format!("{left} of {} are left", ids.len())) }
        });
        wait_for("a compaction that a tick began", || {
            let path = "/api/v0/jobs?action=onlinegc_joblogs&limit=0";
            let list = cluster.get(i, path)?.json();
            let jobs = list["jobs"].as_array().ok_or("no jobs")?;
            let is_one =
                |job: &serde_json::Value| job["cronTick"].is_string() && job["status"] == "done";
            if jobs.iter().any(is_one) { Ok(()) } else { Err(list.to_string()) }
        });
    }
}
