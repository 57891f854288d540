//! What a test wants of which place: by the variable `FAILPOINTS` from the start on, and by a file
//! that is read again whenever it changes.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;
use std::{env, fs, io, process, thread};

use crate::Injected;

/// Names the file with what is wanted: a line `PLACE=ACTION` for each place, in the words of the crate
/// `fail`; its `return` says `crash`, `error` or `pause`.
const FILE: &str = "STINT_FAILPOINTS_FILE";

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// How long a pause is: longer than most things take, shorter than what anybody gives up after.
const PAUSE: Duration = Duration::from_millis(800);

/// A replica comes by this place. Says so on its standard error if it was waited for.
///
/// # Errors
/// What a test wants it to fail with.
pub fn reached(place: &'static str) -> Result<(), Injected> {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(begin);
    let Some(wanted) = wanted(place) else { return Ok(()) };
    // Whoever waits for this line looks for nothing else; that it cannot be written is its failure.
    writeln!(io::stderr(), "failpoint {place}: {wanted}").ok();
    match wanted.as_str() {
        "crash" => process::abort(),
        "pause" => {
            thread::sleep(PAUSE);
            Ok(())
        }
        _ => Err(Injected { place }),
    }
}

fn wanted(place: &str) -> Option<String> {
    fail::fail_point!(place, |said: Option<String>| said);
    None
}

fn begin() {
    // It ends with the process.
    std::mem::forget(fail::FailScenario::setup());
    let Some(path) = env::var_os(FILE).map(PathBuf::from) else { return };
    let mut known = String::new();
    take_up(&path, &mut known);
    let follow = move || {
        loop {
            thread::sleep(LOOK);
            take_up(&path, &mut known);
        }
    };
    let thread = thread::Builder::new().name("failpoints".into()).spawn(follow);
    thread.expect("a build for tests needs a thread");
}

/// Takes up what the file says, if that is not known yet.
fn take_up(path: &PathBuf, known: &mut String) {
    let said = fs::read_to_string(path).unwrap_or_default();
    if said == *known {
        return;
    }
    for (place, _) in known.lines().filter_map(|line| line.split_once('=')) {
        fail::remove(place);
    }
    for (place, action) in said.lines().filter_map(|line| line.split_once('=')) {
        if let Err(error) = fail::cfg(place, action) {
            writeln!(io::stderr(), "failpoint {place}={action} means nothing: {error}").ok();
        }
    }
    *known = said;
}
