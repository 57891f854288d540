//! What `/proc` says of processes that are not our children.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use stint_core::{JobId, LeaseId};

/// What the processes of one run carry in their environment, whatever they forked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) lease: LeaseId,
    pub(crate) job: JobId,
}

/// One process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) pid: Pid,
    /// Its parent, by number.
    pub(crate) parent: i32,
    /// Its process group.
    pub(crate) group: i32,
    /// Its session.
    pub(crate) session: i32,
    /// When it started, in the kernel's ticks since boot: with the pid, its identity in this boot.
    pub(crate) started: u64,
    /// It has ended, and only its parent has not looked yet.
    pub(crate) is_zombie: bool,
    /// It has been stopped.
    pub(crate) is_stopped: bool,
}

impl Stat {
    pub(crate) fn number(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// What no other process of this boot is.
    pub(crate) fn identity(&self) -> (i32, u64) {
        (self.number(), self.started)
    }
}

/// The name of this run of the kernel.
pub(crate) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// All processes that we can see.
pub(crate) fn all() -> io::Result<Vec<Stat>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        // A process that ends while we look is no failure.
        found.extend(pid.and_then(stat));
    }
    Ok(found)
}

/// One process, if there is such a one.
pub(crate) fn stat(pid: Pid) -> Option<Stat> {
    let text = fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    parse_stat(pid, &String::from_utf8_lossy(&text))
}

/// The processes that descend from `ancestor`, zombies included.
pub(crate) fn descendants(processes: &[Stat], ancestor: Pid) -> Vec<Stat> {
    let mut children: BTreeMap<i32, Vec<&Stat>> = BTreeMap::new();
    for process in processes {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut waiting = vec![ancestor.as_raw_nonzero().get()];
    while let Some(parent) = waiting.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            waiting.push(child.number());
            found.push(*child);
        }
    }
    found
}

/// Sends a signal to that very process, and says whether it has got it. If its number has been
/// given to another one meanwhile, that one is left alone.
pub(crate) fn signal(process: &Stat, signal: Signal) -> bool {
    // The descriptor holds on to one process: what is looked at again is what is signalled.
    let Ok(held) = pidfd_open(process.pid, PidfdFlags::empty()) else { return false };
    stat(process.pid).is_some_and(|now| now.identity() == process.identity() && !now.is_zombie)
        && pidfd_send_signal(&held, signal).is_ok()
}

/// What a process carries. It is the same process for as long as it started when `process` did.
pub(crate) fn mark(pid: Pid) -> Option<Mark> {
    let environment = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).ok()?;
    let value = |name: &str| {
        let mut variables = environment.split(|byte| *byte == 0);
        variables.find_map(|variable| str::from_utf8(variable.strip_prefix(name.as_bytes())?).ok())
    };
    let lease = LeaseId(value("STINT_LEASE=")?.parse().ok()?);
    Some(Mark { lease, job: value("STINT_JOB_ID=")?.parse().ok()? })
}

/// Reads the fields behind the name, which may itself hold spaces and parentheses.
fn parse_stat(pid: Pid, text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<_> = fields.split_ascii_whitespace().collect();
    Some(Stat {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
        is_zombie: matches!(*fields.first()?, "Z" | "X"),
        is_stopped: matches!(*fields.first()?, "T" | "t"),
    })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::Command;

    use super::*;

    #[test]
    fn a_name_with_parentheses_is_no_trouble() {
        let pid = Pid::from_raw(7).unwrap();
        let text = "7 (a) R) Z 1 5 6 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        let expected = Stat {
            pid,
            parent: 1,
            group: 5,
            session: 6,
            started: 4711,
            is_zombie: true,
            is_stopped: false,
        };
        assert_eq!(parse_stat(pid, text), Some(expected));
        assert_eq!(parse_stat(pid, "7 (a"), None);
    }

    #[test]
    fn descendants_are_found_through_those_between() {
        let script = "sh -c 'sleep 600 & echo $!; wait'";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let grandchild = Pid::from_raw(line.trim().parse().unwrap()).unwrap();
        let me = rustix::process::getpid();
        let found = descendants(&all().unwrap(), me);
        let sleeper = *found.iter().find(|process| process.pid == grandchild).unwrap();
        let another = Stat { started: sleeper.started - 1, ..sleeper };
        assert!(!signal(&another, Signal::KILL), "another process with its number was signalled");
        assert!(signal(&sleeper, Signal::KILL));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
