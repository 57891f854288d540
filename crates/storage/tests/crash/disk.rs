//! A file system of its own, in a file: to be filled up, and to lose its power.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// An ext4 file system in a file, mounted.
pub(crate) struct Disk {
    image: PathBuf,
    pub(crate) mount: PathBuf,
    is_mounted: bool,
}

impl Disk {
    pub(crate) fn new(dir: &Path, bytes: u64) -> Self {
        let (image, mount) = (dir.join("image"), dir.join("mount"));
        File::create(&image).unwrap().set_len(bytes).unwrap();
        fs::create_dir(&mount).unwrap();
        run(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(&image));
        let mut disk = Self { image, mount, is_mounted: false };
        disk.mount();
        disk
    }

    pub(crate) fn mount(&mut self) {
        run(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.mount));
        self.is_mounted = true;
    }

    /// From here on nothing reaches the disk, not even the journal.
    pub(crate) fn cut_power(&self) {
        // EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH. Perl, since this crate forbids the
        // unsafe code that an ioctl takes, and every Debian has it.
        let script = "open(my $d, '<', $ARGV[0]) or die $!; my $how = pack('L', 2); \
                      ioctl($d, 0x8004587d, $how) or die \"shutdown: $!\"";
        run(Command::new("perl").args(["-e", script]).arg(&self.mount));
    }

    pub(crate) fn unmount(&mut self) {
        run(Command::new("umount").arg(&self.mount));
        self.is_mounted = false;
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            // After a failed assertion something may still hold it.
            let _best_effort = Command::new("umount").arg("--lazy").arg(&self.mount).status();
        }
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
}
