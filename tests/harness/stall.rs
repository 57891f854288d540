//! A disk that does not answer some processes, reading or writing. It takes root, and the `blkio`
//! controller of cgroups, version 1.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::disk::Disk;

/// The cgroup of those processes.
#[derive(Debug)]
pub(crate) struct Stall {
    dir: PathBuf,
    /// The numbers of the disk's device.
    device: String,
}

/// The disk hangs until this is dropped.
#[derive(Debug)]
pub(crate) struct Stalled<'a>(&'a Stall);

impl Stall {
    pub(crate) fn of(disk: &Disk) -> Self {
        let mounts = fs::read_to_string("/proc/mounts").expect("mounts");
        let mut fields = mounts.lines().map(|line| line.split(' ').skip(1).take(3));
        let root = fields.find_map(|mut fields| {
            let (dir, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
            let is_it = kind == "cgroup" && options.split(',').any(|option| option == "blkio");
            is_it.then(|| PathBuf::from(dir))
        });
        let root =
            root.unwrap_or_else(|| panic!("no cgroup is mounted that slows disks: {mounts}"));
        let device = fs::metadata(&disk.mount).expect("the disk").dev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let dir = root.join(format!("stalled-{}-{minor}", std::process::id()));
        fs::create_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        Self { dir, device: format!("{major}:{minor}") }
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
        for way in ["read", "write"] {
            let file = self.dir.join(format!("blkio.throttle.{way}_bps_device"));
            let limit = format!("{} {bytes}", self.device);
            fs::write(&file, limit).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
    }
}

impl Drop for Stalled<'_> {
    fn drop(&mut self) {
        self.0.limit(0);
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        let procs = fs::read_to_string(self.dir.join("cgroup.procs")).unwrap_or_default();
        let root = self.dir.parent().expect("a root").join("cgroup.procs");
        for pid in procs.lines() {
            fs::write(&root, pid).ok();
        }
        fs::remove_dir(&self.dir).ok();
    }
}
