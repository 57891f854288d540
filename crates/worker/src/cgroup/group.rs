//! The cgroup of one run: a directory in each of some hierarchies.

use std::fs;
use std::io;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};

/// The cgroup of one run, and what its guardian does with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// Where its guardian is.
    pub(crate) homes: Vec<PathBuf>,
    /// Where its processes are.
    pub(crate) members: Vec<Member>,
    /// What its files are to say.
    pub(crate) settings: Vec<(PathBuf, String)>,
}

/// The directory of one run in one hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) dir: PathBuf,
    /// It is of version 2.
    pub(crate) is_unified: bool,
}

impl Group {
    pub(super) fn add(&mut self, member: Member) {
        if !self.members.contains(&member) {
            self.members.push(member);
        }
    }

    pub(super) fn limit_memory(&mut self, member: Member, bytes: u64) {
        let mut set = |file: &str, value: &str| {
            self.settings.push((member.dir.join(file), value.to_owned()));
        };
        let bytes = bytes.to_string();
        if member.is_unified {
            set("memory.max", &bytes);
            set("memory.swap.max", "0");
            // A run of which one process is gone is no run: all of it goes.
            set("memory.oom.group", "1");
        } else {
            set("memory.limit_in_bytes", &bytes);
            set("memory.memsw.limit_in_bytes", &bytes);
        }
        self.add(member);
    }

    pub(super) fn limit_pids(&mut self, member: Member, count: u64) {
        self.settings.push((member.dir.join("pids.max"), count.to_string()));
        self.add(member);
    }

    /// Makes it, and moves this process to where guardians are.
    pub(crate) fn create(&self) -> io::Result<()> {
        for home in &self.homes {
            // Somebody may have tidied up.
            fs::create_dir_all(home)?;
            fs::write(home.join("cgroup.procs"), "0")?;
        }
        for member in &self.members {
            fs::create_dir_all(&member.dir)?;
        }
        for (file, value) in &self.settings {
            // A kernel that does not count swap has no limit for it.
            if file.exists() {
                fs::write(file, value)?;
            }
        }
        Ok(())
    }

    /// Moves this process into it.
    pub(crate) fn join(&self) -> io::Result<()> {
        self.members.iter().try_for_each(|member| fs::write(member.dir.join("cgroup.procs"), "0"))
    }

    /// Kills all that is in it, as far as its hierarchies can.
    pub(crate) fn kill(&self) {
        let unified = self.members.iter().find(|member| member.is_unified);
        // That some of these files are not there is what other kernels are like.
        let is_killed =
            unified.is_some_and(|member| fs::write(member.dir.join("cgroup.kill"), "1").is_ok());
        for member in &self.members {
            let freezing = if member.is_unified {
                (member.dir.join("cgroup.freeze"), "1", "0")
            } else {
                (member.dir.join("freezer.state"), "FROZEN", "THAWED")
            };
            let (file, frozen, thawed) = freezing;
            if !is_killed && file.exists() {
                // What is frozen does not fork while the others are killed.
                fs::write(&file, frozen).ok();
                for pid in member.pids() {
                    kill_process(pid, Signal::KILL).ok();
                }
            }
            if !(is_killed && member.is_unified) {
                // In version 1 what is frozen does not die.
                fs::write(&file, thawed).ok();
            }
        }
    }

    /// How many processes are in it.
    pub(crate) fn processes(&self) -> usize {
        self.members.iter().map(|member| member.pids().len()).max().unwrap_or_default()
    }

    /// Removes it, and says whether it is no more.
    pub(crate) fn remove(&self) -> bool {
        let is_removed =
            |member: &Member| fs::remove_dir(&member.dir).is_ok() || !member.dir.exists();
        self.members.iter().filter(|member| !is_removed(member)).count() == 0
    }
}

impl Member {
    fn pids(&self) -> Vec<Pid> {
        let text = fs::read_to_string(self.dir.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)).collect()
    }
}
