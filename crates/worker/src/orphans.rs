//! Finding and ending what a former life of this worker left running.
//!
//! Each run has a note on disk, written before its process starts and removed when nothing of it
//! is left. A note without a run is a leftover: its process group is killed, and so is whatever
//! carries its mark in its environment, wherever it has forked to. A process that has both left
//! its group and cleared its environment is not found.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process_group};
use stint_core::{JobId, LeaseId};

use crate::error::Error;
use crate::proc::{self, Mark, Stat};

/// The notes of one worker: a file for each run, named by its lease.
#[derive(Debug)]
pub(crate) struct Notes {
    dir: PathBuf,
    boot_id: String,
}

/// What a note says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Note {
    mark: Mark,
    boot_id: String,
    /// The leader of its process group, and when it started.
    leader: Option<(Pid, u64)>,
}

impl Notes {
    /// The notes in `data_dir`, which is created if it is not there.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, Error> {
        let dir = data_dir.join("runs");
        fs::create_dir_all(&dir).map_err(|source| {
            let path = dir.clone();
            Error::Io { what: "create the directory", path, source }
        })?;
        let boot_id = proc::boot_id().map_err(|source| {
            let path = PathBuf::from("/proc/sys/kernel/random/boot_id");
            Error::Io { what: "read", path, source }
        })?;
        Ok(Self { dir, boot_id })
    }

    /// Notes that a process of this run is about to start.
    pub(crate) fn begin(&self, mark: Mark) -> io::Result<()> {
        let text = format!("job {}\nboot {}\n", mark.job, self.boot_id);
        fs::write(self.path(mark.lease), text)
    }

    /// Notes which process has started.
    pub(crate) fn started(&self, mark: Mark, pid: Pid) -> io::Result<()> {
        let Some(stat) = proc::stat(pid) else { return Ok(()) };
        let mut file = OpenOptions::new().append(true).open(self.path(mark.lease))?;
        writeln!(file, "leader {} {}", pid.as_raw_nonzero(), stat.started)
    }

    /// Notes that nothing of this run is left.
    pub(crate) fn end(&self, lease: LeaseId) {
        if let Err(error) = fs::remove_file(self.path(lease))
            && error.kind() != io::ErrorKind::NotFound
        {
            // The note is looked at again when the worker starts, and finds nothing then.
            tracing::warn!(%lease, %error, "the note of a run cannot be removed");
        }
    }

    /// Kills whatever runs under any note, and says how many processes there still were. Once
    /// there are none, there are no notes any more.
    pub(crate) fn end_leftovers(&self) -> io::Result<usize> {
        let notes = self.read()?;
        if notes.is_empty() {
            return Ok(0);
        }
        let processes = proc::all()?;
        let current = notes.values().filter(|note| note.boot_id == self.boot_id);
        let leaders: Vec<_> = current.clone().filter_map(|note| note.leader).collect();
        let marks = current.map(|note| note.mark).collect();
        let alive = kill_groups(&processes, &leaders) + proc::kill_marked(&processes, &marks);
        if alive == 0 {
            for lease in notes.keys() {
                self.end(*lease);
            }
        }
        Ok(alive)
    }

    fn path(&self, lease: LeaseId) -> PathBuf {
        self.dir.join(lease.to_string())
    }

    fn read(&self) -> io::Result<BTreeMap<LeaseId, Note>> {
        let mut notes = BTreeMap::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(lease) = name.to_str().and_then(|name| name.parse().ok()).map(LeaseId) else {
                continue;
            };
            match parse(lease, &fs::read_to_string(entry.path())?) {
                Some(note) => {
                    notes.insert(lease, note);
                }
                // Cut off while it was written, before the process would have started.
                None => self.end(lease),
            }
        }
        Ok(notes)
    }
}

/// Kills the process groups of these leaders, and says how many processes they had.
///
/// While a group has a member, the kernel gives its number to nobody; and a leader that started
/// when the note says is the one that the note means. A group whose leader is gone is left to the
/// search for marks.
fn kill_groups(processes: &[Stat], leaders: &[(Pid, u64)]) -> usize {
    let mut alive = 0;
    for (pid, started) in leaders {
        let is_ours = |process: &&Stat| process.pid == *pid && process.started == *started;
        if processes.iter().find(is_ours).is_none() {
            continue;
        }
        let group = pid.as_raw_nonzero().get();
        let members = processes.iter().filter(|process| process.group == group);
        let count = members.filter(|process| !process.is_zombie).count();
        if count > 0 && kill_process_group(*pid, Signal::KILL).is_ok() {
            alive += count;
        }
    }
    alive
}

