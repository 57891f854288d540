//! Jobs that submit others, as `scan_check` does for each layer of an image.

use serde_json::Value;

use super::{command_line, ends, is_over, lines, worker};
use crate::harness::program::STINT;
use crate::harness::{Cluster, Options, wait_for};

/// `scan_check` submits a job for each layer, by the command line and what it is told; what else it
/// does is `rest`.
fn actions(rest: &str) -> &'static str {
    let text = format!(
        "[actions.scan_check]\nchildren = true\ncommand = [\"sh\", \"-c\", '''
set -e
for layer in $STINT_PARAM_LAYERS; do
  {STINT} job submit scan_check_single -p LAYER=$layer -p SECONDS=$STINT_PARAM_SECONDS \\
    --capacity scan=1 --idempotency-key $layer
done
{rest}
''']\n\n[actions.scan_check_single]\ncommand = [\"sleep\", \"{{param:SECONDS}}\"]\n"
    );
    Box::leak(text.into_boxed_str())
}

fn scan(layers: &str, seconds: &str) -> String {
    scan_with(layers, seconds, "0")
}

fn scan_with(layers: &str, seconds: &str, code: &str) -> String {
    format!(
        r#"{{"action":"scan_check","capacityMap":{{"scan":1}},
            "parameters":{{"LAYERS":"{layers}","SECONDS":"{seconds}","CODE":"{code}"}}}}"#
    )
}

/// Waits until the process of a parent has ended and its children have not, and gives the ids of
/// these.
fn until_it_only_waits(cluster: &Cluster, i: usize, parent: &str, count: usize) -> Vec<String> {
    wait_for("the parent to wait for its children", || {
        let job = cluster.job(i, parent);
        let waits = job["status"] == "running" && ends(&job) == ["exited"];
        if waits && job["childrenLeft"] == count { Ok(()) } else { Err(job) }
    });
    let children = lines(cluster, i, parent);
    assert_eq!(children.len(), count, "{children:?}");
    children
}

fn children(cluster: &Cluster, i: usize, ids: &[String]) -> Vec<Value> {
    ids.iter().map(|id| cluster.job(i, id)).collect()
}

#[test]
fn a_scan_check_is_done_when_its_layers_are_and_holds_nothing_while_it_waits() {
    let options = Options {
        replicas: 1,
        capacity: "{ scan = 1 }",
        actions: actions(""),
        ..Options::default()
    };
    let cluster = Cluster::start(&options);
    let id = cluster.submit(0, &scan("a b c", "1"));
    // The one place that there is goes from the parent to one child after the other.
    let ids = until_it_only_waits(&cluster, 0, &id, 3);
    let listed = cluster.get(0, "/api/v0/jobs?running=true&limit=0").expect("an answer").body;
    assert!(listed.contains(&id), "v0 clients see it running: {listed}");
    let used = worker(&cluster, 0, "000000000001")["capacityInUse"]["scan"].clone();
    assert!(used.as_u64().unwrap_or(0) <= 1, "{used} in use");
    let job = cluster.wait_for_status(0, &id, "done");
    assert_eq!((&job["childrenLeft"], &job["childrenFailed"]), (&0.into(), &0.into()), "{job}");
    let mut ended = job["attempts"][0]["endedAt"].as_str().expect("a time").to_owned();
    for child in children(&cluster, 0, &ids) {
        assert_eq!(child["parentID"], id.as_str(), "{child}");
        assert_eq!(child["status"], "done", "{child}");
        let start = child["attempts"][0]["startedAt"].as_str().expect("a time").to_owned();
        assert!(instant(&start) >= instant(&ended), "two at once: {start} before {ended}");
        ended = child["attempts"][0]["endedAt"].as_str().expect("a time").to_owned();
    }
}

/// A time in an order that is that of texts: fractions have as many digits as they need.
fn instant(text: &str) -> (&str, u32) {
    let (seconds, fraction) = text.trim_end_matches('Z').split_once('.').unwrap_or((text, "0"));
    let digits = format!("{fraction:0<3}");
    (seconds.trim_end_matches('Z'), digits.parse().expect("digits"))
}

#[test]
fn a_parent_fails_by_a_child_and_ends_its_children_where_it_fails_itself() {
    let options = Options {
        replicas: 1,
        capacity: "{ scan = 9 }",
        actions: actions("exit $STINT_PARAM_CODE"),
        ..Options::default()
    };
    let cluster = Cluster::start(&options);
    // `sleep never` is an error of its own.
    let id = cluster.submit(0, &scan_with("a b", "never", "0"));
    let job = cluster.wait_for_status(0, &id, "error");
    assert_eq!((&job["childrenFailed"], ends(&job)), (&2.into(), vec!["exited"]), "{job}");
    assert_eq!(job["attempts"][0]["exitCode"], 0, "{job}");
    let id = cluster.submit(0, &scan_with("a b", "600", "3"));
    let job = cluster.wait_for_status(0, &id, "error");
    assert_eq!(job["attempts"][0]["exitCode"], 3, "{job}");
    for child in children(&cluster, 0, &lines(&cluster, 0, &id)) {
        assert_eq!(child["status"], "cancel", "{child}");
    }
}

#[test]
fn canceling_a_parent_cancels_what_descends_from_it_and_it_is_over_last() {
    let options = Options { capacity: "{ scan = 1 }", actions: actions(""), ..Options::default() };
    let cluster = Cluster::start(&options);
    // Three run at most, and the others wait.
    let id = cluster.submit(0, &scan("a b c d e f", "600"));
    let ids = until_it_only_waits(&cluster, 0, &id, 6);
    let run = command_line(&cluster, &["job", "cancel", &id]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let job = wait_for("the parent to be over", || {
        let job = cluster.job(1, &id);
        if is_over(&job) { Ok(job) } else { Err(job) }
    });
    assert_eq!(job["status"], "cancel", "{job}");
    for child in children(&cluster, 2, &ids) {
        assert_eq!(child["status"], "cancel", "its parent is over, and it is not: {child}");
    }
    let again = cluster.post(0, &format!("/api/v0/jobs/{id}/cancel"), "").expect("an answer");
    assert_eq!(again.status, 409, "{again:?}");
}

#[test]
fn a_leader_that_dies_takes_neither_parent_nor_children_along() {
    let options = Options { capacity: "{ scan = 1 }", actions: actions(""), ..Options::default() };
    let mut cluster = Cluster::start(&options);
    let id = cluster.submit(0, &scan("a b c d e f", "1"));
    let ids = until_it_only_waits(&cluster, 0, &id, 6);
    let leader = cluster.leader();
    cluster.kill(leader);
    let other = (leader + 1) % 3;
    let job = cluster.wait_for_status(other, &id, "done");
    assert_eq!(ends(&job), ["exited"], "it has not run again: {job}");
    for child in children(&cluster, other, &ids) {
        assert_eq!((&child["status"], &child["parentID"]), (&"done".into(), &job["id"]), "{child}");
    }
}

#[test]
fn the_next_attempt_finds_the_children_that_the_last_one_has_submitted() {
    let options = Options {
        capacity: "{ scan = 3 }",
        actions: actions("if [ $STINT_ATTEMPT = 1 ]; then sleep 600; fi"),
        ..Options::default()
    };
    let mut cluster = Cluster::start(&options);
    let id = cluster.submit(0, &scan("a b", "1"));
    wait_for("both children", || {
        let job = cluster.job(0, &id);
        if lines(&cluster, 0, &id).len() == 2 { Ok(()) } else { Err(job) }
    });
    let runs_on = cluster.job(0, &id)["workerID"].clone();
    let dead = cluster.replicas.iter().position(|replica| runs_on == replica.id.as_str());
    let dead = dead.expect("a worker of ours");
    cluster.kill(dead);
    let other = (dead + 1) % 3;
    let job = cluster.wait_for_status(other, &id, "done");
    assert_eq!(ends(&job), ["worker_dead", "exited"], "{job}");
    let mut ids = lines(&cluster, other, &id);
    assert_eq!(ids.len(), 4, "each attempt has submitted both: {ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 2, "and has found the same children: {ids:?}");
    assert_eq!(children(&cluster, other, &ids)[0]["parentID"], id.as_str());
}
