//! The script that shows how a cluster of configured replicas is made.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::harness::program::{STINT, stint};
use crate::harness::wait_for;

/// Ports that no other test has: each cluster of the harness has addresses of its own.
const PORT: u16 = 28_310;

fn start(dir: &Path) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/local/three-replicas.sh");
    Command::new(script)
        .arg(dir)
        .env("STINT", STINT)
        .env("PORT", PORT.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the script starts")
}

/// Waits until it says that the cluster runs.
fn wait_until_it_runs(script: &mut Child) {
    let out = script.stdout.take().expect("a pipe");
    let mut lines = BufReader::new(out).lines().map(|line| line.expect("a line"));
    assert!(lines.any(|line| line.starts_with("It runs.")), "the cluster did not start");
}

fn stop(mut script: Child) {
    let pid = Pid::from_child(&script);
    kill_process(pid, Signal::TERM).expect("a signal can be sent");
    assert!(script.wait().expect("an end").success(), "the script ends as it was asked to");
}

#[test]
fn the_script_makes_a_cluster_of_three_that_goes_on_when_it_is_run_again() {
    let dir = TempDir::new().expect("a directory");
    let addresses: Vec<_> = (0..3).map(|i| format!("127.0.0.1:{}", PORT + i)).collect();
    let addresses = addresses.join(",");
    let token = dir.path().join("admin.token");
    let call = |args: &[&str]| {
        let token = token.to_str().expect("a path");
        stint(&[&["--address", &addresses, "--token-file", token], args].concat())
    };
    let mut script = start(dir.path());
    wait_until_it_runs(&mut script);
    let run = call(&["job", "submit", "hello", "-p", "name=world"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let id = run.out.trim().to_owned();
    assert_eq!(call(&["job", "wait", &id]).code, Some(0));
    stop(script);
    let run = call(&["--timeout", "1s", "job", "list"]);
    assert_eq!(run.code, Some(6), "a replica still runs: {run:?}");

    let mut script = start(dir.path());
    wait_until_it_runs(&mut script);
    let logs = wait_for("the output to be there", || {
        let run = call(&["job", "logs", &id]);
        if run.code == Some(0) { Ok(run.out) } else { Err(run) }
    });
    assert!(logs.contains("hello, world"), "{logs}");
    stop(script);
    assert!(
        fs::read_to_string(dir.path().join("00000000000a.log")).expect("a log").contains("stopped")
    );
}
