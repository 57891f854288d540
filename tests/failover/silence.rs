//! A replica that hears no leader, or leads without a majority, says so after a while, and then nobody
//! has to wait for it.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::http::Answer;
use crate::harness::{Cluster, Options, wait_for};

/// What a request may take at most where it waits for a leader; an answer at once takes much less.
const REQUEST: Duration = Duration::from_secs(5);

/// Asks the replica that is alone, and gives the status and the body.
type Ask<'a> = &'a dyn Fn(&[&str]) -> Result<(u16, String), String>;

#[test]
fn who_is_left_of_a_stopped_majority_says_so_and_answers_at_once_until_the_others_are_back() {
    let cluster = Cluster::start(&Options::default());
    for follows in [true, false] {
        let leader = cluster.leader();
        let alone = if follows { (leader + 1) % 3 } else { leader };
        let others: Vec<_> = (0..3).filter(|i| *i != alone).collect();
        let job = cluster.submit(alone, r#"{"action":"noop"}"#);
        for other in &others {
            cluster.pause(*other);
        }
        says_so(&cluster, alone, follows, &job, &|request| {
            let answer = match request {
                [path] => cluster.get(alone, path),
                [path, body] => cluster.post(alone, path, body),
                _ => Err("no such request".to_owned()),
            };
            answer.map(|Answer { status, body, .. }| (status, body))
        });
        for other in others {
            cluster.resume(other);
        }
        is_whole_again(&cluster);
    }
}

#[test]
#[ignore = "takes root, iproute2, nsenter, libfaketime and curl; .ci/run has them"]
fn a_replica_whose_cable_is_pulled_says_so_and_answers_at_once_until_it_is_plugged_in_again() {
    let cluster = Cluster::start(&Options { has_hosts: true, ..Options::default() });
    for follows in [true, false] {
        let leader = cluster.leader();
        let alone = if follows { (leader + 1) % 3 } else { leader };
        let job = cluster.submit(alone, r#"{"action":"noop"}"#);
        cluster.hosts().cut(alone);
        says_so(&cluster, alone, follows, &job, &|request| curl(&cluster, alone, request));
        cluster.hosts().mend(alone);
        is_whole_again(&cluster);
    }
}

/// Asks on the machine itself: nobody else reaches it.
fn curl(cluster: &Cluster, i: usize, request: &[&str]) -> Result<(u16, String), String> {
    let mut curl = cluster.hosts().inside(i);
    curl.args(["curl", "--silent", "--max-time", "20", "--write-out", "\n%{http_code}"]);
    if let Some(body) = request.get(1) {
        curl.args(["--header", "content-type: application/json", "--data", body]);
    }
    let path = request.first().ok_or("no such request")?;
    curl.arg(format!("http://{}{path}", cluster.replicas[i].address));
    let output = curl.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = said.rsplit_once('\n').ok_or_else(|| said.clone())?;
    Ok((status.parse().map_err(|_| said.clone())?, body.to_owned()))
}

fn says_so(cluster: &Cluster, alone: usize, follows: bool, job: &str, ask: Ask<'_>) {
    let expected = if follows {
        "no leader has been heard of for "
    } else {
        "this replica led, and has not heard of most of those that vote for "
    };
    wait_for("the replica that is alone to say so", || {
        let (status, said) = ask(&["/readyz"])?;
        if status == 503 && said.starts_with(expected) { Ok(()) } else { Err(said) }
    });
    let (status, told) = ask(&["/api/v0/meta/cluster_status"]).expect("its status");
    assert_eq!(status, 200, "{told}");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["leaderID"], "", "{told}");
    let own = &told["replica_health"][&cluster.replicas[alone].id];
    assert!(own.as_str().is_some_and(|own| own.starts_with(expected)), "{told}");
    let warning = &told["clusterWarnings"][0];
    assert!(warning.as_str().is_some_and(|warning| warning.starts_with(expected)), "{told}");
    let (_, metrics) = ask(&["/metrics"]).expect("its metrics");
    assert_eq!(metric(&metrics, "stint_raft_has_leader"), Some(0.0), "{metrics}");
    // By this an alert knows that a leader without a majority is none.
    assert_eq!(metric(&metrics, "stint_raft_is_leader"), Some(0.0), "{metrics}");
    let silence = metric(&metrics, "stint_raft_leader_silence_seconds");
    assert!(silence.is_some_and(|seconds| seconds > 1.0), "{metrics}");
    // Where it waits for a leader it takes the whole time of a request.
    let new = r#"{"action":"noop"}"#;
    let path = format!("/api/v0/jobs/{job}");
    let requests: [&[&str]; 3] = [&["/api/v0/jobs", new], &[&path], &["/api/v0/jobs"]];
    for request in requests {
        let asked = Instant::now();
        let (status, said) = ask(request).expect("an answer");
        assert_eq!(status, 503, "{request:?}: {said}");
        assert!(said.contains("NO_LEADER") && said.contains(expected), "{request:?}: {said}");
        assert!(asked.elapsed() < REQUEST, "{request:?} took {:?}", asked.elapsed());
    }
}

fn metric(metrics: &str, name: &str) -> Option<f64> {
    let values = metrics.lines().filter_map(|line| line.split_once(' '));
    values.into_iter().find(|(found, _)| *found == name)?.1.parse().ok()
}

fn is_whole_again(cluster: &Cluster) {
    for i in 0..3 {
        wait_for(&format!("replica {i} to be ready again"), || {
            let answer = cluster.get(i, "/readyz")?;
            if answer.status == 200 { Ok(()) } else { Err(answer.body) }
        });
    }
}
