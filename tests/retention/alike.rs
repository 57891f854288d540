//! What goes is gone everywhere, and what stays is whole.

use crate::harness::{Cluster, Options, wait_for};

use super::{ACTIONS, compact, is_on_disk, list_of_all, settings};

#[test]
fn the_newest_stay_whole_and_of_the_others_nothing_is_left() {
    let cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    let say = |n: usize| {
        cluster.submit(n % 3, &format!(r#"{{"action":"say","parameters":{{"N":"{n}"}}}}"#))
    };
    let mut jobs = Vec::new();
    for n in 100..140 {
        let id = say(n);
        // One after the other, so that their order is known.
        cluster.wait_for_status(n % 3, &id, "done");
        jobs.push((n, id));
    }
    let deleted = &jobs[35].1;
    cluster.delete(1, &format!("/api/v0/jobs/{deleted}")).expect("an answer");

    let (_, lines) = compact(&cluster);
    assert!(lines[0].contains("jobHistoryCompactionEnabled is false"), "{lines:?}");
    assert!(lines[1].starts_with("removed 0 jobs with 0 lines"), "{lines:?}");
    assert_eq!(list_of_all(&cluster).len(), 40, "nothing goes while it is disabled");

    settings(&cluster, r#"{"jobHistoryCompactionEnabled":true,"jobHistoryToKeep":10}"#);
    let (gc, lines) = compact(&cluster);
    assert_eq!(lines[0], "the settings keep at most 10 jobs");
    // 39 jobs and the first compaction with its two lines.
    let removed = "removed 30 jobs with 60 lines of output, and what was left of 0 deleted jobs";
    assert!(lines[1].starts_with(removed), "{lines:?}");
    let left: Vec<_> = list_of_all(&cluster).iter().map(|job| job["id"].clone()).collect();
    // The first compaction is among the ten, and the second has ended after its own end.
    assert_eq!(left.len(), 11, "{left:?}");
    assert!(left.contains(&gc["id"]));
    for (n, id) in &jobs {
        let is_kept = left.iter().any(|one| one == id.as_str());
        assert_eq!(is_kept, *n >= 130 && id != deleted, "{n}");
        for i in 0..3 {
            let job = cluster.get(i, &format!("/api/v0/jobs/{id}")).expect("an answer");
            let logs = cluster.get(i, &format!("/api/v0/jobs/{id}/logs")).expect("an answer");
            if id == deleted {
                assert_eq!(job.json()["status"], "deleted", "tombstones are counted apart");
            } else if is_kept {
                let text = format!("the mark of {n}.");
                assert_eq!(logs.json()[0]["data"], text.as_str(), "{n} on replica {i}");
                assert_eq!(logs.json()[1]["data"], "and more", "{n} on replica {i}");
            } else {
                assert_eq!(job.error_code(), "NO_SUCH_JOB");
                assert_eq!(logs.error_code(), "NO_SUCH_JOB");
            }
        }
    }
    let kept = jobs.iter().find(|(n, _)| *n == 132).expect("it is there").0;
    for replica in &cluster.replicas {
        let output = replica.data_dir.join("output");
        wait_for("the bytes of the lines to go", || {
            let there: Vec<_> = (100..130)
                .filter(|n| is_on_disk(&output, format!("the mark of {n}.").as_bytes()))
                .collect();
            if there.is_empty() { Ok(()) } else { Err(there) }
        });
        assert!(is_on_disk(&output, format!("the mark of {kept}.").as_bytes()));
    }
}

#[test]
fn enabling_compaction_brings_a_cron_that_an_operator_can_change() {
    let cluster = Cluster::start(&Options { replicas: 1, ..Options::default() });
    let crons = || cluster.get(0, "/api/v0/crons").expect("an answer").json()["crons"].clone();
    settings(&cluster, r#"{"jobHistoryToKeep":10}"#);
    assert_eq!(crons(), serde_json::json!([]));
    settings(&cluster, r#"{"jobHistoryCompactionEnabled":true}"#);
    let cron = crons()[0].clone();
    assert_eq!(
        (&cron["action"], &cron["schedule"]),
        (&"onlinegc_joblogs".into(), &"0 30 3 * * *".into())
    );
    let next = cron["nextRun"].as_str().expect("it has a next run");
    assert!(next.ends_with("T03:30:00Z"), "{next}");
    let own = r#"{"action":"onlinegc_joblogs","schedule":"@hourly"}"#;
    assert_eq!(cluster.post(0, "/api/v0/crons", own).expect("an answer").status, 202);
    settings(&cluster, r#"{"jobHistoryCompactionEnabled":false}"#);
    settings(&cluster, r#"{"jobHistoryCompactionEnabled":true}"#);
    assert_eq!(crons()[0]["schedule"], "@hourly", "an operator's stays");
    assert_eq!(cluster.delete(0, "/api/v0/crons/onlinegc_joblogs").expect("an answer").status, 204);
    settings(&cluster, r#"{"jobHistoryCompactionEnabled":true}"#);
    assert_eq!(crons(), serde_json::json!([]), "it was enabled already");
}

#[test]
fn a_job_goes_when_its_end_is_too_long_ago_and_its_schedule_does_not_matter() {
    let cluster = Cluster::start(&Options { replicas: 1, ..Options::default() });
    settings(&cluster, r#"{"jobHistoryCompactionEnabled":true,"jobHistoryMaxAge":"24h"}"#);
    let id = cluster.submit(0, r#"{"action":"noop","scheduledAt":"2001-01-01T00:00:00Z"}"#);
    cluster.wait_for_status(0, &id, "done");
    let (_, lines) = compact(&cluster);
    assert_eq!(lines[0], "the settings keep each for 86400 s after its end");
    assert!(lines[1].starts_with("removed 0 jobs"), "{lines:?}");
    settings(&cluster, r#"{"jobHistoryMaxAge":"1ms"}"#);
    let (_, lines) = compact(&cluster);
    assert!(lines[1].starts_with("removed 2 jobs with 2 lines"), "{lines:?}");
    let answer = cluster.get(0, &format!("/api/v0/jobs/{id}")).expect("an answer");
    assert_eq!(answer.error_code(), "NO_SUCH_JOB");
}
