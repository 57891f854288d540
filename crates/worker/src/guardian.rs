//! The guardian of one run: a small process that ends the run when its worker's lease is over.
//!
//! A worker can be killed, stopped or frozen; then its jobs must end all the same before another
//! worker starts them. So each run has a process of its own between the worker and the job. It
//! holds the end of the lease on the boot-time clock, hears of renewals from the worker, and kills
//! the run at the deadline, at the worker's death, or by its order. It is the session leader of
//! the run and its subreaper, so that nothing of the run escapes it (`hunt`). It has no part in the
//! run's output, and is a small program (`program`), started as [`GUARDIAN`]; another start of it,
//! as [`STAGE`], becomes the job's program.
//!
//! It must not be late because a disk hangs, which may be why the lease was lost. So it waits for
//! no file: it keeps itself in memory (`memory`), logs nothing, and on the way to the kill there is
//! nothing that may wait.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal as Blocked};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::clock::Boottime;
use crate::limits::{CGROUP_PAUSE, CGROUP_TRIES, HUNT_PAUSE_MAX, HUNT_PAUSE_MIN};

mod hunt;
pub(crate) mod launch;
mod memory;
pub(crate) mod program;
mod stage;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

use launch::Launch;
use wire::{End, Ended, Order, Report};

/// The first argument that makes this program a guardian.
pub(crate) const GUARDIAN: &str = "run-guardian";
/// The first argument that makes this program what a job's program begins as.
const STAGE: &str = "run-stage";

/// Does what this process was started for, if it was started by a worker for one of its runs; to be
/// called before anything else, so that these processes stay small and start at once.
pub fn role() -> Option<ExitCode> {
    play(false)
}

/// `is_small` is whether this is the program that is nothing else.
fn play(is_small: bool) -> Option<ExitCode> {
    let role = std::env::args_os().nth(1)?;
    if role == GUARDIAN {
        Some(guard(is_small))
    } else if role == STAGE {
        Some(stage::run())
    } else {
        None
    }
}

/// All that the small program of guardians does.
pub fn guardian() -> ExitCode {
    play(true).unwrap_or_else(usage)
}

fn usage() -> ExitCode {
    let text = b"stint run-guardian: a worker starts this for each of its runs; nobody else\n";
    rustix::io::write(rustix::stdio::stderr(), text).ok();
    ExitCode::from(64)
}

/// The other end of our standard input, which becomes nothing.
fn control() -> io::Result<OwnedFd> {
    let control = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    rustix::net::sockopt::socket_type(&control)?;
    let nothing = rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty())?;
    rustix::stdio::dup2_stdin(nothing.as_fd())?;
    Ok(control)
}

fn guard(is_small: bool) -> ExitCode {
    let Ok(control) = control() else { return usage() };
    if std::env::args_os().nth(2).is_none_or(|form| form != *program::form()) {
        let reason = "its guardian is of another build than its worker".to_owned();
        wire::put(&control, &Report::Failed(reason).encode(), false).ok();
        return ExitCode::from(65);
    }
    // What it was started as is a number.
    rustix::thread::set_name(c"stint-guardian").ok();
    // The large program is too large for that.
    let is_kept = is_small && memory::keep();
    match Run::start(control, is_kept) {
        Ok(Some(run)) => {
            run.watch();
            ExitCode::SUCCESS
        }
        // There was nothing to start any more, or this is how a worker finds out (`program`).
        Ok(None) if is_kept => ExitCode::SUCCESS,
        Ok(None) => ExitCode::from(memory::NOT_KEPT),
        Err((control, reason)) => {
            wire::put(&control, &Report::Failed(reason).encode(), false).ok();
            ExitCode::FAILURE
        }
    }
}

