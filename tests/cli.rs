//! The command line as people and scripts use it.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::program::{STINT, stint};
use crate::harness::{Cluster, Options, PATIENCE, wait_for};

const ACTIONS: &str = r#"
[actions.say]
command = ["sh", "-c", "for i in $(seq 0 $1); do echo word $i; sleep 0.02; done", "--", "{param:N}"]
"#;

#[test]
fn a_job_by_the_command_line_from_submit_to_delete() {
    let mut cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    let addresses = cluster.addresses();
    let run = |args: &[&str]| stint(&[&["--address", addresses.as_str()], args].concat());
    let submitted =
        run(&["--output", "json", "job", "submit", "say", "-p", "N=5", "--retries", "1"]);
    assert_eq!(submitted.code, Some(0), "{submitted:?}");
    let job: Value = serde_json::from_str(&submitted.out).expect("JSON");
    let id = job["id"].as_str().expect("an id").to_owned();
    assert_eq!(job["retriesTotal"], 1, "{job}");

    let waited = run(&["job", "wait", &id]);
    assert_eq!(waited.code, Some(0), "{waited:?}");
    let logs = run(&["job", "logs", &id]);
    assert_eq!(logs.out, "word 0\nword 1\nword 2\nword 3\nword 4\nword 5\n", "{logs:?}");
    let tail = run(&["job", "logs", &id, "--offset", "4", "--limit", "1"]);
    assert_eq!(tail.out, "word 4\n", "{tail:?}");

    // With one replica dead, each call still finds one that answers.
    let dead = cluster.leader();
    cluster.kill(dead);
    let got = run(&["--output", "json", "job", "get", &id]);
    assert_eq!(got.code, Some(0), "{got:?}");
    let got: Value = serde_json::from_str(&got.out).expect("JSON");
    assert_eq!(got["status"], "done", "{got}");
    let table = run(&["job", "list"]);
    assert!(table.out.contains(&id) && table.out.contains("done"), "{table:?}");
    let workers = run(&["worker", "list"]);
    assert!(workers.out.contains(&cluster.replicas[dead].id), "{workers:?}");
    let status = run(&["cluster", "status"]);
    assert!(status.out.contains("leader"), "{status:?}");

    let failed = run(&["job", "submit", "false", "--wait"]);
    assert_eq!(failed.code, Some(1), "the job's outcome is the exit code: {failed:?}");
    let missing = run(&["job", "get", "1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b"]);
    assert_eq!(missing.code, Some(7), "{missing:?}");
    let deleted = run(&["job", "delete", &id]);
    assert_eq!(deleted.code, Some(0), "{deleted:?}");
    let canceled = run(&["--output", "json", "job", "submit", "sleep"]);
    let canceled: Value = serde_json::from_str(&canceled.out).expect("JSON");
    let canceled = canceled["id"].as_str().expect("an id");
    assert_eq!(run(&["job", "cancel", canceled]).code, Some(0));
    assert_eq!(run(&["job", "wait", canceled]).code, Some(3));
}

