//! Whatever comes in wrongly gets the error of the contract, and changes nothing.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::harness::program::{STINT, stint};
use crate::harness::{Cluster, Options, http};

#[test]
fn each_wrong_request_gets_its_code() {
    let cluster = Cluster::start(&Options { replicas: 1, ..Options::default() });
    let unknown = "1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b";
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let large = format!(r#"{{"action":"noop","parameters":{{"P":"{}"}}}}"#, "x".repeat(2 << 20));
    let parameters =
        format!(r#"{{"action":"noop","parameters":{{"P":"{}"}}}}"#, "x".repeat(300 << 10));
    for (path, body, status, code) in [
        ("/api/v0/jobs", r#"{"action":"unheard-of"}"#, 404, "NO_SUCH_ACTION"),
        ("/api/v0/jobs", r"{}", 400, "INVALID_PARAMETERS"),
        ("/api/v0/jobs", r#"{"action":"#, 400, "INVALID_JSON"),
        ("/api/v0/jobs", "[]", 400, "INVALID_JSON"),
        ("/api/v0/jobs", &deep, 400, "INVALID_JSON"),
        ("/api/v0/jobs", &large, 413, "TOO_LARGE"),
        ("/api/v0/jobs", &parameters, 400, "INVALID_PARAMETERS"),
        ("/api/v0/jobs", r#"{"action":7}"#, 400, "INVALID_PARAMETERS"),
        ("/api/v0/jobs", r#"{"action":"noop","retries":-1}"#, 400, "INVALID_PARAMETERS"),
        ("/api/v0/jobs", r#"{"action":"noop","retries":"1"}"#, 400, "INVALID_PARAMETERS"),
        ("/api/v0/jobs", r#"{"action":"noop","deadline":"5"}"#, 400, "INVALID_PARAMETERS"),
        ("/api/v0/jobs", r#"{"action":"noop","stopTimeout":"-5s"}"#, 400, "INVALID_PARAMETERS"),
        ("/api/v0/jobs", r#"{"action":"noop","capacityMap":{"a":"1"}}"#, 400, "INVALID_PARAMETERS"),
        ("/api/v0/jobs", r#"{"action":"noop","capacityMap":{"a":-1}}"#, 400, "INVALID_PARAMETERS"),
        ("/api/v0/jobs", r#"{"action":"noop","scheduledAt":"soon"}"#, 400, "INVALID_PARAMETERS"),
        ("/api/v0/workers/nobody/capacity", r#"{"capacityMap":{}}"#, 404, "NO_SUCH_WORKER"),
        ("/api/v0/workers/0000000000ff/capacity", r#"{"capacityMap":{}}"#, 404, "NO_SUCH_WORKER"),
        ("/api/v0/jobs/nothing/cancel", "", 404, "NO_SUCH_JOB"),
        (&format!("/api/v0/jobs/{unknown}/cancel"), "", 404, "NO_SUCH_JOB"),
        ("/api/v0/nothing", "{}", 404, "NOT_FOUND"),
        (&format!("/api/v0/jobs/{unknown}"), "{}", 405, "NOT_ALLOWED"),
    ] {
        let answer = cluster.post(0, path, body).expect("an answer");
        let shown = &body[..body.len().min(80)];
        assert_eq!(answer.status, status, "{path} {shown}: {answer:?}");
        assert_eq!(answer.error_code(), code, "{path} {shown}: {answer:?}");
    }
    for (path, status, code) in [
        (format!("/api/v0/jobs/{unknown}"), 404, "NO_SUCH_JOB"),
        (format!("/api/v0/jobs/{unknown}/logs"), 404, "NO_SUCH_JOB"),
        ("/api/v0/jobs/..%2f..%2fetc%2fpasswd".to_owned(), 404, "NO_SUCH_JOB"),
        ("/api/v0/jobs?limit=-1".to_owned(), 400, "INVALID_PARAMETERS"),
        ("/api/v0/jobs?running=maybe".to_owned(), 400, "INVALID_PARAMETERS"),
    ] {
        let answer = cluster.get(0, &path).expect("an answer");
        assert_eq!((answer.status, answer.error_code().as_str()), (status, code), "{path}");
    }
    let list = cluster.get(0, "/api/v0/jobs?limit=0").expect("an answer").json();
    assert_eq!(list, json!({"jobs": []}), "nothing of that became a job");
}

#[test]
fn a_replica_without_a_majority_says_no_leader_and_does_not_answer_stale() {
    let mut cluster = Cluster::start(&Options::default());
    let id = cluster.submit(0, r#"{"action":"noop"}"#);
    cluster.wait_for_status(0, &id, "done");
    cluster.kill(1);
    cluster.kill(2);
    let path = format!("/api/v0/jobs/{id}");
    let read = http::get(&cluster.replicas[0].address, &path).expect("an answer");
    assert_eq!((read.status, read.error_code().as_str()), (503, "NO_LEADER"), "{read:?}");
    assert!(read.header("retry-after").is_some(), "{read:?}");
    let write = cluster.post(0, "/api/v0/jobs", r#"{"action":"noop"}"#).expect("an answer");
    assert_eq!((write.status, write.error_code().as_str()), (503, "NO_LEADER"), "{write:?}");
    let ready = cluster.get(0, "/readyz").expect("an answer");
    assert_eq!(ready.status, 503, "{ready:?}");
    assert_eq!(cluster.get(0, "/healthz").expect("an answer").status, 200);
    cluster.spawn(1);
    crate::harness::wait_for("the replica to answer again", || {
        let answer = cluster.get(0, &path)?;
        if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
    });
}

#[test]
fn a_config_with_a_typo_is_refused_with_file_and_line() {
    let cluster = Cluster::prepare(&Options { replicas: 1, ..Options::default() });
    let config = &cluster.replicas[0].config;
    let text = fs::read_to_string(config).expect("the config");
    fs::write(config, text.replace("lease_ttl", "lease_tll")).expect("a config");
    let run = stint(&["serve", "--config", config.to_str().expect("a path")]);
    assert_eq!(run.code, Some(2), "{run:?}");
    let place = format!("{}:", config.display());
    assert!(run.err.contains(&place) && run.err.contains("lease_tll"), "{run:?}");
    assert!(run.err.contains("lease_ttl"), "what would be right is missing: {run:?}");
    let line = text.lines().position(|line| line.starts_with("lease_ttl")).expect("a line") + 1;
    assert!(run.err.contains(&format!("{place}{line}:")), "{run:?}");
}

#[test]
fn a_data_directory_that_is_not_this_replicas_is_refused() {
    let cluster = Cluster::prepare(&Options { replicas: 2, ..Options::default() });
    let [ours, other] = &cluster.replicas[..] else { panic!("two replicas") };
    let serve = || stint(&["serve", "--config", ours.config.to_str().expect("a path")]);

    fs::rename(&ours.data_dir, ours.data_dir.with_extension("aside")).expect("a rename");
    let run = serve();
    assert_ne!(run.code, Some(0), "{run:?}");
    assert!(run.err.contains("stint init"), "an empty directory is not founded: {run:?}");

    fs::rename(&other.data_dir, &ours.data_dir).expect("a rename");
    let run = serve();
    assert_ne!(run.code, Some(0), "{run:?}");
    assert!(run.err.contains(&other.id) && run.err.contains(&ours.id), "{run:?}");
}

#[test]
fn a_data_directory_of_a_newer_format_is_refused() {
    let cluster = Cluster::prepare(&Options { replicas: 1, ..Options::default() });
    let replica = &cluster.replicas[0];
    let identity = fs::read_dir(&replica.data_dir)
        .expect("the data directory")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| fs::read_to_string(path).is_ok_and(|text| text.contains("format")))
        .expect("a file that says the format");
    let text = fs::read_to_string(&identity).expect("the identity");
    let newer: String = text
        .lines()
        .map(|line| {
            if line.starts_with("format") {
                "format = 999\n".to_owned()
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    fs::write(&identity, newer).expect("the identity");
    let run = stint(&["serve", "--config", replica.config.to_str().expect("a path")]);
    assert_ne!(run.code, Some(0), "{run:?}");
    assert!(run.err.contains("999") && run.err.contains("newer"), "{run:?}");
}

#[test]
fn a_second_process_on_one_data_directory_is_refused() {
    let cluster = Cluster::start(&Options { replicas: 1, ..Options::default() });
    let replica = &cluster.replicas[0];
    let text = fs::read_to_string(&replica.config).expect("the config");
    let other = cluster.dir().join("other.toml");
    let text = text.replace(":7400", ":7401").replace(":7500", ":7501");
    fs::write(&other, text).expect("a config");
    let run = stint(&["serve", "--config", other.to_str().expect("a path")]);
    assert_ne!(run.code, Some(0), "{run:?}");
    assert!(run.err.contains("another process"), "{run:?}");
    assert_eq!(cluster.get(0, "/healthz").expect("an answer").status, 200);
}

#[test]
fn plain_text_beyond_loopback_needs_an_explicit_word() {
    let cluster = Cluster::prepare(&Options { replicas: 1, ..Options::default() });
    let replica = &cluster.replicas[0];
    let text = fs::read_to_string(&replica.config).expect("the config");
    let open = text.replacen(
        &format!("client_address = \"{}\"", replica.address),
        "client_address = \"0.0.0.0:7400\"",
        1,
    );
    assert_ne!(text, open);
    fs::write(&replica.config, open).expect("a config");
    let output = Command::new(STINT)
        .args(["serve", "--config", replica.config.to_str().expect("a path")])
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    assert!(!output.status.success());
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("insecure_plain_text"), "{err}");
}
