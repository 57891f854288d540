//! A small file system of its own, in a file, for the data of one replica: to be filled, to hang, to
//! fail, to be read only. It takes root and loop devices.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

/// More than a replica wants to be free, and soon filled.
const BYTES: u64 = 256 << 20;

/// An ext4 file system, mounted.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) mount: PathBuf,
    image: PathBuf,
    is_frozen: bool,
    dir: TempDir,
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self::of(BYTES)
    }

    /// One that has so many bytes.
    pub(crate) fn of(bytes: u64) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let (image, mount) = (dir.path().join("image"), dir.path().join("mount"));
        File::create(&image).and_then(|file| file.set_len(bytes)).expect("an image");
        fs::create_dir(&mount).expect("a directory");
        run(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(&image));
        let disk = Self { mount, image, is_frozen: false, dir };
        disk.mount();
        disk
    }

    pub(crate) fn mount(&self) {
        run(Command::new("mount")
            .args(["-o", "loop,errors=remount-ro"])
            .arg(&self.image)
            .arg(&self.mount));
    }

    pub(crate) fn unmount(&self) {
        run(Command::new("umount").arg(&self.mount));
    }

    /// Unmounts it, unless something still holds it.
    pub(crate) fn try_unmount(&self) -> Result<(), String> {
        let output = Command::new("umount").arg(&self.mount).output().expect("umount");
        let said = || String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(said()) }
    }

    /// Nothing can be written to it any more.
    pub(crate) fn make_read_only(&self) {
        run(Command::new("mount").args(["-o", "remount,ro"]).arg(&self.mount));
    }

    /// The file system finds an error in itself, and turns read only under whoever writes to it.
    pub(crate) fn turn_read_only(&self) {
        let found = Command::new("findmnt").args(["-n", "-o", "SOURCE"]).arg(&self.mount).output();
        let device = String::from_utf8(found.expect("findmnt").stdout).expect("a device");
        let device = device.trim().rsplit('/').next().expect("a name").to_owned();
        let trigger = format!("/sys/fs/ext4/{device}/trigger_fs_error");
        fs::write(&trigger, "said by a test").unwrap_or_else(|error| panic!("{trigger}: {error}"));
    }

    /// From here on nothing reaches the disk, and whoever syncs is told so.
    pub(crate) fn fail(&self) {
        // EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH. Perl has the ioctl that we may not call.
        let script = "open(my $d, '<', $ARGV[0]) or die $!; my $how = pack('L', 2); \
                      ioctl($d, 0x8004587d, $how) or die \"shutdown: $!\"";
        run(Command::new("perl").args(["-e", script]).arg(&self.mount));
    }

    /// Finds out what a loss of power has left, puts that right as a machine does when it starts, and
    /// mounts it.
    pub(crate) fn recover(&self) {
        let mut check = Command::new("fsck.ext4");
        let output = check.args(["-p", "-f"]).arg(&self.image).output().expect("fsck.ext4");
        // 1 is: what was wrong was put right.
        assert!(matches!(output.status.code(), Some(0 | 1)), "{check:?}: {output:?}");
        self.mount();
    }

    /// Another disk in its place, with nothing on it; while it is not mounted.
    pub(crate) fn replace(&self) {
        run(Command::new("mkfs.ext4").args(["-q", "-F", "-m", "0"]).arg(&self.image));
    }

    /// Whoever writes to it waits.
    pub(crate) fn freeze(&mut self) {
        run(Command::new("fsfreeze").arg("-f").arg(&self.mount));
        self.is_frozen = true;
    }

    pub(crate) fn thaw(&mut self) {
        run(Command::new("fsfreeze").arg("-u").arg(&self.mount));
        self.is_frozen = false;
    }

    /// Fills it until no more than `left` bytes are free.
    pub(crate) fn fill(&self, left: u64) {
        let path = self.ballast();
        let file = File::options().create(true).append(true).open(&path);
        let mut file = file.expect("a file on the disk");
        // Most of it at once, and the rest as it comes.
        let (flags, most) = (rustix::fs::FallocateFlags::empty(), self.free().saturating_sub(left));
        rustix::fs::fallocate(&file, flags, 0, most.max(1)).ok();
        while self.free() > left {
            // At the very end a write is cut short or refused, and that is what is wanted.
            if file.write(&vec![7; 1 << 18]).and_then(|_| file.sync_all()).is_err() {
                return;
            }
        }
    }

    /// Makes the room again that `fill` took.
    pub(crate) fn clear(&self) {
        fs::remove_file(self.ballast()).expect("it was filled");
    }

    fn free(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.mount).expect("a file system");
        stat.f_bavail * stat.f_frsize
    }

    fn ballast(&self) -> PathBuf {
        self.mount.join("ballast")
    }
}

/// Cuts the power of all these disks: none of them, nor its journal, gets anything from then on. How
/// far apart the first and the last of them were.
pub(crate) fn cut_power(disks: &[Disk]) -> Duration {
    // EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH, as in `fail`. The call marks the file system
    // first, and takes some time for the rest: so each disk has a process of its own, which runs before
    // all others and wakes up when those of the other disks do.
    let script = "use Time::HiRes qw(clock_gettime sleep); $| = 1; \
                  my $how = pack('L', 2); my $then = clock_gettime(1) + 0.02; \
                  for my $mount (@ARGV) { next if fork; \
                  open(my $d, '<', $mount) or die $!; \
                  my $left = $then - clock_gettime(1); sleep($left) if $left > 0; \
                  my $at = clock_gettime(1); \
                  ioctl($d, 0x8004587d, $how) or die \"shutdown: $!\"; \
                  printf \"%d\\n\", 1e6 * $at; exit 0 } \
                  while (wait() != -1) { die 'a disk is not cut' if $? }";
    let mounts = disks.iter().map(|disk| &disk.mount);
    let mut perl = Command::new("chrt");
    perl.args(["-f", "50", "perl", "-e", script]).args(mounts);
    let output = perl.output().expect("chrt, of util-linux, and perl");
    assert!(output.status.success(), "{output:?}");
    let times = String::from_utf8_lossy(&output.stdout);
    let times: Vec<u64> = times.lines().map(|at| at.parse().expect("microseconds")).collect();
    assert_eq!(times.len(), disks.len(), "{output:?}");
    let (first, last) = (times.iter().min(), times.iter().max());
    Duration::from_micros(last.zip(first).map_or(0, |(last, first)| last - first))
}

/// Flips a bit of each place of a file where `mark` stands; how many these are.
pub(crate) fn flip_in_each(path: &Path, mark: &str) -> usize {
    let mut bytes = fs::read(path).expect("the file");
    let places: Vec<_> =
        (0..bytes.len()).filter(|at| bytes[*at..].starts_with(mark.as_bytes())).collect();
    for at in &places {
        bytes[*at] ^= 1;
    }
    fs::write(path, bytes).expect("the file");
    File::open(path).and_then(|file| file.sync_all()).expect("the disk");
    places.len()
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_frozen {
            self.thaw();
        }
        // After a failed assertion something may still hold it; it may be unmounted already.
        let mut unmount = Command::new("umount");
        let _best_effort = unmount.arg("--lazy").arg(self.dir.path().join("mount")).output();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
}

/// Moves what is in a directory to a place on a disk.
pub(crate) fn move_to(from: &Path, to: &Path) {
    run(Command::new("cp").arg("-a").arg(from).arg(to));
    run(Command::new("sync").arg("-f").arg(to));
    fs::remove_dir_all(from).expect("the directory");
}
