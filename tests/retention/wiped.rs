//! A replica that comes with an empty disk after a compaction.

use serde_json::Value;

use crate::harness::{Cluster, Options, wait_for};

use super::{ACTIONS, compact, list, settings};

/// What a replica says of all that is kept: bytes, so that nothing is overlooked.
fn all_of(cluster: &Cluster, i: usize, ids: &[String]) -> Vec<(String, String)> {
    let mut paths: Vec<_> = ["jobs?limit=0", "crons", "meta/settings", "action_configs"]
        .iter()
        .map(|path| format!("/api/v0/{path}"))
        .collect();
    for id in ids {
        let job = format!("/api/v0/jobs/{id}");
        paths.extend([format!("{job}/logs"), format!("{job}/attempts"), job]);
    }
    let ask = |path: String| {
        let answer = wait_for(&path, || {
            let answer = cluster.get(i, &path)?;
            let is_answer = answer.status == 200 || answer.status == 404;
            if is_answer { Ok(answer) } else { Err(format!("{answer:?}")) }
        });
        (path, answer.body)
    };
    paths.into_iter().map(ask).collect()
}

#[test]
fn one_that_joins_with_an_empty_disk_has_what_was_kept_and_nothing_of_what_is_gone() {
    let options = Options { actions: ACTIONS, ..Options::default() };
    let mut cluster = Cluster::start(&options);
    let ids: Vec<_> = (0..40)
        .map(|n| {
            let body = format!(r#"{{"action":"say","parameters":{{"N":"{n}"}}}}"#);
            cluster.submit(n % 3, &body)
        })
        .collect();
    for id in &ids {
        cluster.wait_for_status(0, id, "done");
    }
    let deleted = &ids[7];
    cluster.delete(1, &format!("/api/v0/jobs/{deleted}")).expect("an answer");
    settings(&cluster, r#"{"jobHistoryCompactionEnabled":true,"jobHistoryToKeep":10}"#);
    compact(&cluster);

    let leader = cluster.leader();
    let gone = if leader == 1 { 2 } else { 1 };
    let (by, other) = (0, 3 - gone);
    cluster.kill(gone);
    wait_for("the dead one to be removed", || {
        let answer = cluster.remove(by, gone);
        if answer.status == 204 { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    let new = cluster.grow(by, 4, &options);

    let expected = all_of(&cluster, by, &ids);
    let jobs: Value = serde_json::from_str(&expected[0].1).expect("JSON");
    let left = jobs["jobs"].as_array().expect("jobs");
    // The compaction itself has ended after it has looked.
    assert_eq!(left.len(), 11, "{jobs}");
    assert_eq!(all_of(&cluster, new, &ids), expected, "the one with the empty disk");
    assert_eq!(all_of(&cluster, other, &ids), expected, "one of the first");
    for (path, body) in &expected {
        let is_of_kept = left.iter().any(|job| path.contains(job["id"].as_str().expect("an id")));
        let is_missing = body.contains("NO_SUCH_JOB");
        let is_list = path.contains('?') || !path.contains("/jobs/");
        assert!(is_list || is_of_kept != is_missing || path.contains(deleted), "{path}: {body}");
    }
    // And it compacts as the others do.
    settings(&cluster, r#"{"jobHistoryToKeep":3}"#);
    compact(&cluster);
    let expected = all_of(&cluster, by, &ids);
    assert_eq!(all_of(&cluster, new, &ids), expected, "after another compaction");
    assert_eq!(list(&cluster, new).matches("\"id\":").count(), 4, "{}", list(&cluster, new));
}
