//! A disk that does not answer some processes, reading or writing. It takes root, and the controller of
//! cgroups that slows disks: `io` of version 2, or `blkio` of version 1.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::disk::Disk;

/// Which cgroups can slow disks.
#[derive(Debug, Clone, Copy)]
enum Version {
    /// `blkio`
    One,
    /// `io`
    Two,
}

/// The cgroup of those processes.
#[derive(Debug)]
pub(crate) struct Stall {
    dir: PathBuf,
    version: Version,
    /// The numbers of the disk's device.
    device: String,
}

/// Where cgroups that slow disks are made.
fn root() -> (PathBuf, Version) {
    let mounts = fs::read_to_string("/proc/mounts").expect("mounts");
    let has_io = |dir: &Path| {
        let controllers = fs::read_to_string(dir.join("cgroup.controllers")).unwrap_or_default();
        controllers.split_whitespace().any(|controller| controller == "io")
    };
    let found = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (dir, kind, options) = (PathBuf::from(fields.next()?), fields.next()?, fields.next()?);
        match kind {
            "cgroup" if options.split(',').any(|option| option == "blkio") => {
                Some((dir, Version::One))
            }
            "cgroup2" if has_io(&dir) => Some((dir, Version::Two)),
            _ => None,
        }
    });
    let found = found.unwrap_or_else(|| panic!("no cgroup is mounted that slows disks: {mounts}"));
    if let (dir, Version::Two) = &found {
        fs::write(dir.join("cgroup.subtree_control"), "+io").expect("root, in no container");
    }
    found
}

/// The disk hangs until this is dropped.
#[derive(Debug)]
pub(crate) struct Stalled<'a>(&'a Stall);

impl Stall {
    pub(crate) fn of(disk: &Disk) -> Self {
        let (root, version) = root();
        let device = fs::metadata(&disk.mount).expect("the disk").dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let dir = root.join(format!("stalled-{}-{minor}", std::process::id()));
        fs::create_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        Self { dir, version, device: format!("{major}:{minor}") }
    }

    /// Writes a program to `at` that is `program` in this cgroup, from its start on.
    pub(crate) fn wrap(&self, program: &Path, at: &Path) {
        let (procs, program) = (self.dir.join("cgroup.procs"), program.display());
        let script = format!("#!/bin/sh\necho $$ > {}\nexec {program} \"$@\"\n", procs.display());
        fs::write(at, script).expect("a script");
        fs::set_permissions(at, fs::Permissions::from_mode(0o755)).expect("a script");
    }

    /// From now on the disk does not answer, and what nobody uses of it in memory is forgotten.
    pub(crate) fn begin(&self) -> Stalled<'_> {
        let synced = Command::new("sync").status().expect("sync");
        assert!(synced.success());
        self.limit(1);
        let stalled = Stalled(self);
        fs::write("/proc/sys/vm/drop_caches", "1").expect("root");
        stalled
    }

    /// To so many bytes in a second; 0 is no limit.
    fn limit(&self, bytes: u64) {
        let write = |file: &str, limit: String| {
            let file = self.dir.join(file);
            fs::write(&file, limit).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        };
        let device = &self.device;
        match self.version {
            Version::One => {
                for way in ["read", "write"] {
                    let file = format!("blkio.throttle.{way}_bps_device");
                    write(&file, format!("{device} {bytes}"));
                }
            }
            Version::Two => {
                let bytes = if bytes == 0 { "max".to_owned() } else { bytes.to_string() };
                write("io.max", format!("{device} rbps={bytes} wbps={bytes}"));
            }
        }
    }
}

impl Drop for Stalled<'_> {
    fn drop(&mut self) {
        self.0.limit(0);
    }
}

/// Moves what lives in a cgroup and in those that it has made below to the root, and removes them.
fn remove(dir: &Path, root: &Path) {
    for below in fs::read_dir(dir).into_iter().flatten().flatten() {
        if below.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&below.path(), root);
        }
    }
    let procs = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    for pid in procs.lines() {
        fs::write(root.join("cgroup.procs"), pid).ok();
    }
    fs::remove_dir(dir).ok();
}

impl Drop for Stall {
    fn drop(&mut self) {
        remove(&self.dir, self.dir.parent().expect("a root"));
    }
}
