//! What `/proc` says of processes that are not our children.

use std::collections::BTreeSet;
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
    /// Its process group.
    pub(crate) group: i32,
    /// When it started, in the kernel's ticks since boot: with the pid, its identity in this boot.
    pub(crate) started: u64,
    /// It has ended, and only its parent has not looked yet.
    pub(crate) is_zombie: bool,
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

/// Sends SIGKILL to every process that carries one of `marks`, and says how many there were.
pub(crate) fn kill_marked(processes: &[Stat], marks: &BTreeSet<Mark>) -> usize {
    let carries = |pid| mark(pid).is_some_and(|mark| marks.contains(&mark));
    let living = processes.iter().filter(|process| !process.is_zombie);
    living
        .filter(|process| carries(process.pid))
        .filter(|process| {
            // The descriptor holds on to one process: what is looked at again is what is killed,
            // even if the number has been given to another one meanwhile.
            let Ok(held) = pidfd_open(process.pid, PidfdFlags::empty()) else { return false };
            carries(process.pid) && pidfd_send_signal(&held, Signal::KILL).is_ok()
        })
        .count()
}

fn mark(pid: Pid) -> Option<Mark> {
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
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
        is_zombie: matches!(*fields.first()?, "Z" | "X"),
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_name_with_parentheses_is_no_trouble() {
        let pid = Pid::from_raw(7).unwrap();
        let text = "7 (a) R) Z 1 5 5 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        let expected = Stat { pid, group: 5, started: 4711, is_zombie: true };
        assert_eq!(parse_stat(pid, text), Some(expected));
        assert_eq!(parse_stat(pid, "7 (a"), None);
    }

    #[test]
    fn only_processes_with_the_very_mark_are_killed() {
        let ours = JobId::from_bytes([1; 16]);
        let start = |lease: &str, job: JobId| {
            Command::new("sleep")
                .arg("600")
                .env("STINT_LEASE", lease)
                .env("STINT_JOB_ID", job.to_string())
                .spawn()
                .unwrap()
        };
        let mut leftover = start("31", ours);
        let mut others = [start("32", ours), start("31", JobId::from_bytes([2; 16]))];
        let marks = BTreeSet::from([Mark { lease: LeaseId(31), job: ours }]);
        // A child has our own environment until it has become another program.
        while kill_marked(&all().unwrap(), &marks) == 0 {
            std::thread::yield_now();
        }
        assert_eq!(leftover.wait().unwrap().code(), None);
        assert_eq!(kill_marked(&all().unwrap(), &marks), 0);
        for other in &mut others {
            assert_eq!(other.try_wait().unwrap(), None, "another run's process was killed");
            other.kill().unwrap();
            other.wait().unwrap();
        }
    }
}
