//! The layers of a configuration, as the program itself takes them.

use std::process::{Command, Stdio};

use crate::harness::program::STINT;
use crate::harness::{Cluster, Options};

/// Runs `stint ARGS` with these variables: the exit code, standard output, standard error.
fn stint(args: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let run = Command::new(STINT)
        .args(args)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("the program under test starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (run.status.code(), text(&run.stdout), text(&run.stderr))
}

#[test]
fn a_replica_is_told_by_its_file_its_environment_and_its_command_line() {
    let cluster = Cluster::prepare(&Options { replicas: 1, ..Options::default() });
    let file = cluster.replicas[0].config.to_str().expect("a path");
    let variables = [("STINT_CONFIG", file), ("STINT_LOG__FORMAT", "json"), ("STINT_LOG", "info")];
    let (code, out, err) = stint(&["config", "show", "--set", "raft.heartbeat=70ms"], &variables);
    assert_eq!(code, Some(0), "{err}");
    for (key, origin) in [
        ("heartbeat = \"70ms\" ", "# --set raft.heartbeat"),
        ("format = \"json\" ", "# STINT_LOG__FORMAT"),
        ("level = \"info\" ", "# STINT_LOG"),
        ("lease_ttl = \"2s\" ", &format!("# {file}:")),
        ("election_min = \"300ms\" ", "# default"),
    ] {
        let line = out.lines().find(|line| line.starts_with(key));
        assert!(line.is_some_and(|line| line.contains(origin)), "{key}{origin}: {out}");
    }
    // The same layers hold for `serve`: standard input ends at once, and with it the replica.
    let (code, _, log) = stint(&["serve", "--stop-on-stdin-eof"], &variables);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.lines().count() > 0 && log.lines().all(|line| line.starts_with('{')), "{log}");
}

#[test]
fn a_wrong_layer_is_named_and_nothing_starts() {
    let cluster = Cluster::prepare(&Options { replicas: 2, ..Options::default() });
    let file = cluster.replicas[0].config.to_str().expect("a path");
    let flags = ["--set", "raft.election_max=1ms"];
    for verb in [&["serve"][..], &["init"], &["config", "check"], &["config", "show"]] {
        let args = [verb, &["--config", file]].concat();
        let (code, out, err) = stint(&args, &[("STINT_RAFT__HEARTBAET", "1s")]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{verb:?}: {err}");
        assert!(err.contains("STINT_RAFT__HEARTBAET: unknown key"), "{verb:?}: {err}");
        let (code, out, err) = stint(&[&args[..], &flags].concat(), &[]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{verb:?}: {err}");
        assert!(err.contains("--set raft.election_max: "), "{verb:?}: {err}");
    }
}

#[test]
fn a_check_sees_what_a_start_would_fail_of() {
    let cluster = Cluster::prepare(&Options { replicas: 2, tls: true, ..Options::default() });
    let [ours, other] = &cluster.replicas[..] else { panic!("two replicas") };
    let file = ours.config.to_str().expect("a path");
    let check = |set: &str| stint(&["config", "check", "--config", file, "--set", set], &[]);
    let (code, out, err) = check("raft.heartbeat=70ms");
    assert_eq!((code, err.as_str()), (Some(0), ""), "{err}");
    assert!(out.contains(&format!("replica {} can start", ours.id)), "{out}");

    let theirs = other.data_dir.to_str().expect("a path");
    let (code, _, err) = check(&format!("replica.data_dir={theirs}"));
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains(&other.id) && err.contains(&ours.id), "{err}");
    let (code, _, err) = check("replica.data_dir=not-there");
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("not prepared") && err.contains("stint init"), "{err}");
    // Without members it is one that joins, and founds nothing.
    let sets = [
        "replica.data_dir=not-there".to_owned(),
        "cluster.members=[]".to_owned(),
        "replica.advertise_client=replica-4.example.org:7400".to_owned(),
        "replica.advertise_peer=replica-4.example.org:7500".to_owned(),
    ];
    let sets: Vec<_> = sets.iter().flat_map(|set| ["--set", set.as_str()]).collect();
    let (code, _, err) = stint(&[&["config", "check", "--config", file], &sets[..]].concat(), &[]);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("stint cluster join") && !err.contains("stint init"), "{err}");
    let (code, _, err) = check("tls.peer_certificate=not-there.pem");
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("not-there.pem"), "{err}");
}
