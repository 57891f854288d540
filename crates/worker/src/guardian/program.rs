//! What file guardians are started from.
//!
//! Any program that calls [`role`](super::role) first can be one. The replica's own program would
//! do, but is large: the pages of it that a guardian touches, with those around them that the
//! kernel maps at once, are several megabytes for each run, and its dynamic loader takes the longer.
//! So there is a small program that can do nothing else, installed beside the large one.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::process::{Resource, getrlimit};

use super::GUARDIAN;
use super::memory::NOT_KEPT;
use super::wire;
use crate::limits::LAUNCH_MAX;

/// What the small program's name ends in; before it is that of the large one.
const SUFFIX: &str = "-guardian";

/// What this program is, though its file be replaced.
const THIS: &str = "/proc/self/exe";

/// What worker and guardian say to each other, in one number that changes with the sources that
/// say it: two builds of the same form understand each other.
const FORM: u64 = hash(include_bytes!("wire.rs"), hash(include_bytes!("launch.rs"), SEED));

const SEED: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, which is as good as any against accidents.
const fn hash(text: &[u8], mut hash: u64) -> u64 {
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        #[expect(clippy::as_conversions, reason = "`u64::from` is not const; a byte fits")]
        let byte = *byte as u64;
        hash = (hash ^ byte).wrapping_mul(0x0100_0000_01b3);
        rest = tail;
    }
    hash
}

/// How worker and guardian name their form.
pub(super) fn form() -> String {
    format!("{FORM:016x}")
}

/// The file of guardians.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    /// Keeps the file that was looked at, whatever an upgrade puts in its place.
    _held: Option<File>,
}

impl Program {
    /// The small program beside this one, or this one if there is none that is of the same build.
    pub(crate) fn find() -> Self {
        let beside = std::env::current_exe().ok().map(|own| {
            let mut path = own.into_os_string();
            path.push(SUFFIX);
            PathBuf::from(path)
        });
        match beside.as_deref().map(Self::open) {
            Some(Ok(program)) => program,
            Some(Err(error)) => {
                let path = beside.unwrap_or_default();
                tracing::warn!(
                    path = %path.display(), %error,
                    "the small program of guardians cannot be used: this large one is, which takes \
                     more memory for each run, and may kill too late where a disk hangs"
                );
                Self { path: THIS.into(), _held: None }
            }
            None => Self { path: THIS.into(), _held: None },
        }
    }

    /// This file, if it is a guardian's and of our form.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let held = File::open(path)?;
        let program =
            Self { path: format!("/proc/self/fd/{}", held.as_raw_fd()).into(), _held: Some(held) };
        if !program.check()? {
            tracing::warn!(
                limit = ?getrlimit(Resource::Memlock).current,
                "guardians cannot stay in memory, so that they may kill too late on a machine whose \
                 disk hangs: raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=) to 8 MiB"
            );
        }
        Ok(program)
    }

    /// Starts it, and leaves before it was told anything: that is no failure for a guardian that
    /// understands us. Says whether it can stay in memory.
    fn check(&self) -> io::Result<bool> {
        let (ours, theirs) = wire::pair()?;
        set_socket_timeout(&ours, Timeout::Recv, Some(LAUNCH_MAX))?;
        let mut command = self.command();
        command.stdin(Stdio::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        // The command has a copy of the other end.
        drop(command);
        rustix::net::shutdown(&ours, rustix::net::Shutdown::Write)?;
        if let Err(error) = wire::take(&ours, true) {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(error.kind(), "it does not do what a guardian does"));
        }
        understood(child)
    }

    /// Starts a guardian, whose standard input is its worker's to give.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.arg0("stint").arg(GUARDIAN).arg(form()).env_clear().current_dir("/");
        // All that it has stays in memory: so nothing in advance. Another C library passes this over.
        command.env("GLIBC_TUNABLES", "glibc.malloc.top_pad=4096");
        command
    }
}

fn understood(mut child: Child) -> io::Result<bool> {
    let code = child.wait()?.code();
    if code == Some(0) || code == Some(NOT_KEPT.into()) {
        return Ok(code == Some(0));
    }
    Err(io::Error::other("it is of another build than this program"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_no_guardian_of_this_build_is_not_used() {
        for (path, why) in [
            ("/nonexistent", "No such file"),
            // It fails, whatever it is told.
            ("/bin/false", "another build"),
        ] {
            let error = Program::open(Path::new(path)).unwrap_err().to_string();
            assert!(error.contains(why), "{path}: {error}");
        }
    }

    #[test]
    fn the_form_follows_the_sources() {
        assert_ne!(hash(b"a", SEED), hash(b"b", SEED));
        // From the reference of FNV-1a: the hash of "foobar".
        assert_eq!(hash(b"foobar", SEED), 0x8594_4171_f739_67e8);
        assert_eq!(form().len(), 16);
    }
}
