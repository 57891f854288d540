//! Starting the child, reading what it acknowledges, ending it.

use std::{
    env,
    io::{BufRead as _, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use stint_storage::Identity;

/// Set for the child only: what it does, and where.
pub(crate) const TASK: &str = "STINT_STORAGE_CHILD_TASK";
pub(crate) const DIR: &str = "STINT_STORAGE_CHILD_DIR";
pub(crate) const SEED: &str = "STINT_STORAGE_CHILD_SEED";

/// More rounds than usual, to look for what is rare.
const ROUNDS: &str = "STINT_STORAGE_CRASH_ROUNDS";

pub(crate) fn rounds(usual: u64) -> u64 {
    env::var(ROUNDS).map_or(usual, |rounds| rounds.parse().unwrap())
}

/// What a life has to come to before its end may come, if it is one of every fifth: how far the
/// others get depends on the machine, and output has to be swept and the state's file written anew.
pub(crate) fn wanted(round: u64) -> &'static str {
    match round % 5 {
        1 => "shrunk",
        3 => "swept",
        _ => "",
    }
}

pub(crate) const IDENTITY: Identity = Identity { replica: 0x0123_4567_89ab, cluster: [7; 16] };

/// Seeded dice (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % bound
    }
}

/// Bytes that tell from what they were made.
pub(crate) fn content(of: u64, len_max: u64) -> Vec<u8> {
    let mut dice = Dice::new(of);
    let len = dice.below(len_max);
    let mut bytes = of.to_le_bytes().to_vec();
    bytes.extend((0..len).map(|_| dice.below(256).to_le_bytes()[0]));
    bytes
}

/// This test binary again, as the process that dies.
pub(crate) struct Victim {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Victim {
    pub(crate) fn start(task: &str, dir: &Path, seed: u64) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["--exact", "child::the_process_that_dies", "--ignored", "--nocapture"])
            .env(TASK, task)
            .env(DIR, dir)
            .env(SEED, seed.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next acknowledgements, `count` of them unless the child ends before.
    pub(crate) fn acknowledged(&mut self, count: u64) -> Vec<String> {
        let mut found = Vec::new();
        for line in self.lines.by_ref() {
            found.extend(line.unwrap().strip_prefix("ack ").map(str::to_owned));
            if u64::try_from(found.len()).unwrap() >= count {
                break;
            }
        }
        found
    }

    /// The next acknowledgements: at least `count`, and on until `wanted` has been among them.
    pub(crate) fn acknowledged_until(&mut self, wanted: &str, count: u64) -> Vec<String> {
        let mut found = self.acknowledged(count);
        while !found.iter().any(|line| line.starts_with(wanted)) {
            let more = self.acknowledged(1);
            assert!(!more.is_empty(), "the child has ended before it said {wanted}");
            found.extend(more);
        }
        found
    }

    /// Stops it after `delay`: what is under way in the kernel goes on there, and nothing else.
    pub(crate) fn stop_after(&self, delay: Duration) {
        pass(delay);
        let pid = Pid::from_child(&self.process);
        kill_process(pid, Signal::STOP).unwrap();
    }

    /// Kills it after `delay`, and reads what it acknowledged up to the end.
    pub(crate) fn kill_after(mut self, delay: Duration) -> Vec<String> {
        pass(delay);
        self.process.kill().unwrap();
        let rest = self.acknowledged(u64::MAX);
        let output = self.process.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code().is_none(), "the child ended by itself: {errors}");
        rest
    }

    /// Ends it whatever it does, on a file system that has failed under it.
    pub(crate) fn bury(mut self) -> Vec<String> {
        let _ended_already = self.process.kill();
        let rest = self.acknowledged(u64::MAX);
        self.process.wait().unwrap();
        rest
    }
}

/// The instant of death is what varies from round to round; nothing is awaited here.
fn pass(delay: Duration) {
    let start = Instant::now();
    while start.elapsed() < delay {
        std::hint::spin_loop();
    }
}