#[test]
fn following_a_log_prints_each_line_once_though_its_replica_dies() {
    let mut cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    let id = cluster.submit(0, r#"{"action":"say","parameters":{"N":"250"}}"#);
    let worker = cluster.wait_for_status(0, &id, "running")["workerID"].clone();
    let victim = cluster.replicas.iter().position(|replica| worker != replica.id.as_str());
    let victim = victim.expect("a replica that does not run it");
    let mut order = vec![cluster.replicas[victim].address.clone()];
    order.extend(cluster.replicas.iter().map(|replica| replica.address.clone()));
    let mut follower = Command::new(STINT)
        .args(["--address", &order.join(","), "job", "logs", "-f", &id])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the follower starts");
    let out = BufReader::new(follower.stdout.take().expect("a pipe"));
    let mut lines = Vec::new();
    for line in out.lines() {
        lines.push(line.expect("a line"));
        if lines.len() == 20 {
            cluster.kill(victim);
        }
    }
    assert!(follower.wait().expect("an exit").success());
    let expected: Vec<_> = (0..=250).map(|i| format!("word {i}")).collect();
    assert_eq!(lines, expected);
}

#[test]
fn crons_action_configs_and_settings_by_the_command_line() {
    let cluster = Cluster::start(&Options { replicas: 1, actions: ACTIONS, ..Options::default() });
    let addresses = cluster.addresses();
    let run = |args: &[&str]| {
        let run = stint(&[&["--address", addresses.as_str()], args].concat());
        assert_eq!(run.code, Some(0), "{args:?}: {run:?}");
        run.out
    };
    let json = |args: &[&str]| -> Value {
        serde_json::from_str(&run(&[&["--output", "json"], args].concat())).expect("JSON")
    };
    let cron =
        json(&["cron", "put", "say", "0 0 3 * * *", "-p", "N=2", "--time-zone", "Asia/Tokyo"]);
    assert_eq!(cron["parameters"]["N"], "2", "{cron}");
    assert!(cron["nextRun"].as_str().is_some_and(|at| at.ends_with("T18:00:00Z")), "{cron}");
    assert_eq!(json(&["cron", "get", "say"]), cron);
    assert_eq!(json(&["cron", "list"])["crons"][0], cron);
    // The same objects as over HTTP.
    assert_eq!(cluster.get(0, "/api/v0/crons/say").expect("an answer").json(), cron);
    let table = run(&["cron", "list"]);
    assert!(table.contains("say") && table.contains("0 0 3 * * *"), "{table}");
    assert!(run(&["cron", "get", "say"]).contains("Asia/Tokyo"));
    run(&["cron", "delete", "say"]);
    assert_eq!(run(&["cron", "list"]), "");

    let config = json(&["action-config", "put", "say", "-p", "N=3"]);
    assert_eq!(config["parameters"]["N"], "3", "{config}");
    assert_eq!(json(&["action-config", "get", "say"]), config);
    assert_eq!(json(&["action-config", "list"])["actionConfigs"][0], config);
    assert!(run(&["action-config", "list"]).contains("N=3"));
    assert!(run(&["action-config", "get", "say"]).contains("N=3"));
    run(&["action-config", "delete", "say"]);

    assert_eq!(run(&["settings", "get"]).matches("no bound").count(), 2);
    let settings = json(&["settings", "set", "--job-history-to-keep", "7"]);
    assert_eq!(settings["jobHistoryToKeep"], 7, "{settings}");
    let settings = json(&["settings", "set", "--job-history-max-age", "24h"]);
    assert_eq!(
        (&settings["jobHistoryToKeep"], &settings["jobHistoryMaxAge"]),
        (&7.into(), &"24h".into())
    );
    assert_eq!(json(&["settings", "get"]), settings);

    for (args, code, complaint) in [
        (&["cron", "get", "say"][..], 7, "it has no cron"),
        (&["cron", "delete", "say"], 7, "stint cron list"),
        (&["action-config", "delete", "say"], 7, "stint action-config list"),
        (&["cron", "put", "say", "0 0 25 * * *"], 2, "25 is outside of 0 to 23"),
        (&["cron", "put", "unheard-of", "@daily"], 7, "unheard-of"),
    ] {
        let run = stint(&[&["--address", addresses.as_str()], args].concat());
        assert_eq!(run.code, Some(code), "{args:?}: {run:?}");
        assert!(run.err.contains(complaint), "{args:?}: {run:?}");
    }
}

#[test]
fn bench_outage_kills_the_leader_and_sees_the_next_job_accepted() {
    let mut cluster = Cluster::start(&Options::default());
    let leader = cluster.leader();
    let pid = cluster.pid(leader).to_string();
    let addresses = cluster.addresses();
    let run =
        stint(&["--address", &addresses, "--output", "json", "bench", "outage", "--kill", &pid]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let figures: Value = serde_json::from_str(&run.out).expect("figures");
    assert!(figures["outageMs"].as_f64().is_some_and(|ms| ms > 0.0), "{figures}");
    cluster.kill(leader);
    assert_ne!(cluster.leader(), leader, "the dead replica leads");
}

#[test]
fn watch_prints_what_happens_from_an_index_on_and_ends_with_its_reader() {
    let cluster = Cluster::start(&Options { replicas: 1, ..Options::default() });
    let id = cluster.submit(0, r#"{"action":"noop"}"#);
    cluster.wait_for_status(0, &id, "done");
    for (format, ended) in [("json", "\"job_ended\""), ("table", "job_ended")] {
        let mut watch = Command::new(STINT)
            .args(["--address", &cluster.addresses(), "--output", format, "watch", "--from", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("stint watch starts");
        let out = BufReader::new(watch.stdout.take().expect("its output"));
        let mut lines = out.lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains(ended)).expect("the end of the job");
        assert!(line.contains(&id), "{line}");
        drop(lines);
        // The next event has no reader, and that ends it.
        cluster.submit(0, r#"{"action":"noop"}"#);
        let code = watch.wait().expect("it ends").code();
        assert_eq!(code, Some(0), "{format}");
    }
}

#[test]
fn dev_is_a_cluster_in_one_command_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let data = dir.path().join("data");
    let base = 20_000 + std::process::id() % 10_000;
    let (client, peer) = (base.to_string(), (base + 3).to_string());
    let mut dev = Command::new(STINT)
        .args(["dev", "--data-dir", data.to_str().expect("a path")])
        .args(["--client-port", &client, "--peer-port", &peer])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("stint dev starts");
    let addresses: Vec<_> = (0..3).map(|i| format!("127.0.0.1:{}", base + i)).collect();
    let id = wait_for("the cluster to take a job", || {
        let answer = crate::harness::http::post(
            &addresses[2],
            "/api/v0/jobs",
            r#"{"action":"noop","retries":0}"#,
        )?;
        match answer.status {
            202 => Ok(answer.json()["id"].as_str().expect("an id").to_owned()),
            _ => Err(format!("{answer:?}")),
        }
    });
    let waited = stint(&["--address", &addresses.join(","), "job", "wait", &id]);
    assert_eq!(waited.code, Some(0), "{waited:?}");
    let said = BufReader::new(dev.stdout.take().expect("a pipe"));
    let (found, is_open) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = said.lines().map_while(Result::ok);
        if lines.any(|line| line.starts_with("It is open: ") && line.contains("without a token")) {
            found.send(()).ok();
        }
        // It goes on to say things, and must not fail of that.
        lines.for_each(drop);
    });
    is_open.recv_timeout(PATIENCE).expect("that the cluster is open is said");

    // Killed without a chance to clean up: its replicas still end.
    dev.kill().expect("a signal can be sent");
    dev.wait().expect("a killed process ends");
    wait_for("all replicas to end", || {
        let alive: Vec<_> = addresses
            .iter()
            .filter(|address| crate::harness::http::get(address, "/healthz").is_ok())
            .collect();
        if alive.is_empty() { Ok(()) } else { Err(format!("{alive:?} still answer")) }
    });
}
