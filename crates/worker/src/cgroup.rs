//! Control groups, where the machine lets the worker have any: runs are killed as a whole by them,
//! and limited as a whole.
//!
//! A worker has one directory in each hierarchy that it uses, below the cgroup that it was started
//! in: `guardians` in it holds its guardians, and a directory named by its lease each run. So what
//! freezes the worker freezes neither. Where the worker's own cgroup was delegated to it, it moves
//! itself to `replica` in that directory: version 2 gives controllers only to cgroups whose parent
//! holds no process. Without the permission for any of this there are no cgroups, and what depends
//! on them is done as well as it can be without.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use stint_core::LeaseId;

use crate::confinement::Confinement;

mod group;
mod mounts;

pub(crate) use group::{Group, Member};
use mounts::Mounts;

/// The cgroups of one worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cgroups {
    /// Every run is in a directory of each of these, and can be killed by the first.
    all: Vec<Tree>,
    /// Where memory can be limited.
    memory: Option<Tree>,
    /// Where the number of processes can.
    pids: Option<Tree>,
}

/// The directory of one worker in one hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tree {
    dir: PathBuf,
    is_unified: bool,
}

/// What no cgroup limits, and what is done instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lacking {
    pub(crate) memory: bool,
    pub(crate) pids: bool,
}

impl Cgroups {
    /// Makes the directories of the worker with this `key`, wherever it may.
    pub(crate) fn prepare(key: &str) -> Self {
        let mounts = match Mounts::read() {
            Ok(mounts) => mounts,
            Err(error) => {
                tracing::warn!(%error, "it cannot be told which cgroups there are; none is used");
                return Self::default();
            }
        };
        let unified = mounts.unified().and_then(|own| Tree::prepare(&own, key, true));
        let freezer = mounts.controller("freezer").and_then(|own| Tree::prepare(&own, key, false));
        let limits = |controller: &str| {
            let in_unified = unified.clone().filter(|tree| tree.has(controller));
            in_unified.or_else(|| {
                mounts.controller(controller).and_then(|own| Tree::prepare(&own, key, false))
            })
        };
        let (memory, pids) = (limits("memory"), limits("pids"));
        let cgroups = Self { all: unified.into_iter().chain(freezer).collect(), memory, pids };
        tracing::debug!(?cgroups, "cgroups");
        cgroups
    }

    /// What the limits of `confinement` have to do without.
    pub(crate) fn lacking(&self, confinement: &Confinement) -> Lacking {
        Lacking {
            memory: confinement.memory_bytes.is_some() && self.memory.is_none(),
            pids: confinement.pids.is_some() && self.pids.is_none(),
        }
    }

    /// The cgroup of one run. It is its guardian that makes it.
    pub(crate) fn group(&self, lease: LeaseId, confinement: &Confinement) -> Group {
        let mut group = Group::default();
        for tree in &self.all {
            group.homes.push(tree.guardians());
            group.add(tree.run(lease));
        }
        if let (Some(tree), Some(bytes)) = (&self.memory, confinement.memory_bytes) {
            group.limit_memory(tree.run(lease), bytes);
        }
        if let (Some(tree), Some(count)) = (&self.pids, confinement.pids) {
            group.limit_pids(tree.run(lease), count);
        }
        group
    }

    /// All that there may be of one run, whatever its limits were.
    fn whole(&self, lease: LeaseId) -> Group {
        let mut group = Group::default();
        for tree in self.all.iter().chain(&self.memory).chain(&self.pids) {
            group.add(tree.run(lease));
        }
        group
    }

    /// Kills what is in the cgroup of this run, and says how many processes that were.
    pub(crate) fn kill(&self, lease: LeaseId) -> usize {
        let group = self.whole(lease);
        let count = group.processes();
        if count > 0 {
            group.kill();
        }
        count
    }

    /// Removes the cgroup of this run. Processes in it keep it there.
    pub(crate) fn remove(&self, lease: LeaseId) {
        self.whole(lease).remove();
    }

    /// The runs that have a cgroup.
    pub(crate) fn runs(&self) -> io::Result<Vec<LeaseId>> {
        let mut leases = Vec::new();
        for tree in self.all.iter().chain(&self.memory).chain(&self.pids) {
            for entry in fs::read_dir(&tree.dir)? {
                let name = entry?.file_name();
                leases.extend(name.to_str().and_then(|name| name.parse().ok()).map(LeaseId));
            }
        }
        leases.sort();
        leases.dedup();
        Ok(leases)
    }

    /// Removes what is empty of the worker's own directories: it works no more.
    pub(crate) fn close(&self) {
        for tree in self.all.iter().chain(&self.memory).chain(&self.pids) {
            // What is in use, by this very process for example, stays.
            fs::remove_dir(tree.guardians()).ok();
            fs::remove_dir(&tree.dir).ok();
        }
    }
}

impl Tree {
    /// Makes the worker's directory in the cgroup `own`, if that is allowed.
    fn prepare(own: &Path, key: &str, is_unified: bool) -> Option<Self> {
        let tree = Self { dir: own.join(key), is_unified };
        let made = fs::create_dir_all(tree.guardians());
        if let Err(error) = made {
            tracing::debug!(dir = %tree.dir.display(), %error, "a cgroup cannot be made");
            return None;
        }
        // The root of a hierarchy can be neither frozen nor limited, and holds what it will.
        let is_root = if is_unified {
            !own.join("cgroup.type").exists()
        } else {
            !own.join("freezer.state").exists()
        };
        if !is_root && let Err(error) = tree.move_in() {
            tracing::debug!(dir = %tree.dir.display(), %error, "the worker stays in its cgroup");
        }
        if is_unified {
            tree.take_controllers(own);
        }
        Some(tree)
    }

    /// Moves this process to a cgroup beside those of its runs.
    fn move_in(&self) -> io::Result<()> {
        let home = self.dir.join(mounts::REPLICA);
        fs::create_dir_all(&home)?;
        fs::write(home.join("cgroup.procs"), std::process::id().to_string())
    }

    /// Asks for the controllers that limit runs. Those that are not given are not used.
    fn take_controllers(&self, own: &Path) {
        for controller in ["+memory", "+pids"] {
            for dir in [own, &self.dir] {
                if let Err(error) = fs::write(dir.join("cgroup.subtree_control"), controller) {
                    let dir = dir.display();
                    tracing::debug!(%dir, controller, %error, "a controller is not to be had");
                    break;
                }
            }
        }
    }

    /// Whether runs in it can be limited by this controller.
    fn has(&self, controller: &str) -> bool {
        fs::read_to_string(self.dir.join("cgroup.subtree_control"))
            .is_ok_and(|given| given.split_ascii_whitespace().any(|name| name == controller))
    }

    fn guardians(&self) -> PathBuf {
        self.dir.join("guardians")
    }

    fn run(&self, lease: LeaseId) -> Member {
        Member { dir: self.dir.join(lease.to_string()), is_unified: self.is_unified }
    }
}

/// A name for the cgroups of the worker whose data are in `dir`: another worker's is another.
pub(crate) fn key(dir: &Path) -> io::Result<String> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(dir)?;
    Ok(format!("{}{:x}-{:x}", mounts::PREFIX, found.dev(), found.ino()))
}
