//! `/readyz`: whether a replica can serve, and if not, why, in words.

use crate::harness::{Cluster, Options, wait_for};

/// What a replica says, with its status.
fn readiness(cluster: &Cluster, i: usize) -> Result<(u16, String), String> {
    let answer = cluster.get(i, "/readyz")?;
    Ok((answer.status, answer.body.trim().to_owned()))
}

/// Waits until the replica says this, and gives all that it has said before.
fn says(cluster: &Cluster, i: usize, expected: (u16, &str)) -> Vec<(u16, String)> {
    let mut before = Vec::new();
    wait_for(&format!("replica {i} to say {expected:?}"), || {
        let said = readiness(cluster, i)?;
        if (said.0, said.1.as_str()) == expected {
            return Ok(());
        }
        before.push(said.clone());
        Err(format!("{said:?}"))
    });
    before
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
    // It lives, and is not to be restarted for that.
    let before = says(&cluster, alone, (503, "no leader is known"));
    assert_eq!(cluster.get(alone, "/healthz").expect("an answer").status, 200);
    for (status, why) in before {
        let is_known = (status, why.as_str()) == (200, "ready")
            || status == 503
                && (why == "this replica did not catch up with its leader within 1 s"
                    || why.starts_with("no leader: "));
        assert!(is_known, "{status}: {why}");
    }
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
        actions: "[actions.long]\ncommand = [\"sleep\", \"3600\"]\n",
        ..Options::default()
    };
    let cluster = Cluster::start(&options);
    let job = cluster.submit(0, r#"{"action":"long"}"#);
    cluster.wait_for_status(0, &job, "running");
    says(&cluster, 0, (200, "ready"));
    cluster.begin_to_stop(0);
    says(&cluster, 0, (503, "this replica is shutting down"));
    assert_eq!(cluster.job(0, &job)["status"], "running");
}