/// A run that is watched over.
struct Run {
    /// To the worker.
    control: OwnedFd,
    /// Fires when the lease is over.
    timer: OwnedFd,
    /// A child has ended. Requests to end are heard here too, and not obeyed: whoever stops a whole
    /// service must not set its jobs free.
    signals: SignalFd,
    launch: Launch,
    until: Boottime,
    /// To the process until it has become the job's program.
    stage: Option<OwnedFd>,
    /// The first process of the run, which leads a process group of its own; nothing before it has
    /// started and after it was reaped, when its number may be another's.
    leader: Option<Pid>,
    /// The leader was sent a signal by order of the worker.
    is_by_order: bool,
    /// The lease was over before the run was.
    is_lapsed: bool,
    /// Everything is being killed.
    ending: Option<Ending>,
    /// There is no child any more.
    is_empty: bool,
}

struct Ending {
    next: Instant,
    pause: Duration,
}

impl Run {
    /// Starts what the worker says; nothing if it is too late for that.
    fn start(control: OwnedFd, is_kept: bool) -> Result<Option<Self>, (OwnedFd, String)> {
        let mut until = None;
        let mut bytes = Vec::new();
        loop {
            let packet = wire::take(&control, true).ok().flatten();
            match packet.as_deref().and_then(Order::decode) {
                Some(Order::Launch(part)) => bytes.extend(part),
                Some(Order::Renew(later)) => until = Some(later),
                Some(Order::Start) => break,
                Some(Order::Terminate | Order::Kill) | None => return Ok(None),
            }
        }
        let Some(launch) = Launch::decode(&bytes) else {
            return Err((control, "its worker has sent nonsense, which is a bug".to_owned()));
        };
        if is_kept {
            // And what it has heard.
            memory::keep();
        }
        let until = until.map_or(launch.until, |until| until.max(launch.until));
        match Self::prepare(&launch, until) {
            Ok((timer, signals)) => {
                let run = Self {
                    control,
                    timer,
                    signals,
                    launch,
                    until,
                    stage: None,
                    leader: None,
                    is_by_order: false,
                    is_lapsed: false,
                    ending: None,
                    is_empty: false,
                };
                run.begin(&bytes)
            }
            Err(error) => {
                launch.cgroup.remove();
                Err((control, format!("its guardian cannot {error}")))
            }
        }
    }

    /// What has to be there before anything runs.
    fn prepare(launch: &Launch, until: Boottime) -> Result<(OwnedFd, SignalFd), String> {
        let cannot = |what: &str, error: io::Error| format!("{what}: {error}");
        // Fails if it leads a session already.
        rustix::process::setsid().ok();
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .map_err(|error| cannot("become a subreaper", error.into()))?;
        let mut heard = SigSet::empty();
        for signal in [Blocked::SIGCHLD, Blocked::SIGTERM, Blocked::SIGINT, Blocked::SIGHUP] {
            heard.add(signal);
        }
        heard.thread_block().map_err(|error| cannot("block signals", error.into()))?;
        let signals = SignalFd::with_flags(&heard, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
            .map_err(|error| cannot("hear signals", error.into()))?;
        let timer = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC)
            .and_then(|timer| arm(&timer, until).map(|()| timer))
            .map_err(|error| cannot("set a timer", error.into()))?;
        launch.cgroup.create().map_err(|error| cannot("make a cgroup", error))?;
        Ok((timer, signals))
    }

    fn begin(mut self, launch: &[u8]) -> Result<Option<Self>, (OwnedFd, String)> {
        // The worker may be gone by now, or its lease over.
        if !self.may_begin() {
            self.launch.cgroup.remove();
            return Ok(None);
        }
        let (stage, leader) = match spawn() {
            Ok(started) => started,
            Err(error) => {
                self.launch.cgroup.remove();
                return Err((self.control, format!("cannot start its first process: {error}")));
            }
        };
        self.leader = Some(leader);
        // So it may now: to start a process may take as long as to read its file.
        if !wire::launch(launch).all(|packet| self.say(&stage, &packet)) {
            // It has not begun, nor will it.
            self.is_lapsed = self.ending.is_none() && self.until <= Boottime::now();
            self.end();
        }
        self.stage = Some(stage);
        Ok(Some(self))
    }

