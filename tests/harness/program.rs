//! Running the program under test to its end, as a person or a script does.

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

/// Runs `stint ARGS...` to its end.
pub(crate) fn stint(args: &[&str]) -> Run {
    let output = Command::new(STINT)
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
