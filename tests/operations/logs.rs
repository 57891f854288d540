//! The log of a replica, as people and as machines read it.

use std::fs::File;
use std::io::Write as _;

use serde_json::Value;

use crate::harness::{Cluster, Options, wait_for};

/// A replica that logs what it answers, in this format, after it was asked to do a job, and told how
/// this request is called. With the job's id.
fn logged(format: &str) -> (Cluster, String) {
    let mut cluster = Cluster::prepare(&Options { replicas: 1, ..Options::default() });
    let table = format!("\n[log]\nlevel = \"info,stint_gateway=debug\"\nformat = \"{format}\"\n");
    let config = File::options().append(true).open(&cluster.replicas[0].config);
    config.and_then(|mut file| file.write_all(table.as_bytes())).expect("the configuration");
    cluster.spawn(0);
    cluster.wait_until_whole();
    let url = format!("http://{}/api/v0/jobs", cluster.replicas[0].address);
    let asked = ureq::post(url).header("X-Request-Id", "called-so");
    let mut answer = asked.send(r#"{"action":"noop"}"#).expect("an answer");
    assert_eq!(answer.headers()["x-request-id"], "called-so");
    let body = answer.body_mut().read_to_string().expect("a body");
    let job: Value = serde_json::from_str(&body).expect("a job");
    (cluster, job["id"].as_str().expect("an id").to_owned())
}

#[test]
fn a_line_of_json_has_the_request_and_the_job_that_it_is_about_and_so_have_all_of_them_one_form() {
    let (cluster, job) = logged("json");
    let answered = wait_for("the line of the request", || {
        let log = cluster.log(0);
        // The last one may not be whole yet.
        let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines: Vec<Value> = whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect();
        assert!(
            lines.iter().all(|line| line["level"].is_string() && line["timestamp"].is_string())
        );
        let is_it = |line: &&Value| line["span"]["id"] == "called-so";
        lines.iter().find(is_it).cloned().ok_or(log)
    });
    assert_eq!(answered["span"]["job"], job.as_str(), "{answered}");
    assert_eq!(answered["span"]["method"], "POST", "{answered}");
    assert_eq!(answered["fields"]["code"], "202", "{answered}");
}

#[test]
fn a_line_of_text_has_the_request_and_the_job_that_it_is_about() {
    let (cluster, job) = logged("text");
    let line = wait_for("the line of the request", || {
        let log = cluster.log(0);
        log.lines().find(|line| line.contains("id=\"called-so\"")).map(str::to_owned).ok_or(log)
    });
    assert!(line.contains(&format!("job={job}")) && line.contains("202"), "{line}");
}
