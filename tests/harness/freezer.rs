//! Cgroups of either version: freezing one process, which needs root, and tidying up.

use std::fs;
use std::path::{Path, PathBuf};

/// A process that is frozen until this is dropped.
#[derive(Debug)]
pub(crate) struct Frozen {
    dir: PathBuf,
    pid: u32,
    thaw: (&'static str, &'static str),
}

/// Removes the cgroups that the worker of a replica has left, which was killed: one that starts
/// again has use for them, one of a test that is over has not.
pub(crate) fn remove_leftovers(data_dir: &Path) {
    use std::os::unix::fs::MetadataExt;
    let Ok(notes) = fs::metadata(data_dir.join("runs")) else { return };
    let key = format!("stint-{:x}-{:x}", notes.dev(), notes.ino());
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    for line in mounts.lines().filter(|line| line.contains(" cgroup")) {
        let dir = Path::new(line.split(' ').nth(1).unwrap_or_default()).join(&key);
        for inner in fs::read_dir(&dir).into_iter().flatten().flatten() {
            fs::remove_dir(inner.path()).ok();
        }
        fs::remove_dir(&dir).ok();
    }
}

/// What can freeze a process on this machine: the roots of hierarchies, and whether of version 2.
pub(crate) fn freezers() -> Vec<(PathBuf, bool)> {
    let mounts = fs::read_to_string("/proc/mounts").expect("mounts");
    let freezer = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        let (dir, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
        let is_old = kind == "cgroup" && options.split(',').any(|option| option == "freezer");
        (is_old || kind == "cgroup2").then(|| (PathBuf::from(dir), !is_old))
    };
    let found: Vec<_> = mounts.lines().filter_map(freezer).collect();
    assert!(!found.is_empty(), "no cgroup is mounted that can freeze a process: {mounts}");
    found
}

impl Frozen {
    /// Freezes it in a cgroup of its own below `root`.
    pub(crate) fn new((root, is_unified): &(PathBuf, bool), pid: u32) -> Self {
        let dir = root.join(format!("frozen-{pid}"));
        let (file, freeze, thaw) = if *is_unified {
            ("cgroup.freeze", "1", "0")
        } else {
            ("freezer.state", "FROZEN", "THAWED")
        };
        fs::create_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        let frozen = Self { dir, pid, thaw: (file, thaw) };
        frozen.write(&frozen.dir.join("cgroup.procs"), &pid.to_string());
        frozen.write(&frozen.dir.join(file), freeze);
        frozen
    }

    fn write(&self, file: &Path, text: &str) {
        fs::write(file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(self.dir.exists());
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let (file, thaw) = self.thaw;
        fs::write(self.dir.join(file), thaw).ok();
        let root = self.dir.parent().expect("a root").join("cgroup.procs");
        fs::write(root, self.pid.to_string()).ok();
        fs::remove_dir(&self.dir).ok();
    }
}
