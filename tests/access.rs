//! A closed cluster: who gets in, on which replica, and for how long.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::program::stint;
use crate::harness::{Cluster, Options, http, wait_for};

fn closed(replicas: usize) -> Cluster {
    Cluster::start(&Options { replicas, is_closed: true, ..Options::default() })
}

fn admin(cluster: &Cluster) -> &str {
    cluster.admin.as_deref().expect("a first token")
}

/// The status and, of a "no", its code, that replica `i` answers to whoever has this token.
fn status(cluster: &Cluster, i: usize, method: &str, path: &str, token: &str) -> (u16, String) {
    let bearer = format!("Bearer {token}");
    let authorization = Some(bearer.as_str()).filter(|_| !token.is_empty());
    let body = (method == "POST").then_some(r#"{"action":"noop"}"#);
    let answer = http::ask(&cluster.replicas[i].address, method, path, authorization, body);
    let answer = answer.expect("an answer");
    let code = if answer.status < 400 { String::new() } else { answer.error_code() };
    (answer.status, code)
}

/// Gives a user a token by the command line at replica `i`, and gives its id and its secret.
fn give(cluster: &Cluster, i: usize, user: &str, role: &str) -> (String, String) {
    let address = &cluster.replicas[i].address;
    let token = admin(cluster);
    let run = stint(&[
        "token",
        "create",
        "--user",
        user,
        "--role",
        role,
        "--token",
        token,
        "--address",
        address,
        "--output",
        "json",
    ]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let created: Value = serde_json::from_str(&run.out).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&created["token"]["id"]), text(&created["secret"]))
}

/// The files below the directory that have this text in them.
fn files_with(dir: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else {
            let bytes = fs::read(&path).expect("a file");
            let has_it = bytes.windows(text.len()).any(|part| part == text.as_bytes());
            found.extend(has_it.then_some(path));
        }
    }
    found
}

#[test]
fn a_closed_cluster_lets_in_whoever_has_a_token_on_every_replica_until_it_is_revoked() {
    let mut cluster = closed(3);
    let refused = (401, "NOT_AUTHENTICATED".to_owned());
    for i in 0..3 {
        assert_eq!(status(&cluster, i, "GET", "/api/v0/jobs", ""), refused);
        assert_eq!(status(&cluster, i, "GET", "/api/v0/jobs", admin(&cluster)).0, 200);
        let probe = http::get(&cluster.replicas[i].address, "/readyz").expect("an answer");
        assert_eq!(probe.status, 200, "a probe needs no token");
    }

    // A token is good on other replicas as soon as whoever asked for it has it.
    let (id, ann) = give(&cluster, 0, "ann-of-the-night-shift", "operator");
    for i in [1, 2, 0] {
        assert_eq!(status(&cluster, i, "POST", "/api/v0/jobs", &ann).0, 202, "at replica {i}");
        let not_hers = status(&cluster, i, "GET", "/api/v0/tokens", &ann);
        assert_eq!(not_hers, (403, "NOT_AUTHORIZED".to_owned()));
    }

    for i in 0..3 {
        cluster.stop(i);
        assert_eq!(files_with(&cluster.replicas[i].data_dir, &ann), Vec::<PathBuf>::new());
        // Such a look finds what is there.
        assert_ne!(
            files_with(&cluster.replicas[i].data_dir, "ann-of-the-night-shift"),
            Vec::<PathBuf>::new()
        );
    }
    for i in 0..3 {
        cluster.spawn(i);
    }
    cluster.wait_until_whole();
    assert_eq!(status(&cluster, 1, "GET", "/api/v0/jobs", &ann).0, 200);
    assert_eq!(status(&cluster, 1, "GET", "/api/v0/jobs", ""), refused);

    let revoked = cluster.delete(2, &format!("/api/v0/tokens/{id}")).expect("an answer");
    assert_eq!(revoked.status, 204, "{revoked:?}");
    assert_eq!(status(&cluster, 2, "GET", "/api/v0/jobs", &ann), refused);
    for i in 0..2 {
        wait_for("the revocation to arrive", || {
            let seen = status(&cluster, i, "GET", "/api/v0/jobs", &ann);
            if seen == refused { Ok(()) } else { Err(seen) }
        });
    }
    for i in 0..3 {
        let log = cluster.log(i);
        assert!(!log.contains(&ann) && !log.contains(admin(&cluster)), "a token in a log");
    }
}