/// Kills what carries these marks, and says how many processes there were.
pub(crate) fn kill_marked(marks: &BTreeSet<Mark>) -> io::Result<usize> {
    Ok(proc::kill_marked(&proc::all()?, marks))
}

fn parse(lease: LeaseId, text: &str) -> Option<Note> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let job: JobId = field("job ")?.parse().ok()?;
    let leader = field("leader ").and_then(|rest| {
        let (pid, started) = rest.split_once(' ')?;
        Some((Pid::from_raw(pid.parse().ok()?)?, started.parse().ok()?))
    });
    Some(Note { mark: Mark { lease, job }, boot_id: field("boot ")?.to_owned(), leader })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    use super::*;

    const JOB: JobId = JobId::from_bytes([9; 16]);

    fn mark(lease: u64) -> Mark {
        Mark { lease: LeaseId(lease), job: JOB }
    }

    fn pid_of(child: &Child) -> Pid {
        Pid::from_child(child)
    }

    fn end_all(notes: &Notes) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while notes.end_leftovers().unwrap() > 0 {
            assert!(std::time::Instant::now() < deadline, "leftovers do not end");
            std::thread::yield_now();
        }
    }

    fn count_of(notes: &Notes) -> usize {
        fs::read_dir(&notes.dir).unwrap().count()
    }

    #[test]
    fn the_group_of_a_note_is_ended_with_all_its_members() {
        let dir = tempfile::tempdir().unwrap();
        let notes = Notes::open(dir.path()).unwrap();
        notes.begin(mark(1)).unwrap();
        // Neither of the two carries the mark: only their group tells that they are ours.
        let mut leader =
            Command::new("sh").args(["-c", "sleep 600 & wait"]).process_group(0).spawn().unwrap();
        notes.started(mark(1), pid_of(&leader)).unwrap();
        end_all(&notes);
        assert_eq!(leader.wait().unwrap().code(), None);
        let group = pid_of(&leader).as_raw_nonzero().get();
        let alive = proc::all().unwrap().into_iter().filter(|p| p.group == group && !p.is_zombie);
        assert_eq!(alive.count(), 0);
        assert_eq!(count_of(&notes), 0);
    }

    #[test]
    fn what_left_its_group_is_found_by_its_mark() {
        let dir = tempfile::tempdir().unwrap();
        let notes = Notes::open(dir.path()).unwrap();
        notes.begin(mark(71)).unwrap();
        let file = dir.path().join("pid");
        let script = format!(
            "setsid sh -c 'echo $$ > {0}.new; mv {0}.new {0}; exec sleep 600' &",
            file.display()
        );
        let mut leader = Command::new("sh")
            .args(["-c", &script])
            .env("STINT_LEASE", "71")
            .env("STINT_JOB_ID", JOB.to_string())
            .process_group(0)
            .spawn()
            .unwrap();
        leader.wait().unwrap();
        while !file.exists() {
            std::thread::yield_now();
        }
        let escaped: i32 = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        end_all(&notes);
        let left = proc::stat(Pid::from_raw(escaped).unwrap()).filter(|stat| !stat.is_zombie);
        assert_eq!(left, None);
    }

    #[test]
    fn a_process_that_has_got_the_number_since_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let notes = Notes::open(dir.path()).unwrap();
        let mut other = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let pid = pid_of(&other).as_raw_nonzero();
        let started = proc::stat(pid_of(&other)).unwrap().started;
        for (lease, boot_id, started) in
            [(1, notes.boot_id.as_str(), started - 1), (2, "an earlier boot", started)]
        {
            let text = format!("job {JOB}\nboot {boot_id}\nleader {pid} {started}\n");
            fs::write(notes.path(LeaseId(lease)), text).unwrap();
        }
        assert_eq!(notes.end_leftovers().unwrap(), 0);
        assert_eq!(other.try_wait().unwrap(), None);
        assert_eq!(count_of(&notes), 0);
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn a_note_that_was_cut_off_is_no_run() {
        let dir = tempfile::tempdir().unwrap();
        let notes = Notes::open(dir.path()).unwrap();
        fs::write(notes.path(LeaseId(5)), "job 0909").unwrap();
        assert_eq!(notes.end_leftovers().unwrap(), 0);
        assert_eq!(count_of(&notes), 0);
    }
}
