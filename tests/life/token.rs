//! What the token of a run opens, and for how long.

use std::fs;
use std::path::Path;

use super::is_over;
use crate::harness::http::{self, Answer};
use crate::harness::{Cluster, Options, wait_for};

/// Each run of `tell` writes its token to a file of its job's name, and goes on.
fn cluster(dir: &Path, is_closed: bool) -> Cluster {
    let dir = dir.display();
    let actions = format!(
        "[actions.tell]\nchildren = true\ncommand = [\"sh\", \"-c\", '''
echo $STINT_TOKEN > {dir}/$STINT_JOB_ID.new && mv {dir}/$STINT_JOB_ID.new {dir}/$STINT_JOB_ID
exec sleep 600
''']\n\n[actions.mute]\ncommand = [\"sh\", \"-c\", \"echo $STINT_TOKEN; echo $STINT_ADDRESS\"]\n"
    );
    let actions = Box::leak(actions.into_boxed_str());
    Cluster::start(&Options { actions, is_closed, ..Options::default() })
}

/// The token of the run of a job.
fn token(dir: &Path, job: &str) -> String {
    let text = wait_for("the token of a run", || fs::read_to_string(dir.join(job)));
    text.trim().to_owned()
}

fn ask(cluster: &Cluster, i: usize, token: &str, (method, path): (&str, &str)) -> Answer {
    let bearer = format!("Bearer {token}");
    let body = (method == "POST").then_some(r#"{"action":"tell"}"#);
    let path = format!("/api/v0{path}");
    let asked = http::ask(&cluster.replicas[i].address, method, &path, Some(&bearer), body);
    asked.expect("an answer")
}

#[test]
fn a_runs_token_opens_what_descends_from_its_job_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for is_closed in [false, true] {
        let cluster = cluster(dir.path(), is_closed);
        let parent = cluster.submit(0, r#"{"action":"tell"}"#);
        let stranger = cluster.submit(0, r#"{"action":"sleep"}"#);
        let own = token(dir.path(), &parent);
        let answer = ask(&cluster, 1, &own, ("POST", "/jobs"));
        assert_eq!(answer.status, 202, "{answer:?}");
        assert_eq!(answer.json()["parentID"], parent.as_str(), "{answer:?}");
        let child = answer.json()["id"].as_str().expect("an id").to_owned();
        let of_child = token(dir.path(), &child);
        let answer = ask(&cluster, 1, &of_child, ("POST", "/jobs"));
        let grandchild = answer.json()["id"].as_str().expect("an id").to_owned();
        for (token, method, path, expected) in [
            (&own, "GET", format!("/jobs/{parent}"), 200),
            (&own, "GET", format!("/jobs/{child}/logs"), 200),
            (&own, "GET", format!("/jobs/{grandchild}"), 200),
            (&own, "GET", format!("/jobs/{stranger}"), 403),
            (&own, "POST", format!("/jobs/{stranger}/cancel"), 403),
            (&own, "POST", format!("/jobs/{parent}/cancel"), 403),
            (&own, "DELETE", format!("/jobs/{child}"), 403),
            (&own, "GET", "/jobs".to_owned(), 403),
            (&own, "GET", "/workers".to_owned(), 403),
            (&own, "POST", "/meta/settings".to_owned(), 403),
            (&of_child, "GET", format!("/jobs/{parent}"), 403),
            (&of_child, "POST", format!("/jobs/{child}/cancel"), 403),
            (&own, "POST", format!("/jobs/{grandchild}/cancel"), 204),
        ] {
            let answer = ask(&cluster, 2, token, (method, &path));
            assert_eq!(answer.status, expected, "{method} {path}: {answer:?}");
        }
        let mute = cluster.submit(0, r#"{"action":"mute"}"#);
        cluster.wait_for_status(0, &mute, "done");
        assert_eq!(super::lines(&cluster, 0, &mute), ["", ""], "nobody else has one");
    }
}

#[test]
fn a_runs_token_is_worth_nothing_when_the_run_is_over_whoever_has_kept_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut cluster = cluster(dir.path(), false);
    let ids: Vec<_> = (0..2).map(|_| cluster.submit(0, r#"{"action":"tell"}"#)).collect();
    let tokens: Vec<_> = ids.iter().map(|id| token(dir.path(), id)).collect();
    let submit =
        |cluster: &Cluster, i: usize, token: &str| ask(cluster, i, token, ("POST", "/jobs"));
    // One is canceled.
    cluster.post(0, &format!("/api/v0/jobs/{}/cancel", ids[0]), "").expect("an answer");
    wait_for("the first to be over", || {
        let job = cluster.job(0, &ids[0]);
        if is_over(&job) { Ok(()) } else { Err(job) }
    });
    for i in 0..3 {
        let answer = submit(&cluster, i, &tokens[0]);
        assert_eq!((answer.status, answer.error_code().as_str()), (401, "NOT_AUTHENTICATED"));
    }
    // The other's worker is frozen, and so loses its lease.
    let runs_on = cluster.job(0, &ids[1])["workerID"].clone();
    let frozen = cluster.replicas.iter().position(|replica| runs_on == replica.id.as_str());
    let frozen = frozen.expect("a worker of ours");
    let other = (frozen + 1) % 3;
    assert_eq!(submit(&cluster, other, &tokens[1]).status, 202, "until then it is good");
    fs::remove_file(dir.path().join(&ids[1])).expect("the file of the first token");
    cluster.pause(frozen);
    let next = token(dir.path(), &ids[1]);
    assert_ne!(next, tokens[1], "the next run has its own");
    assert_eq!(submit(&cluster, other, &tokens[1]).status, 401);
    assert_eq!(submit(&cluster, other, &next).status, 202);
    cluster.kill(frozen);
}
