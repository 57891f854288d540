//! What an action says, and what becomes of a submission.

use serde_json::{Value, json};

use crate::harness::program::stint;
use crate::harness::{Cluster, Options};

const ACTIONS: &str = r#"
[actions.scan]
description = "Looks into an image."
command = ["sh", "-c", 'printf "%s\n" "$@"; env', "--", "{param:image}", "--depth={param:depth}"]
deadline = "1h"
stop_timeout = "2s"
retries = 1
capacity = { scan = 1 }
backoff = { first = "10ms", factor_percent = 200, max = "1s", jitter_percent = 50 }
only_declared = true
parameters.image = { pattern = '[a-z][a-z0-9:./-]*', bytes_max = 20 }
parameters.depth = { default = "3", minimum = 1, maximum = 9 }
parameters.mode = { values = ["quick", "thorough"] }

[actions.plain]
command = ["sh", "-c", 'env']
"#;

fn cluster() -> Cluster {
    let capacity = "{ scan = 5 }";
    Cluster::start(&Options { replicas: 1, capacity, actions: ACTIONS, ..Options::default() })
}

/// The output of a job, by lines.
fn lines(cluster: &Cluster, id: &str) -> Vec<String> {
    let answer = cluster.get(0, &format!("/api/v0/jobs/{id}/logs")).expect("an answer").json();
    let lines = answer.as_array().expect("an array").iter();
    lines.map(|line| line["data"].as_str().expect("a text").to_owned()).collect()
}

#[test]
fn a_job_has_what_its_action_says_where_its_submission_says_nothing() {
    let cluster = cluster();
    let submit = |body: &str| cluster.post(0, "/api/v0/jobs", body).expect("an answer").json();
    let bare = submit(r#"{"action":"scan","parameters":{"image":"alpine:3"}}"#);
    for (field, expected) in [
        ("deadline", json!("1h")),
        ("stopTimeout", json!("2s")),
        ("retriesTotal", json!(1)),
        ("capacityMap", json!({"scan": 1})),
        ("parameters", json!({"image": "alpine:3", "depth": "3"})),
    ] {
        assert_eq!(bare[field], expected, "{field}: {bare}");
    }
    let own = submit(
        r#"{"action":"scan","parameters":{"image":"a","depth":"9","mode":"quick"},"retries":0,
            "deadline":"0s","stopTimeout":"1s","capacityMap":{}}"#,
    );
    for (field, expected) in [
        ("deadline", json!("0s")),
        ("stopTimeout", json!("1s")),
        ("retriesTotal", json!(0)),
        ("capacityMap", json!({})),
    ] {
        assert_eq!(own[field], expected, "{field}: {own}");
    }
    let id = own["id"].as_str().expect("an id");
    // A deadline of no length is none: the job is not ended at once.
    cluster.wait_for_status(0, id, "done");
    assert_eq!(lines(&cluster, id)[..2], ["a", "--depth=9"]);
}

#[test]
fn a_submission_that_breaks_a_rule_is_told_which_at_once() {
    let cluster = cluster();
    let long = "a".repeat(21);
    for (parameters, field, problem) in [
        (json!({}), "parameters.image", "is missing"),
        (json!({"image": "A"}), "parameters.image", "does not match [a-z]"),
        (json!({"image": "a b"}), "parameters.image", "does not match [a-z]"),
        (json!({"image": "-rf"}), "parameters.image", "does not match [a-z]"),
        (json!({"image": "a\nb"}), "parameters.image", "does not match [a-z]"),
        (json!({"image": long}), "parameters.image", "has 21 bytes, more than 20"),
        (json!({"image": "a", "depth": "10"}), "parameters.depth", "is 10, more than 9"),
        (json!({"image": "a", "depth": "x"}), "parameters.depth", "is no whole number"),
        (json!({"image": "a", "mode": "slow"}), "parameters.mode", "is none of quick, thorough"),
        (json!({"image": "a", "PATH": "/evil"}), "parameters.PATH", "is none that this action has"),
    ] {
        let body = json!({"action": "scan", "parameters": parameters}).to_string();
        let answer = cluster.post(0, "/api/v0/jobs", &body).expect("an answer");
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        let error = &answer.json()["errors"][0];
        assert_eq!(error["code"], "INVALID_PARAMETERS", "{error}");
        assert_eq!(error["detail"]["field"], field, "{error}");
        let told = error["detail"]["problem"].as_str().expect("a text");
        assert!(told.contains(problem) && told.contains("\"scan\""), "{problem}: {told}");
    }
}

