//! `stint debug bundle`: all that helps to find out what is wrong, and nothing that is a secret.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use crate::harness::program::stint;
use crate::harness::{Cluster, Options, wait_for};

/// What must be in no archive: a password in an environment, one on a command line, and one that a job
/// is told.
const SECRETS: [&str; 3] = ["tango-environment", "tango-command", "tango-parameter"];

/// The files of an archive, by their names below its directory.
fn read(path: &Path) -> BTreeMap<String, String> {
    let file = File::open(path).expect("the archive");
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    let entries = archive.entries().expect("entries");
    let files = entries.map(|entry| {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a name").display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("a text");
        (name.split_once('/').expect("a directory").1.to_owned(), text)
    });
    files.collect()
}

fn options() -> Options {
    Options {
        actions: "[actions.say]\ncommand = [\"echo\", \"tango-command\"]\n\
                  environment = { PASSWORD = \"tango-environment\" }\n",
        tls: true,
        is_closed: true,
        ..Options::default()
    }
}

/// The bodies of all keys in the files of a cluster.
fn keys(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("the directory of the cluster");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let keys = paths.filter(|path| path.extension().is_some_and(|end| end == "key"));
    keys.map(|path| {
        let pem = fs::read_to_string(path).expect("a key");
        pem.lines().nth(1).expect("a line of a key").to_owned()
    })
    .collect()
}

fn has(files: &BTreeMap<String, String>, name: &str, words: &str) {
    let names = files.keys();
    let text = files.get(name).unwrap_or_else(|| panic!("{name}: {names:?}"));
    assert!(text.contains(words), "{name}: {text}");
}

fn has_all_of_a_replica(files: &BTreeMap<String, String>, id: &str) {
    for (name, words) in [
        ("log.txt", "serving clients"),
        ("metrics.txt", "stint_raft_is_leader"),
        ("configuration.toml", &format!("id = \"{id}\"")),
        ("configuration.toml", "# default"),
        ("configuration.toml", "command = \"(hidden)\""),
        ("health.txt", "/readyz: ready"),
        ("status.json", "outputBytes"),
        ("machine/memory.txt", "MemTotal"),
        ("machine/threads.txt", "log-writer"),
        ("machine/runtime.txt", "tasks alive"),
    ] {
        has(files, &format!("replicas/{id}/{name}"), words);
    }
}

fn has_all_of_a_cluster(files: &BTreeMap<String, String>) {
    for (name, words) in [
        ("cluster.txt", "one more loss stops all writes"),
        ("cluster.json", "clusterWarnings"),
        ("workers.json", "heartbeatExpiration"),
        ("queues.json", "\"say\""),
        ("crons.json", "@yearly"),
        ("settings.json", "jobHistoryToKeep"),
    ] {
        has(files, name, words);
    }
}

#[test]
fn a_bundle_has_what_each_replica_knows_names_who_is_dead_and_has_no_secret() {
    let mut cluster = Cluster::start(&options());
    let admin = cluster.admin.clone().expect("a token");
    let body = r#"{"user":"bob","role":"operator"}"#;
    let created = cluster.post(0, "/api/v0/tokens", body).expect("an answer").json();
    let bob = created["secret"].as_str().expect("a secret").to_owned();
    let invited = cluster.post(0, "/api/v0/meta/invitations", "{}").expect("an answer").json();
    let invitation = invited["invitation"].as_str().expect("an invitation").to_owned();
    let job = r#"{"action":"say","parameters":{"PASSWORD":"tango-parameter"}}"#;
    let id = cluster.submit(0, job);
    cluster.wait_for_status(0, &id, "done");
    let cron = r#"{"action":"say","schedule":"@yearly","parameters":{"P":"tango-parameter"}}"#;
    assert_eq!(cluster.post(0, "/api/v0/crons", cron).expect("an answer").status, 202);

    let dead = (cluster.leader() + 1) % 3;
    cluster.kill(dead);
    let leader = cluster.leader();
    wait_for("the leader to miss it", || {
        let status = cluster.get(leader, "/api/v0/meta/cluster_status")?.json();
        let is_missed = status["clusterWarnings"].to_string().contains("one more loss");
        if is_missed { Ok(()) } else { Err(status.to_string()) }
    });
    let path = cluster.dir().join("bundle.tar.gz");
    let (addresses, ca) = (cluster.addresses(), cluster.ca().expect("an authority").to_owned());
    let call = |token: &str, path: &Path| {
        let (ca, path) = (ca.to_str().expect("text"), path.to_str().expect("text"));
        let of_call = ["--address", &addresses, "--ca", ca, "--token", token];
        stint(&[&["debug", "bundle", "-o", path], &of_call[..]].concat())
    };
    let run = call(&admin, &path);
    assert_eq!(run.code, Some(0), "{run:?}");
    let files = read(&path);
    let names: Vec<_> = files.keys().collect();
    let summary = &files["SUMMARY.txt"];
    for (i, replica) in cluster.replicas.iter().enumerate() {
        if i == dead {
            let name = format!("replicas/{}/log.txt", replica.id);
            assert!(!files.contains_key(&name), "{names:?}");
            let told = format!("  replicas/{}: {}", replica.id, replica.address);
            assert!(summary.contains(&told), "{summary}");
            assert!(run.err.contains(&replica.id), "{run:?}");
        } else {
            has_all_of_a_replica(&files, &replica.id);
        }
    }
    has_all_of_a_cluster(&files);

    let mut secrets = keys(cluster.dir());
    assert!(secrets.len() >= 6, "two keys of each replica");
    secrets.extend(SECRETS.map(str::to_owned));
    secrets.extend([admin.clone(), bob.clone(), invitation]);
    secrets.push("PRIVATE KEY".to_owned());
    for (name, text) in &files {
        let found: Vec<_> = secrets.iter().filter(|secret| text.contains(*secret)).collect();
        assert!(found.is_empty(), "{name} has {found:?}: {text}");
    }

    // An archive takes no file's place; and who is no administrator is told what that costs.
    let again = call(&admin, &path);
    assert_eq!(again.code, Some(1), "{again:?}");
    let path = cluster.dir().join("bob.tar.gz");
    let run = call(&bob, &path);
    assert_eq!(run.code, Some(0), "{run:?}");
    let files = read(&path);
    assert!(files.contains_key("workers.json") && files.contains_key("cluster.txt"), "{files:?}");
    assert!(files.keys().all(|name| !name.ends_with("log.txt")), "{:?}", files.keys());
    assert!(files["SUMMARY.txt"].contains("admin"), "{}", files["SUMMARY.txt"]);
}

#[test]
fn a_bundle_of_nobody_is_none_and_says_where_to_look() {
    let cluster = Cluster::prepare(&Options { replicas: 1, ..Options::default() });
    let path = cluster.dir().join("bundle.tar.gz");
    let (address, path) = (cluster.addresses(), path.to_str().expect("text").to_owned());
    let args = ["debug", "bundle", "-o", &path, "--address", &address, "--timeout", "1s"];
    let run = stint(&args);
    assert_eq!(run.code, Some(6), "{run:?}");
    assert!(run.err.contains("journalctl"), "{run:?}");
    assert!(!Path::new(&path).exists(), "{run:?}");
}
