//! One process in its own process group: started, signalled, waited for.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use rustix::io::retry_on_intr;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
};
use tokio::io::unix::AsyncFd;

use crate::invocation::Invocation;

/// A process group, by the number of its first process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group(Pid);

impl Group {
    /// Sends `signal` to all members. That there are none is no failure.
    pub(crate) fn signal(self, signal: Signal) {
        if let Err(error) = kill_process_group(self.0, signal)
            && error != rustix::io::Errno::SRCH
        {
            let group = self.0.as_raw_nonzero();
            tracing::error!(group, ?signal, %error, "a process group cannot be signalled");
        }
    }
}

/// A child that has not been waited for: as long as this exists, its number is nobody else's, and
/// signals to its group reach no stranger.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: Pid,
    /// Readable once the process has ended.
    exit: AsyncFd<OwnedFd>,
    is_reaped: bool,
}

/// What a process writes to.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) out: ChildStdout,
    pub(crate) err: ChildStderr,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
}

impl Process {
    /// Starts a process as the leader of its own group. Blocks until it has become its program;
    /// needs a runtime around it.
    pub(crate) fn start(invocation: &Invocation) -> Result<(Self, Pipes), String> {
        let cannot = |error: &io::Error| format!("cannot start \"{}\": {error}", invocation.name);
        let dir = &invocation.working_dir;
        if !dir.is_dir() {
            // The start itself would fail in the words for a missing program.
            return Err(format!("cannot start in {}: there is no such directory", dir.display()));
        }
        let mut child = Command::new(&invocation.program)
            .arg0(&invocation.name)
            .args(&invocation.arguments)
            .env_clear()
            .envs(&invocation.environment)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| cannot(&error))?;
        let pid = Pid::from_child(&child);
        let (out, err) = (child.stdout.take(), child.stderr.take());
        match watch(pid) {
            Ok(exit) => {
                let process = Self { child, pid, exit, is_reaped: false };
                let pipes = out.zip(err).map(|(out, err)| Pipes { out, err });
                pipes
                    .map(|pipes| (process, pipes))
                    .ok_or_else(|| cannot(&io::Error::other("it has no pipes")))
            }
            Err(error) => {
                Group(pid).signal(Signal::KILL);
                drop(child.wait());
                Err(cannot(&error))
            }
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    pub(crate) fn group(&self) -> Group {
        Group(self.pid)
    }

    /// Returns when the process has ended; it is still to be reaped then.
    pub(crate) async fn ended(&self) -> io::Result<()> {
        self.exit.readable().await.map(|mut ready| ready.retain_ready())
    }

    /// Whether the process has ended, though it has not been waited for.
    pub(crate) fn has_ended(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(self.pid), look), Ok(Some(_)))
    }

    /// Sends SIGTERM to the group, and wakes it if it is stopped, so that it can obey.
    pub(crate) fn terminate(&self) {
        self.group().signal(Signal::TERM);
        self.group().signal(Signal::CONT);
    }

    pub(crate) fn kill(&self) {
        self.group().signal(Signal::KILL);
    }

    /// Ends what is left of the group and waits for the process, which has ended.
    pub(crate) fn reap(mut self) -> io::Result<Ended> {
        self.kill();
        let status = self.child.wait()?;
        self.is_reaped = true;
        Ok(match status.signal() {
            Some(signal) => Ended::Signal(signal),
            None => Ended::Code(status.code().unwrap_or_default()),
        })
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe, for files that change their number or \
    close early; an OwnedFd does neither"
)]
fn watch(pid: Pid) -> io::Result<AsyncFd<OwnedFd>> {
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    AsyncFd::with_interest(process, tokio::io::Interest::READABLE)
}

impl Drop for Process {
    /// A process that nobody waits for must not live on.
    fn drop(&mut self) {
        if !self.is_reaped {
            self.kill();
            if !matches!(self.child.try_wait(), Ok(Some(_))) {
                reap_later(self.pid);
            }
        }
    }
}