    /// Says it to the first process as soon as that listens, if the program may still begin then.
    fn say(&mut self, stage: &OwnedFd, packet: &[u8]) -> bool {
        while self.may_begin() {
            match wire::put(stage, packet, false) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut sources = [
                        PollFd::new(stage, PollFlags::OUT),
                        PollFd::new(&self.control, PollFlags::IN),
                        PollFd::new(&self.timer, PollFlags::IN),
                    ];
                    poll(&mut sources, None).ok();
                }
                said => return said.is_ok(),
            }
        }
        false
    }

    /// Hears the worker, and says whether the job's program may begin.
    fn may_begin(&mut self) -> bool {
        self.hear();
        self.ending.is_none() && self.until > Boottime::now()
    }

    /// Returns when nothing of the run is left.
    fn watch(mut self) {
        loop {
            self.hear();
            if self.until <= Boottime::now() && self.ending.is_none() {
                self.is_lapsed = true;
                self.end();
            }
            self.hear_stage();
            self.reap();
            if self.is_empty {
                break;
            }
            self.kill_again(Instant::now());
            self.wait();
        }
        for _ in 0..CGROUP_TRIES {
            if self.launch.cgroup.remove() {
                break;
            }
            // The kernel is still taking its last process apart.
            poll(&mut [], Some(&timespec(CGROUP_PAUSE))).ok();
        }
        self.report(&Report::Gone);
    }

    /// Obeys the worker. That it is gone is an order, too.
    fn hear(&mut self) {
        loop {
            let packet = match wire::take(&self.control, false) {
                Ok(packet) => packet,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => None,
            };
            match packet.as_deref().and_then(Order::decode) {
                Some(Order::Renew(until)) => {
                    // A worker renews nothing that is over by its own clock, which is ours.
                    self.until = self.until.max(until);
                    arm(&self.timer, self.until).ok();
                }
                Some(Order::Terminate) => self.terminate(),
                Some(Order::Kill) => {
                    self.see_end();
                    self.is_by_order |= self.leader.is_some();
                    self.end();
                }
                Some(Order::Launch(_) | Order::Start) => {}
                None => {
                    self.end();
                    return;
                }
            }
        }
    }

    /// SIGTERM, and SIGCONT so that a stopped process can obey; unless it has ended by itself.
    fn terminate(&mut self) {
        self.see_end();
        if let Some(leader) = self.leader {
            self.is_by_order = true;
            kill_process_group(leader, Signal::TERM).ok();
            kill_process_group(leader, Signal::CONT).ok();
        }
    }

    /// Hears whether the first process has become the job's program.
    fn hear_stage(&mut self) {
        let Some((stage, leader)) = self.stage.as_ref().zip(self.leader) else { return };
        let report = match wire::take(stage, false) {
            Ok(None) => Report::Started(leader),
            Ok(Some(packet)) => match Report::decode(&packet) {
                Some(failed @ Report::Failed(_)) => failed,
                _ => return,
            },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => Report::Failed(format!("its start cannot be watched: {error}")),
        };
        self.stage = None;
        let has_failed = matches!(report, Report::Failed(_));
        self.report(&report);
        if has_failed {
            self.end();
        }
    }

    /// Takes note of children that have ended. When there is none, nothing of the run is left.
    fn reap(&mut self) {
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        loop {
            let status = match waitid(Id::All, look) {
                Ok(WaitStatus::StillAlive) | Err(nix::Error::EINTR) => return,
                Ok(status) => status,
                Err(nix::Error::ECHILD) => {
                    self.is_empty = true;
                    return;
                }
                Err(_) => return,
            };
            let Some(pid) = status.pid().and_then(|pid| Pid::from_raw(pid.as_raw())) else {
                return;
            };
            if Some(pid) == self.leader {
                self.see_end();
            } else {
                rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG).ok();
            }
        }
    }

    /// If the leader has ended, says how, and kills what it has left. Only then is its number given
    /// back: before that the group can be no other's.
    fn see_end(&mut self) {
        let Some(leader) = self.leader else { return };
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let id = nix::unistd::Pid::from_raw(leader.as_raw_nonzero().get());
        if !matches!(waitid(Id::Pid(id), look), Ok(status) if status != WaitStatus::StillAlive) {
            return;
        }
        // It is over, so that nothing more will be said of its start.
        self.hear_stage();
        self.end();
        let options = rustix::process::WaitOptions::NOHANG;
        let status = rustix::process::waitpid(Some(leader), options).ok().flatten();
        self.leader = None;
        if let Some((_, status)) = status {
            let status = ExitStatus::from_raw(status.as_raw());
            let how = match status.signal() {
                Some(signal) => Ended::Signal(signal),
                None => Ended::Code(status.code().unwrap_or_default()),
            };
            let (is_by_order, is_lapsed) = (self.is_by_order, self.is_lapsed);
            self.report(&Report::Ended(End { how, is_by_order, is_lapsed }));
        }
    }

    /// Begins to kill everything.
    fn end(&mut self) {
        if self.ending.is_none() {
            let pause = HUNT_PAUSE_MIN;
            self.ending = Some(Ending { next: Instant::now() + pause, pause });
            // First what takes no lock and no memory of the kernel's, for which others may wait that
            // wait for a disk.
            if let Some(leader) = self.leader {
                kill_process_group(leader, Signal::KILL).ok();
            }
            if self.is_lapsed {
                hunt::kill_descendants().ok();
            }
            self.launch.cgroup.kill();
        }
    }

    /// What did not end with its group is slower to find, and is looked for until there is nothing.
    fn kill_again(&mut self, now: Instant) {
        let Some(ending) = self.ending.as_mut().filter(|ending| ending.next <= now) else { return };
        ending.pause = (ending.pause * 2).min(HUNT_PAUSE_MAX);
        // If processes cannot be listed now, there is another time.
        hunt::kill_descendants().ok();
        self.launch.cgroup.kill();
        ending.next = Instant::now() + ending.pause;
    }

    /// Waits until there is something to do.
    fn wait(&mut self) {
        let pause = self.ending.as_ref().map(|ending| {
            let pause = ending.next.saturating_duration_since(Instant::now());
            timespec(pause.max(Duration::from_millis(1)))
        });
        let mut sources = vec![PollFd::new(&self.signals, PollFlags::IN)];
        if self.ending.is_none() {
            sources.push(PollFd::new(&self.control, PollFlags::IN));
            sources.push(PollFd::new(&self.timer, PollFlags::IN));
        }
        sources.extend(self.stage.as_ref().map(|stage| PollFd::new(stage, PollFlags::IN)));
        poll(&mut sources, pause.as_ref()).ok();
        while let Ok(Some(_)) = self.signals.read_signal() {}
    }

    fn report(&self, report: &Report) {
        // A worker that is gone does not hear; one that is stopped will.
        wire::put(&self.control, &report.encode(), false).ok();
    }
}

/// Starts the process that becomes the job's program, once it is told to.
fn spawn() -> io::Result<(OwnedFd, Pid)> {
    let (ours, theirs) = wire::pair()?;
    let child = Command::new("/proc/self/exe")
        .arg0("stint")
        .arg(STAGE)
        .env_clear()
        .stdin(Stdio::from(theirs))
        .process_group(0)
        .spawn()?;
    // The run's output is its own: nobody should wait for this process to close it.
    let nothing = rustix::stdio::stdin();
    rustix::stdio::dup2_stdout(nothing)?;
    rustix::stdio::dup2_stderr(nothing)?;
    Ok((ours, Pid::from_child(&child)))
}

fn arm(timer: &OwnedFd, at: Boottime) -> rustix::io::Result<()> {
    let never = Timespec { tv_sec: 0, tv_nsec: 0 };
    let once = Itimerspec { it_interval: never, it_value: at.to_timespec() };
    timerfd_settime(timer, TimerfdTimerFlags::ABSTIME, &once).map(drop)
}

fn timespec(span: Duration) -> Timespec {
    span.try_into().unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 })
}
