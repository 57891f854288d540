//! `/readyz`: whether a replica can serve, and if not, why, in words.

use crate::harness::{Cluster, Options, wait_for};

/// What a replica says, with its status.
fn readiness(cluster: &Cluster, i: usize) -> Result<(u16, String), String> {
    let answer = cluster.get(i, "/readyz")?;
    Ok((answer.status, answer.body.trim().to_owned()))
}

/// Waits until the replica says this.
fn says(cluster: &Cluster, i: usize, expected: (u16, &str)) {
    wait_for(&format!("replica {i} to say {expected:?}"), || {
        let said = readiness(cluster, i)?;
        if (said.0, said.1.as_str()) == expected { Ok(()) } else { Err(format!("{said:?}")) }
    });
}

#[test]
fn a_replica_without_a_majority_is_not_ready_and_says_why_until_there_is_one_again() {
    let cluster = Cluster::start(&Options::default());
    let leader = cluster.leader();
    let alone = (leader + 1) % 3;
    let others: Vec<_> = (0..3).filter(|i| *i != alone).collect();
    says(&cluster, alone, (200, "ready"));
    for other in &others {
        cluster.pause(*other);
    }
    let why = wait_for("a replica that is alone to say so", || {
        let (status, why) = readiness(&cluster, alone)?;
        if status == 503 { Ok(why) } else { Err(why) }
    });
    // It depends on whether an election has begun already.
    let is_known = why == "no leader is known"
        || why == "this replica did not catch up with its leader within 1 s"
        || why.starts_with("no leader: ");
    assert!(is_known, "{why}");
    // It lives, and is not to be restarted for that.
    assert_eq!(cluster.get(alone, "/healthz").expect("an answer").status, 200);
    for other in others {
        cluster.resume(other);
    }
    for i in 0..3 {
        says(&cluster, i, (200, "ready"));
    }
}

#[test]
fn a_replica_that_stops_is_not_ready_while_its_jobs_end_and_answers_all_the_same() {
    let options = Options {
        replicas: 1,
        actions: r#"
[actions.stubborn]
command = ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"]
stop_timeout = "30s"
"#,
        ..Options::default()
    };
    let cluster = Cluster::start(&options);
    let job = cluster.submit(0, r#"{"action":"stubborn"}"#);
    wait_for("a job that hears no SIGTERM", || {
        let said = cluster.get(0, &format!("/api/v0/jobs/{job}/logs"))?.body;
        if said.contains("deaf") { Ok(()) } else { Err(said) }
    });
    says(&cluster, 0, (200, "ready"));
    cluster.begin_to_stop(0);
    says(&cluster, 0, (503, "this replica is shutting down"));
    assert_eq!(cluster.job(0, &job)["status"], "running");
}
