//! Running the program under test to its end, as a person or a script does.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program under test.
pub(crate) const STINT: &str = env!("CARGO_BIN_EXE_stint-under-test");

/// What a run of the program gave.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `stint ARGS...` to its end, with this on its standard input.
pub(crate) fn stint_told(args: &[&str], told: &str) -> Run {
    use std::io::Write as _;
    let mut child = Command::new(STINT)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program under test starts");
    // It may have ended without reading it.
    drop(child.stdin.take().expect("a pipe").write_all(told.as_bytes()));
    run(&child.wait_with_output().expect("it ends"))
}

/// Runs `stint ARGS...` to its end.
pub(crate) fn stint(args: &[&str]) -> Run {
    stint_of(Path::new(STINT), args)
}

/// The same of another build.
pub(crate) fn stint_of(program: &Path, args: &[&str]) -> Run {
    let output = Command::new(program)
        .args(args)
        .env_remove("STINT_ADDRESS")
        .env_remove("STINT_CA")
        .env_remove("STINT_TOKEN")
        .stdin(Stdio::null())
        .output()
        .expect("the program under test starts");
    run(&output)
}

fn run(output: &Output) -> Run {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Run { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}
