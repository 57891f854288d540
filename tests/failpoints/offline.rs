//! Places in programs that run once: each stops, fails and crashes there, and can be run again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::{Cluster, Options};

use super::failing;
use super::places::OF_JOIN;

/// Has `stint restore` come by the place.
pub(super) fn restore(cluster: &Cluster, backup: &Path, place: &str) {
    let dir = cluster.dir().join(place.replace(':', "-"));
    fs::create_dir(&dir).expect("a directory");
    let (config, data) = (dir.join("stint.toml"), dir.join("data"));
    let founder = &cluster.replicas[0];
    let text = fs::read_to_string(&founder.config).expect("a configuration");
    let text = text.replace(text_of(&founder.data_dir), text_of(&data));
    let text = text.replace("000102030405060708090a0b0c0d0e0f", &"f0".repeat(16));
    fs::write(&config, text).expect("a file");
    let args = ["restore", "--config", text_of(&config), text_of(backup)];
    for action in ["pause", "error", "crash"] {
        reach(place, action, &args);
        if action != "pause" {
            assert!(!data.join("format.toml").exists(), "{place}: half a directory looks whole");
            fs::remove_dir_all(&data).expect("what was begun");
            let (code, said) = run("", &args);
            assert_eq!(code, Some(0), "{place} again after {action}: {said}");
        }
        assert!(data.join("format.toml").exists(), "{place}: nothing was made");
        fs::remove_dir_all(&data).expect("what was made");
    }
}

/// Has `stint cluster join` come by its place. It may be repeated, with the same invitation.
pub(super) fn join(cluster: &mut Cluster, options: &Options) {
    for (number, action) in (4..).zip(["pause", "error", "crash"]) {
        let new = cluster.newcomer(number, options);
        let invitation = cluster.invite(0, "5m");
        let config: PathBuf = cluster.replicas[new].config.clone();
        let args = ["cluster", "join", "--config", text_of(&config), "--invitation", &invitation];
        reach(OF_JOIN, action, &args);
        if action != "pause" {
            let (code, said) = run("", &args);
            assert_eq!(code, Some(0), "joining again after {action}: {said}");
        }
        let answer = cluster.remove(0, new);
        assert_eq!(answer.status, 204, "{answer:?}");
    }
}

/// Has this happen at the place, which has to be on the way.
fn reach(place: &str, action: &str, args: &[&str]) {
    let (code, said) = run(&format!("{place}=1*return({action})"), args);
    let is_hit = said.contains(&format!("failpoint {place}: {action}"));
    assert!(is_hit, "{place} was not reached with {action}: {said}");
    match action {
        "pause" => assert_eq!(code, Some(0), "{place}: {said}"),
        "error" => {
            assert!(code.is_some_and(|code| code != 0), "{place}: {code:?} {said}");
            assert!(said.matches("failpoint").count() > 1, "{place}: it says why: {said}");
        }
        _ => assert_eq!(code, None, "{place}: {said}"),
    }
}

/// Runs the program, and gives its exit code and what it said on standard error.
fn run(failpoints: &str, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(failing())
        .args(args)
        .env("FAILPOINTS", failpoints)
        .stdin(Stdio::null())
        .output()
        .expect("the failing program starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn text_of(path: &Path) -> &str {
    path.to_str().expect("a name in UTF-8")
}
