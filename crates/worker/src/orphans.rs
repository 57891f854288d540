//! Finding and ending what runs without a guardian that would end it.
//!
//! Each run has a note on disk, written before its guardian may start anything and removed when
//! nothing of it is left. A note without a run is a leftover, of a former life of this worker or of
//! a run whose guardian was killed. What belongs to it is found by its cgroup, by its guardian
//! (descendants and session), by its process group, and by the mark that it carries in its
//! environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal};
use stint_core::{JobId, LeaseId};

use crate::cgroup::{self, Cgroups};
use crate::error::Error;
use crate::proc::{self, Mark, Stat};

/// The notes of one worker: a file for each run, named by its lease.
#[derive(Debug)]
pub(crate) struct Notes {
    dir: PathBuf,
    boot_id: String,
    pub(crate) cgroups: Cgroups,
}

/// What a note says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Note {
    mark: Mark,
    boot_id: String,
    guardian: Option<Identity>,
    /// The leader of its process group.
    leader: Option<Identity>,
}

/// One process of one boot: its number, and when it started.
type Identity = (i32, u64);

impl Notes {
    /// The notes in `data_dir`, which is created if it is not there.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, Error> {
        let dir = data_dir.join("runs");
        let cannot = |what, path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { what, path, source }
        };
        fs::create_dir_all(&dir).map_err(cannot("create the directory", &dir))?;
        let boot_id = proc::boot_id()
            .map_err(cannot("read", Path::new("/proc/sys/kernel/random/boot_id")))?;
        let key = cgroup::key(&dir).map_err(cannot("look at", &dir))?;
        Ok(Self { dir, boot_id, cgroups: Cgroups::prepare(&key) })
    }

    /// Notes that a process of this run is about to start.
    pub(crate) fn begin(&self, mark: Mark) -> io::Result<()> {
        let text = format!("job {}\nboot {}\n", mark.job, self.boot_id);
        fs::write(self.path(mark.lease), text)
    }

    /// Notes which process is the guardian of this run.
    pub(crate) fn guarded(&self, mark: Mark, pid: Pid) -> io::Result<()> {
        self.add(mark, "guardian", pid)
    }

    /// Notes which process has started.
    pub(crate) fn started(&self, mark: Mark, pid: Pid) -> io::Result<()> {
        self.add(mark, "leader", pid)
    }

    fn add(&self, mark: Mark, what: &str, pid: Pid) -> io::Result<()> {
        let Some(stat) = proc::stat(pid) else { return Ok(()) };
        let mut file = OpenOptions::new().append(true).open(self.path(mark.lease))?;
        file.write_all(format!("{what} {} {}\n", pid.as_raw_nonzero(), stat.started).as_bytes())
    }

    /// Notes that nothing of this run is left.
    pub(crate) fn end(&self, lease: LeaseId) {
        self.cgroups.remove(lease);
        if let Err(error) = fs::remove_file(self.path(lease))
            && error.kind() != io::ErrorKind::NotFound
        {
            // The note is looked at again when the worker starts, and finds nothing then.
            tracing::warn!(%lease, %error, "the note of a run cannot be removed");
        }
    }

    /// Kills whatever runs under any note or in any cgroup of a run, and says how many processes
    /// there still were. Once there are none, there are no notes any more.
    pub(crate) fn end_leftovers(&self) -> io::Result<usize> {
        let (notes, cut_off) = self.read()?;
        let others = self.cgroups.runs()?.into_iter().chain(cut_off);
        let leases = notes.keys().copied().chain(others).collect();
        self.end_all(&notes, &leases)
    }

    /// The same for these runs, which are over.
    pub(crate) fn end_runs(&self, marks: &BTreeSet<Mark>) -> io::Result<usize> {
        let leases: BTreeSet<_> = marks.iter().map(|mark| mark.lease).collect();
        let (mut notes, _) = self.read()?;
        notes.retain(|lease, _| leases.contains(lease));
        self.end_all(&notes, &leases)
    }

    fn end_all(
        &self,
        notes: &BTreeMap<LeaseId, Note>,
        leases: &BTreeSet<LeaseId>,
    ) -> io::Result<usize> {
        if leases.is_empty() {
            return Ok(0);
        }
        let in_cgroups: usize = leases.iter().map(|lease| self.cgroups.kill(*lease)).sum();
        let current: Vec<_> = notes.values().filter(|note| note.boot_id == self.boot_id).collect();
        let processes = proc::all()?;
        let strays = strays(&processes, &current);
        for stray in &strays {
            proc::signal(stray, Signal::KILL);
        }
        let mut alive = in_cgroups.max(strays.len());
        if alive == 0 {
            // Last of all, because it holds on to what descends from it.
            alive = guardians(&processes, &current)
                .filter(|guardian| proc::signal(guardian, Signal::KILL))
                .count();
        }
        if alive == 0 {
            for lease in leases {
                self.end(*lease);
            }
        }
        Ok(alive)
    }

    /// Whether something of this run may be left.
    pub(crate) fn has(&self, lease: LeaseId) -> bool {
        self.path(lease).exists()
    }

    fn path(&self, lease: LeaseId) -> PathBuf {
        self.dir.join(lease.to_string())
    }

    /// The notes, and those that are not whole: cut off while they were written, before a process
    /// would have started.
    fn read(&self) -> io::Result<(BTreeMap<LeaseId, Note>, Vec<LeaseId>)> {
        let (mut notes, mut cut_off) = (BTreeMap::new(), Vec::new());
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(lease) = name.to_str().and_then(|name| name.parse().ok()).map(LeaseId) else {
                continue;
            };
            let text = match fs::read_to_string(entry.path()) {
                // A run of this life that has just ended.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                text => text?,
            };
            match parse(lease, &text) {
                Some(note) => {
                    notes.insert(lease, note);
                }
                None => cut_off.push(lease),
            }
        }
        Ok((notes, cut_off))
    }
}