#[test]
fn a_parameter_is_no_option_no_shell_word_and_no_other_variable() {
    let cluster = cluster();
    let value = "$(id); rm -rf / `id` \"'\n* {param:image} --help";
    let parameters = json!({"image": "a", "PATH": value, "LD_PRELOAD": value, "a=b": value});
    let body = json!({"action": "plain", "parameters": parameters}).to_string();
    let id = cluster.submit(0, &body);
    cluster.wait_for_status(0, &id, "done");
    let lines = lines(&cluster, &id);
    let names = lines.iter().filter_map(|line| line.split_once('=')).map(|(name, _)| name);
    let foreign: Vec<_> = names
        .filter(|name| !name.starts_with("STINT_") && !["PATH", "PWD", "SHLVL", "_"].contains(name))
        .collect();
    // What is left is the end of the value, which has an equals sign nowhere.
    assert!(foreign.is_empty(), "{foreign:?} in {lines:?}");
    assert!(lines.iter().any(|line| line == "PATH=/usr/local/bin:/usr/bin:/bin"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("STINT_PARAM_LD_PRELOAD=$(id);")));
}

#[test]
fn actions_can_be_looked_at_and_tell_no_command() {
    let cluster = cluster();
    let one = cluster.get(0, "/api/v0/actions/scan/").expect("an answer").json();
    let expected = json!({
        "name": "scan",
        "description": "Looks into an image.",
        "builtIn": false,
        "workers": ["000000000001"],
        "onWorkerLoss": "reclaim",
        "backoff": {"first": "10ms", "factorPercent": 200, "max": "1s", "jitterPercent": 50},
        "deadline": "1h",
        "stopTimeout": "2s",
        "retries": 1,
        "capacityMap": {"scan": 1},
        "parameters": [
            {"name": "depth", "description": "", "required": false, "default": "3",
             "minimum": 1, "maximum": 9},
            {"name": "image", "description": "", "required": true, "bytesMax": 20,
             "pattern": "[a-z][a-z0-9:./-]*"},
            {"name": "mode", "description": "", "required": false, "values": ["quick", "thorough"]},
        ],
        "onlyDeclared": true,
        "children": false,
    });
    assert_eq!(one, expected);
    let all = cluster.get(0, "/api/v0/actions").expect("an answer").json();
    let names: Vec<_> = all["actions"].as_array().expect("a list").iter().map(name).collect();
    assert!(["false", "noop", "plain", "scan", "sleep"].iter().all(|n| names.contains(n)));
    assert!(!all.to_string().contains("printf"), "{all}");
    let none = cluster.get(0, "/api/v0/actions/unknown").expect("an answer");
    assert_eq!(
        (none.status, none.json()["errors"][0]["code"].clone()),
        (404, "NO_SUCH_ACTION".into())
    );
    // The command line says the same, in the same words.
    let addresses = cluster.addresses();
    let run = stint(&["--address", &addresses, "--output", "json", "action", "show", "scan"]);
    assert_eq!(serde_json::from_str::<Value>(&run.out).expect("JSON"), expected, "{run:?}");
    let run = stint(&["--address", &addresses, "action", "list"]);
    assert!(run.out.contains("scan") && run.out.contains("Looks into an image."), "{run:?}");
}

fn name(action: &Value) -> &str {
    action["name"].as_str().expect("a name")
}

#[test]
fn an_action_can_be_checked_without_a_cluster() {
    let cluster = Cluster::prepare(&Options { actions: ACTIONS, ..Options::default() });
    let file = cluster.replicas[0].config.to_str().expect("a path");
    let check = |args: &[&str]| stint(&[&["action", "check", "--config", file], args].concat());
    assert!(check(&[]).out.contains("2 actions: plain, scan"), "{:?}", check(&[]));
    let run = check(&["scan", "-p", "image=alpine:3", "--output", "json"]);
    let shown: Value = serde_json::from_str(&run.out).expect("JSON");
    let arguments = shown["arguments"].as_array().expect("a list");
    assert_eq!(arguments[arguments.len() - 2..], ["alpine:3", "--depth=3"], "{shown}");
    assert_eq!(shown["environment"]["STINT_PARAM_IMAGE"], "alpine:3", "{shown}");
    for (args, complaint) in [
        (&["scan", "-p", "image=-rf"][..], "the parameter \"image\" does not match"),
        (&["scan"], "the parameter \"image\" is missing"),
        (&["scna"], "no action \"scna\"; it has plain, scan"),
    ] {
        let run = check(args);
        assert!(run.code == Some(2) && run.err.contains(complaint), "{args:?}: {run:?}");
    }
    std::fs::write(file, "[actions.scan]\ncommand = [\"sh\"]\nretires = 1\n").expect("a file");
    let run = check(&["scan"]);
    assert!(run.err.contains(&format!("{file}:3:1: unknown key \"retires\"")), "{run:?}");
}