#[test]
fn the_command_line_takes_a_token_from_a_file_or_an_argument() {
    let cluster = closed(1);
    let address = cluster.addresses();
    let file = cluster.dir().join("token");
    fs::write(&file, format!("{}\n", admin(&cluster))).expect("a file");
    let run = |more: &[&str]| stint(&[&["token", "list", "--address", &address], more].concat());

    let by_file = run(&["--token-file", file.to_str().expect("a path")]);
    assert_eq!(by_file.code, Some(0), "{by_file:?}");
    assert!(by_file.out.contains("the first token of the cluster"), "{by_file:?}");
    assert_eq!(run(&["--token", admin(&cluster)]).code, Some(0));

    let nobody = run(&[]);
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    assert!(nobody.err.contains("STINT_TOKEN"), "it says how a token is given: {nobody:?}");
    assert_eq!(run(&["--token-file", "nowhere"]).code, Some(2));
    let (id, _) = give(&cluster, 0, "ann", "viewer");
    let revoke = |id: &str| {
        stint(&["token", "revoke", id, "--address", &address, "--token", admin(&cluster)]).code
    };
    assert_eq!(revoke(&id), Some(0));
    assert_eq!(revoke(&id), Some(7));
}

#[test]
fn a_first_token_is_written_once_and_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let cluster = Cluster::prepare(&Options { replicas: 1, ..Options::default() });
    let replica = &cluster.replicas[0];
    fs::remove_dir_all(&replica.data_dir).expect("a directory");
    let file = cluster.dir().join("first");
    let config = replica.config.to_str().expect("a path");
    let args = ["init", "--config", config, "--admin-token-file", file.to_str().expect("a path")];
    assert_eq!(stint(&args).code, Some(0));
    let token = fs::read_to_string(&file).expect("a token");
    assert!(token.starts_with("stint_"), "{token}");
    let mode = fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    let kept = fs::read_to_string(replica.data_dir.join("admin_token_hash")).expect("a hash");
    assert_eq!(kept.trim().len(), 64);

    let again = stint(&args);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert_eq!(fs::read_to_string(&file).expect("a token"), token);
}

#[test]
fn every_replica_knows_who_changed_what_and_still_does_after_a_restart() {
    let mut cluster = closed(3);
    let (id, ann) = give(&cluster, 0, "ann", "operator");
    assert_eq!(status(&cluster, 1, "POST", "/api/v0/jobs", &ann).0, 202);
    cluster.delete(2, &format!("/api/v0/tokens/{id}")).expect("an answer");
    let audit = |cluster: &Cluster, i: usize| {
        let answer = cluster.get(i, "/api/v0/audit?limit=0").expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["records"].clone()
    };
    let before = audit(&cluster, 0);
    let changes: Vec<_> = before
        .as_array()
        .expect("records")
        .iter()
        .map(|record| ["user", "operation", "object"].map(|name| record[name].as_str()))
        .collect();
    assert_eq!(changes.len(), 3, "{before}");
    assert_eq!(changes[0], [Some("admin"), Some("RevokeToken"), Some(id.as_str())]);
    assert_eq!(changes[1][..2], [Some("ann"), Some("Submit")]);
    assert_eq!(changes[2], [Some("admin"), Some("CreateToken"), Some(id.as_str())]);
    for i in 0..3 {
        assert_eq!(audit(&cluster, i), before, "at replica {i}");
    }
    (0..3).for_each(|i| cluster.kill(i));
    for i in 0..3 {
        cluster.spawn(i);
    }
    cluster.wait_until_whole();
    for i in 0..3 {
        assert_eq!(audit(&cluster, i), before, "at replica {i}");
    }

    let (address, token) = (cluster.addresses(), admin(&cluster));
    let printed = |more: &[&str]| {
        let args = ["audit", "--address", &address, "--token", token, "--output", "json"];
        let run = stint(&[&args, more].concat());
        assert_eq!(run.code, Some(0), "{run:?}");
        serde_json::from_str::<Value>(&run.out).expect("JSON")["records"].clone()
    };
    assert_eq!(printed(&["--since", "1h"]), before, "the names are those of the API");
    assert_eq!(printed(&["--limit", "1", "--start", "1"]), serde_json::json!([before[1]]));
    assert_eq!(printed(&["--user", "ann"]), serde_json::json!([before[1]]));
    let since = before[1]["at"].as_str().expect("a time");
    assert_eq!(printed(&["--since", since]), serde_json::json!([before[0], before[1]]));
    assert_eq!(printed(&["--since", "2199-01-01T00:00:00Z"]), serde_json::json!([]));
    let table = stint(&["audit", "--address", &address, "--token", token]);
    assert!(table.out.contains("RevokeToken") && table.out.contains(&id), "{table:?}");
    assert_eq!(stint(&["audit", "--since", "yesterday"]).code, Some(2));
    assert_eq!(stint(&["audit", "--address", &address, "--token", &ann]).code, Some(1));
}

