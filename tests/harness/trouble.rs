//! What can be done to a replica beside killing it: a wrong clock, by libfaketime, and a cut
//! network, by iptables. A replica runs in a group of its own, by which its packets are known.

use std::cell::Cell;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The group of the first replica; nobody has it.
const FIRST_GROUP: u32 = 61_000;

#[derive(Debug)]
pub(crate) struct Trouble {
    group: u32,
    host: String,
    clock: PathBuf,
    is_cut: Cell<bool>,
}

impl Trouble {
    pub(crate) fn new(number: usize, host: &str, base: &Path) -> Self {
        let cluster = std::process::id() % 400 * 10;
        let number = u32::try_from(number).expect("few replicas");
        let trouble = Self {
            group: FIRST_GROUP + cluster + number,
            host: host.to_owned(),
            clock: base.with_extension("clock"),
            is_cut: Cell::new(false),
        };
        trouble.set_clock("+0s");
        trouble
    }

    /// Has the replica believe its file, which it reads anew each second, and gives it its group.
    pub(crate) fn prepare(&self, command: &mut Command) {
        command
            .gid(self.group)
            .env("LD_PRELOAD", library())
            .env("FAKETIME_TIMESTAMP_FILE", &self.clock)
            .env("FAKETIME_CACHE_DURATION", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
    }

    pub(crate) fn set_clock(&self, off_by: &str) {
        // Renamed, so that nobody reads half of it.
        let new = self.clock.with_extension("new");
        fs::write(&new, format!("{off_by}\n")).expect("a file");
        fs::rename(new, &self.clock).expect("a file");
    }

    /// Whatever it sends and whatever is sent to it is lost.
    pub(crate) fn cut(&self) {
        self.is_cut.set(true);
        self.rules("-I");
    }

    pub(crate) fn heal(&self) {
        if self.is_cut.replace(false) {
            self.rules("-D");
        }
    }

    fn rules(&self, what: &str) {
        let group = self.group.to_string();
        let sent = ["-m", "owner", "--gid-owner", &group, "-d", "127.0.0.0/8"];
        let received = ["-d", &self.host];
        for rule in [&sent[..], &received] {
            let mut command = Command::new("iptables");
            command.args(["-w", what, "OUTPUT", "-p", "tcp"]).args(rule).args(["-j", "DROP"]);
            let output = command.output().expect("iptables, of the package of this name");
            assert!(output.status.success(), "{command:?}: {output:?}");
        }
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        self.heal();
    }
}

/// Of the package libfaketime.
fn library() -> PathBuf {
    let places = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let files = places.map(|place| place.path().join("faketime/libfaketimeMT.so.1"));
    files.filter(|file| file.exists()).next().expect("libfaketime, of the package of this name")
}