/// Waits on a thread of its own for a child that has been killed and nobody else waits for: it
/// takes a moment to die, and would stay in the process table for as long as its worker lives.
fn reap_later(pid: Pid) {
    let wait = move || {
        // That there is no such child is what this is for.
        retry_on_intr(|| waitid(WaitId::Pid(pid), WaitIdOptions::EXITED)).ok();
    };
    let thread = std::thread::Builder::new().name("stint-reaper".to_owned()).spawn(wait);
    if let Err(error) = thread {
        tracing::warn!(pid = pid.as_raw_nonzero(), %error, "a killed process stays as a zombie");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;
    use std::path::PathBuf;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::proc;

    fn sh(script: &str) -> Invocation {
        Invocation {
            name: "sh".to_owned(),
            program: PathBuf::from("/bin/sh"),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
            working_dir: PathBuf::from("/"),
            confinement: crate::Confinement::default(),
        }
    }

    fn members(group: Pid) -> usize {
        let group = group.as_raw_nonzero().get();
        let all = proc::all().unwrap();
        all.iter().filter(|stat| stat.group == group && !stat.is_zombie).count()
    }

    #[tokio::test]
    async fn a_process_ends_with_its_code_or_its_signal() {
        for (script, expected) in [
            ("exit 0", Ended::Code(0)),
            ("exit 7", Ended::Code(7)),
            ("kill -9 $$", Ended::Signal(9)),
        ] {
            let (process, _pipes) = Process::start(&sh(script)).unwrap();
            process.ended().await.unwrap();
            assert!(process.has_ended());
            assert_eq!(process.reap().unwrap(), expected, "{script}");
        }
    }

    #[tokio::test]
    async fn nothing_of_the_group_outlives_the_process() {
        let (process, mut pipes) =
            Process::start(&sh("trap '' TERM; sleep 600 & echo $!")).unwrap();
        process.ended().await.unwrap();
        let group = process.pid();
        assert_eq!(process.reap().unwrap(), Ended::Code(0));
        // The sleeper held the pipe open: that it can be read to its end shows that it is gone.
        let mut text = String::new();
        pipes.out.read_to_string(&mut text).unwrap();
        assert!(text.trim().parse::<u32>().is_ok(), "{text:?}");
        // It has closed its files by then, and is about to be gone.
        let deadline = Instant::now() + Duration::from_secs(10);
        while members(group) > 0 {
            assert!(Instant::now() < deadline, "{} members are left", members(group));
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_stopped_process_obeys_sigterm() {
        let (process, mut pipes) =
            Process::start(&sh("echo up; kill -STOP $$; sleep 600")).unwrap();
        pipes.out.read_exact(&mut [0; 3]).unwrap();
        process.terminate();
        process.ended().await.unwrap();
        assert_eq!(process.reap().unwrap(), Ended::Signal(15));
    }

    #[tokio::test]
    async fn a_process_that_is_dropped_is_killed_and_leaves_no_zombie() {
        let (process, mut pipes) = Process::start(&sh("trap '' TERM; echo up; sleep 600")).unwrap();
        pipes.out.read_exact(&mut [0; 3]).unwrap();
        let pid = process.pid();
        drop(process);
        assert_eq!(pipes.out.read(&mut [0; 1]).unwrap(), 0, "its pipe is still open");
        let deadline = Instant::now() + Duration::from_secs(30);
        while let Some(stat) = proc::stat(pid) {
            assert!(Instant::now() < deadline, "it is still there: {stat:?}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_failed_start_says_what_was_missing() {
        let missing = |change: fn(&mut Invocation)| {
            let mut invocation = sh("exit 0");
            change(&mut invocation);
            Process::start(&invocation).unwrap_err()
        };
        let error = missing(|invocation| invocation.program = PathBuf::from("/nonexistent/sh"));
        assert_eq!(error, "cannot start \"sh\": No such file or directory (os error 2)");
        let error = missing(|invocation| invocation.working_dir = PathBuf::from("/nonexistent"));
        assert_eq!(error, "cannot start in /nonexistent: there is no such directory");
        let error = missing(|invocation| invocation.program = PathBuf::from("/etc/passwd"));
        assert_eq!(error, "cannot start \"sh\": Permission denied (os error 13)");
        let error = missing(|invocation| invocation.arguments.push("x".repeat(200_000)));
        assert_eq!(error, "cannot start \"sh\": Argument list too long (os error 7)");
    }
}
