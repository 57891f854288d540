//! One run's processes, as their worker sees them: it talks to their guardian.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::retry_on_intr;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::io::unix::AsyncFd;

use crate::guardian::launch::Launch;
use crate::guardian::program::Program;
use crate::guardian::wire::{self, End, Order, Report};
use crate::limits::{GONE_MAX, LAUNCH_MAX, LEFTOVER_PAUSE};
use crate::orphans::Notes;
use crate::proc::Mark;

/// What a run's processes write to.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) out: OwnedFd,
    pub(crate) err: OwnedFd,
}

/// The worker's end of what it and a guardian say to each other.
#[derive(Debug)]
pub(crate) struct Link(AsyncFd<OwnedFd>);

impl Link {
    /// Needs a runtime around it.
    pub(crate) fn new(socket: OwnedFd) -> io::Result<Self> {
        watched(socket).map(Self)
    }
}

/// Who is told of a lease and of orders: a guardian, or what stands for one.
pub(crate) trait Told: std::fmt::Debug + Send + Sync {
    /// Says it, if there is room: one that does not listen holds up nobody.
    fn tell(&self, order: &Order);
}

impl Told for Link {
    fn tell(&self, order: &Order) {
        if let Err(error) = wire::put(&self.0, &order.encode(), false) {
            // Its end is seen by who listens to it.
            tracing::debug!(%error, ?order, "a guardian does not listen");
        }
    }
}

/// The processes of one run. Dropping this has them killed.
#[derive(Debug)]
pub(crate) struct Process {
    link: Arc<Link>,
    guardian: Child,
    is_reaped: bool,
}

/// What is heard of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Its first process has become the job's program.
    Started(Pid),
    /// It has not, and why; nothing of it is left, or soon so.
    Failed(String),
    /// Its first process has ended; the rest is being killed.
    Ended(End),
    /// Nothing of it is left.
    Gone,
    /// Its guardian is gone, and may have left anything.
    Lost,
}

impl Process {
    /// Starts a guardian, with nothing to guard yet. Needs a runtime around it.
    pub(crate) fn new(program: &Program) -> io::Result<(Self, Pipes)> {
        let (ours, theirs) = wire::pair()?;
        set_socket_timeout(&ours, Timeout::Send, Some(LAUNCH_MAX))?;
        let link = Arc::new(Link::new(ours)?);
        let mut guardian = program
            .command()
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pipes = guardian.stdout.take().zip(guardian.stderr.take());
        let process = Self { link, guardian, is_reaped: false };
        let (out, err) = pipes.ok_or_else(|| io::Error::other("it has no pipes"))?;
        Ok((process, Pipes { out: out.into(), err: err.into() }))
    }

    /// Who listens to the guardian's worker.
    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// The guardian.
    pub(crate) fn guardian(&self) -> Pid {
        Pid::from_child(&self.guardian)
    }

    /// Has the guardian start what it is to guard.
    pub(crate) fn launch(&self, launch: &Launch) -> io::Result<()> {
        wire::launch(&launch.encode()).try_for_each(|packet| wire::put(&self.link.0, &packet, true))
    }

    /// Sends SIGTERM to the group, and wakes it if it is stopped, so that it can obey.
    pub(crate) fn terminate(&self) {
        self.link.tell(&Order::Terminate);
    }

    /// Sends SIGKILL to everything.
    pub(crate) fn kill(&self) {
        self.link.tell(&Order::Kill);
    }

    /// What happens next to the run. Nothing is lost if this is dropped.
    pub(crate) async fn heard(&self) -> Heard {
        loop {
            let Ok(mut ready) = self.link.0.readable().await else {
                // The runtime is going down.
                return std::future::pending().await;
            };
            match wire::take(&self.link.0, false) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Ok(Some(packet)) => match Report::decode(&packet) {
                    Some(Report::Started(pid)) => return Heard::Started(pid),
                    Some(Report::Failed(reason)) => return Heard::Failed(reason),
                    Some(Report::Ended(end)) => return Heard::Ended(end),
                    Some(Report::Gone) => return Heard::Gone,
                    None => {}
                },
                Ok(None) | Err(_) => return Heard::Lost,
            }
        }
    }

    /// Lets go of the guardian of a run that is gone.
    pub(crate) async fn part(mut self) {
        // It has said its last word. When its end is closed, it is as good as dead.
        while self.heard().await != Heard::Lost {}
        self.is_reaped = self.guardian.wait().is_ok();
    }
}

/// Ends a run whose guardian does not: looks for what belongs to it and kills that, until nothing
/// is found, or for so long that only the kernel can be what holds it up.
pub(crate) fn end_by_force(notes: &Notes, mark: Mark) {
    let give_up_at = Instant::now() + GONE_MAX;
    let marks = BTreeSet::from([mark]);
    loop {
        match notes.end_runs(&marks) {
            Ok(0) => return,
            Ok(count) => tracing::info!(job = %mark.job, count, "killed without their guardian"),
            Err(error) => {
                tracing::error!(job = %mark.job, %error, "processes cannot be searched for");
            }
        }
        if Instant::now() >= give_up_at {
            return;
        }
        std::thread::sleep(LEFTOVER_PAUSE);
    }
}

impl Drop for Process {
    /// A run that nobody waits for must not live on.
    fn drop(&mut self) {
        if !self.is_reaped {
            self.kill();
            if !matches!(self.guardian.try_wait(), Ok(Some(_))) {
                reap_later(self.guardian());
            }
        }
    }
}

/// Waits on a thread of its own for a guardian that nobody else waits for: it takes a moment to
/// end, and would stay in the process table for as long as its worker lives.
fn reap_later(pid: Pid) {
    let wait = move || {
        // That there is no such child is what this is for.
        retry_on_intr(|| waitid(WaitId::Pid(pid), WaitIdOptions::EXITED)).ok();
    };
    let thread = std::thread::Builder::new().name("stint-reaper".to_owned()).spawn(wait);
    if let Err(error) = thread {
        tracing::warn!(pid = pid.as_raw_nonzero(), %error, "a guardian stays as a zombie");
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe, for files that change their number or \
    close early; an OwnedFd does neither"
)]
pub(crate) fn watched(file: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(file, tokio::io::Interest::READABLE)
}

/// Waits for the end of a run for no longer than this.
pub(crate) async fn gone(process: &Process, limit: Duration) -> bool {
    let until_gone = async {
        loop {
            match process.heard().await {
                Heard::Started(_) | Heard::Failed(_) | Heard::Ended(_) => {}
                Heard::Gone => return true,
                Heard::Lost => return false,
            }
        }
    };
    tokio::time::timeout(limit, until_gone).await.unwrap_or(false)
}