impl Drop for Notes {
    /// The worker works no more.
    fn drop(&mut self) {
        self.cgroups.close();
    }
}

/// The guardians of these runs that are there, dead ones too.
fn guardians<'a>(processes: &'a [Stat], notes: &[&Note]) -> impl Iterator<Item = &'a Stat> {
    let known: BTreeSet<_> = notes.iter().filter_map(|note| note.guardian).collect();
    processes.iter().filter(move |process| known.contains(&process.identity()))
}

/// What lives of these runs, but for their guardians.
///
/// While a group or a session has a member, the kernel gives its number to nobody; and a process
/// that started when the note says is the one that the note means. A group whose leader is gone is
/// left to the search for marks.
fn strays(processes: &[Stat], notes: &[&Note]) -> Vec<Stat> {
    let marks: BTreeSet<_> = notes.iter().map(|note| note.mark).collect();
    let leaders: BTreeSet<_> = notes.iter().filter_map(|note| note.leader).collect();
    let is_leader = |process: &&Stat| leaders.contains(&process.identity());
    let groups: BTreeSet<_> = processes.iter().filter(is_leader).map(Stat::number).collect();
    let guardians: Vec<_> = guardians(processes, notes).copied().collect();
    let sessions: BTreeSet<_> = guardians.iter().map(Stat::number).collect();
    let descendants: BTreeSet<_> = guardians
        .iter()
        .flat_map(|guardian| proc::descendants(processes, guardian.pid))
        .map(|process| process.number())
        .collect();
    let belongs = |process: &&Stat| {
        !process.is_zombie
            && !guardians.contains(process)
            && (groups.contains(&process.group)
                || sessions.contains(&process.session)
                || descendants.contains(&process.number())
                || proc::mark(process.pid).is_some_and(|mark| marks.contains(&mark)))
    };
    processes.iter().filter(belongs).copied().collect()
}

fn parse(lease: LeaseId, text: &str) -> Option<Note> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let identity = |name: &str| {
        let (pid, started) = field(name)?.split_once(' ')?;
        Some((pid.parse().ok()?, started.parse().ok()?))
    };
    let job: JobId = field("job ")?.parse().ok()?;
    Some(Note {
        mark: Mark { lease, job },
        boot_id: field("boot ")?.to_owned(),
        guardian: identity("guardian "),
        leader: identity("leader "),
    })
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