#[test]
fn a_cluster_whose_administrators_have_lost_their_secrets_gets_a_new_one_from_any_machine() {
    let mut cluster = closed(3);
    let lost = admin(&cluster).to_owned();
    let refused = (401, "NOT_AUTHENTICATED".to_owned());
    let config = cluster.replicas[2].config.to_str().expect("a path").to_owned();
    let file = cluster.dir().join("found");
    let args = ["token", "reset-admin", "--config", &config, "--admin-token-file"];
    let reset = || stint(&[&args[..], &[file.to_str().expect("a path")]].concat());
    let drawn = reset();
    assert_eq!(drawn.code, Some(0), "{drawn:?}");
    let beside = cluster.replicas[2].data_dir.join("admin_token_reset");
    let hash = fs::read(&beside).expect("a hash");
    assert!(drawn.err.contains("restart replica 000000000003"), "{drawn:?}");
    let found = fs::read_to_string(&file).expect("a token").trim().to_owned();
    assert_eq!(status(&cluster, 2, "GET", "/api/v0/tokens", &found), refused, "it has not started");
    assert_eq!(reset().code, Some(1), "the file of a token is not written over");

    cluster.stop(2);
    cluster.spawn(2);
    for i in 0..3 {
        wait_for("the new token to be good", || {
            let seen = status(&cluster, i, "GET", "/api/v0/tokens", &found);
            if seen.0 == 200 { Ok(()) } else { Err(seen) }
        });
    }
    cluster.admin = Some(found.clone());
    let audit = cluster.get(0, "/api/v0/audit").expect("an answer").json();
    let record = &audit["records"][0];
    assert_eq!(record["operation"], "ResetAdmin", "{audit}");
    assert_eq!(record["remote"], "replica 000000000003");
    let tokens = cluster.get(0, "/api/v0/tokens").expect("an answer").json();
    assert_eq!(tokens["tokens"].as_array().map(Vec::len), Some(2), "{tokens}");
    let first = tokens["tokens"][0]["id"].as_str().expect("an id");
    let revoked = cluster.delete(1, &format!("/api/v0/tokens/{first}")).expect("an answer");
    assert_eq!(revoked.status, 204, "the last lasting one is not the lost one any more");
    assert_eq!(status(&cluster, 1, "GET", "/api/v0/tokens", &lost), refused);

    // It comes once: after it has been revoked another start does not bring it back, though the replica
    // was killed before it could take the hash away.
    assert!(!beside.exists(), "the hash is taken away");
    let (_, other) = give(&cluster, 0, "ann", "admin");
    cluster.admin = Some(other);
    let found_id = tokens["tokens"][1]["id"].as_str().expect("an id");
    let revoked = cluster.delete(0, &format!("/api/v0/tokens/{found_id}")).expect("an answer");
    assert_eq!(revoked.status, 204);
    cluster.stop(2);
    fs::write(&beside, &hash).expect("a hash");
    cluster.spawn(2);
    cluster.wait_until_whole();
    wait_for("the hash to be taken away", || {
        if beside.exists() { Err(cluster.log_tail(2)) } else { Ok(()) }
    });
    assert_eq!(status(&cluster, 2, "GET", "/api/v0/tokens", &found), refused);
    assert!(!cluster.log(2).contains(&found), "a token in a log");
}

#[test]
fn a_token_is_drawn_only_beside_the_data_that_the_configuration_means() {
    let cluster = Cluster::prepare(&Options { replicas: 2, ..Options::default() });
    let replica = &cluster.replicas[0];
    let config = replica.config.to_str().expect("a path");
    let reset = || stint(&["token", "reset-admin", "--config", config]);
    fs::remove_dir_all(&replica.data_dir).expect("a directory");
    let missing = reset();
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(missing.err.contains("there is no data of replica 000000000001"), "{missing:?}");
    fs::rename(&cluster.replicas[1].data_dir, &replica.data_dir).expect("a directory");
    let other = reset();
    assert_eq!(other.code, Some(1), "{other:?}");
    assert!(other.err.contains("the data of replica 000000000002"), "{other:?}");
    assert_eq!((missing.out, other.out), (String::new(), String::new()), "no token is drawn");
    let call = stint(&["token", "reset-admin", "--config", config, "--token", "x"]);
    assert_eq!(call.code, Some(2), "{call:?}");
}
