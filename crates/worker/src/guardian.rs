//! The guardian: holds the end of the worker's lease and kills every run that outlives it.
//!
//! It is a thread of this process with a timer of the boot-time clock, so that neither a runtime
//! that is stuck nor a machine that slept lets a run outlive its lease. It does not help when the
//! whole process is stopped: for that, each run needs a guardian that is a process of its own, and
//! this interface is what it would have to keep.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rustix::process::Signal;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::sync::watch;

use crate::clock::Boottime;
use crate::orphans;
use crate::proc::Mark;
use crate::process::Group;

/// A run that is watched over. It is dropped when the run has ended, before its process is
/// reaped: afterwards its number may be another's.
#[derive(Debug)]
pub(crate) struct Guarded {
    shared: Arc<Shared>,
    mark: Mark,
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.shared.held().runs.remove(&self.mark);
    }
}

/// The keeper of one worker's lease.
#[derive(Debug)]
pub(crate) struct Guardian {
    shared: Arc<Shared>,
    lapses: watch::Receiver<u64>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    held: Mutex<Held>,
    timer: OwnedFd,
    lapses: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Held {
    /// When the lease ends; without one, nothing may run.
    until: Option<Boottime>,
    runs: BTreeMap<Mark, Group>,
    is_closed: bool,
}

impl Guardian {
    /// A guardian without a lease.
    pub(crate) fn start() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC)?;
        let (sender, lapses) = watch::channel(0);
        let shared = Arc::new(Shared { held: Mutex::default(), timer, lapses: sender });
        let watching = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("stint-guardian".to_owned())
            .spawn(move || watching.watch())?;
        Ok(Self { shared, lapses, thread: Some(thread) })
    }

    /// The lease lasts until then. One that is over does not come back to life: what ran under it
    /// has been killed, and a renewal of it comes too late.
    pub(crate) fn renew(&self, until: Boottime) {
        let mut held = self.shared.held();
        if held.until.is_some_and(|end| end < until && end > Boottime::now()) {
            held.until = Some(until);
            self.shared.arm(until);
        }
    }

    /// A new lease begins. Nothing runs under a former one.
    pub(crate) fn begin(&self, until: Boottime) {
        let mut held = self.shared.held();
        assert!(held.runs.is_empty(), "a lease begins while {} runs have another", held.runs.len());
        held.until = Some(until);
        self.shared.arm(until);
    }

    /// Whether there is a lease, and something may be started under it.
    pub(crate) fn is_valid(&self) -> bool {
        self.shared.held().is_valid()
    }

    /// Watches over a run from now on. A run that comes too late is killed at once.
    pub(crate) fn guard(&self, mark: Mark, group: Group) -> Option<Guarded> {
        let mut held = self.shared.held();
        if !held.is_valid() {
            group.signal(Signal::KILL);
            return None;
        }
        held.runs.insert(mark, group);
        Some(Guarded { shared: Arc::clone(&self.shared), mark })
    }

    /// The lease is over before its time: everything under it is killed at once.
    pub(crate) fn end(&self) {
        let mut held = self.shared.held();
        held.until = None;
        held.kill();
    }

    /// Counts the leases that ran out.
    pub(crate) fn lapses(&self) -> watch::Receiver<u64> {
        self.lapses.clone()
    }
}

impl Drop for Guardian {
    /// Kills what is still under the lease: nobody would any more.
    fn drop(&mut self) {
        {
            let mut held = self.shared.held();
            held.is_closed = true;
            held.kill();
            self.shared.arm(Boottime::now());
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the guardian has panicked, which is a bug");
        }
    }
}

impl Held {
    fn is_valid(&self) -> bool {
        !self.is_closed && self.until.is_some_and(|until| until > Boottime::now())
    }

    fn kill(&self) {
        self.runs.values().for_each(|group| group.signal(Signal::KILL));
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Held> {
        // What a panicking holder left is whole: each change is one assignment.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Called with the lock held, so that the timer always has the last end of the lease.
    fn arm(&self, at: Boottime) {
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Itimerspec { it_interval: never, it_value: at.to_timespec() };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once)
            .expect("a timer that exists can be set to any instant");
    }

    fn watch(&self) {
        loop {
            let fired = rustix::io::read(&self.timer, &mut [0_u8; 8]);
            let marks = {
                let mut held = self.held();
                if held.is_closed {
                    return;
                }
                let is_over = held.until.is_some_and(|until| until <= Boottime::now());
                if !is_over && fired.is_ok() {
                    // Set anew, or ended, after it had fired.
                    continue;
                }
                held.until = None;
                held.kill();
                held.runs.keys().copied().collect()
            };
            self.lapses.send_modify(|count| *count += 1);
            // What has left its group is slower to find; the groups are dead by now.
            if let Err(error) = orphans::kill_marked(&marks) {
                tracing::error!(%error, "processes cannot be listed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::time::Duration;

    use stint_core::{JobId, LeaseId};

    use super::*;
    use crate::invocation::Invocation;
    use crate::process::{Ended, Process};

    const MARK: Mark = Mark { lease: LeaseId(3), job: JobId::from_bytes([3; 16]) };

    fn sleeper() -> Process {
        let invocation = Invocation {
            name: "sleep".to_owned(),
            program: PathBuf::from("/bin/sleep"),
            arguments: vec!["600".to_owned()],
            environment: BTreeMap::new(),
            working_dir: PathBuf::from("/"),
            confinement: crate::Confinement::default(),
        };
        Process::start(&invocation).unwrap().0
    }

    fn soon(ms: u64) -> Boottime {
        Boottime::now().plus(Duration::from_millis(ms))
    }

    #[tokio::test]
    async fn a_run_ends_with_its_lease_and_not_before() {
        let guardian = Guardian::start().unwrap();
        let mut lapses = guardian.lapses();
        assert!(!guardian.is_valid());
        guardian.begin(soon(60_000));
        let process = sleeper();
        let guarded = guardian.guard(MARK, process.group()).unwrap();
        let (first, last) = (soon(100), soon(300));
        guardian.renew(first);
        assert!(guardian.is_valid());
        guardian.end();
        process.ended().await.unwrap();
        assert!(!guardian.is_valid());
        drop(guarded);
        assert_eq!(process.reap().unwrap(), Ended::Signal(9));

        guardian.begin(first);
        let process = sleeper();
        let guarded = guardian.guard(MARK, process.group()).unwrap();
        guardian.renew(last);
        process.ended().await.unwrap();
        assert!(Boottime::now() >= last, "killed before its lease ended");
        lapses.changed().await.unwrap();
        assert_eq!(*lapses.borrow(), 1);
        guardian.renew(soon(60_000));
        assert!(!guardian.is_valid(), "a lease came back to life");
        drop(guarded);
        drop(process.reap());
    }

    #[tokio::test]
    async fn a_run_that_comes_too_late_is_killed() {
        let guardian = Guardian::start().unwrap();
        let process = sleeper();
        assert!(guardian.guard(MARK, process.group()).is_none());
        process.ended().await.unwrap();
    }

    #[tokio::test]
    async fn nothing_runs_without_its_guardian() {
        let guardian = Guardian::start().unwrap();
        guardian.begin(soon(60_000));
        let process = sleeper();
        let _guarded = guardian.guard(MARK, process.group()).unwrap();
        drop(guardian);
        process.ended().await.unwrap();
    }
}
