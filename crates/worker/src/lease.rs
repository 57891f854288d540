//! The worker's own view of its lease: what may run, and until when.
//!
//! Each run has a guardian, which is a process of its own and kills the run at the end of the lease
//! (`guardian.rs`). Here the end is kept and passed on to all of them when it moves.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::{Boottime, Clock};
use crate::guardian::wire::Order;
use crate::proc::Mark;
use crate::process::{Told, watched};
use crate::run::sleep_until;

/// The keeper of one worker's lease.
#[derive(Debug)]
pub(crate) struct Lease {
    held: Arc<Mutex<Held>>,
    clock: Clock,
    timer: Timer,
}

/// Fires at the end of the lease.
#[derive(Debug)]
enum Timer {
    /// On a clock that counts the time that the machine sleeps.
    Machine(AsyncFd<OwnedFd>),
    /// On the runtime's own, in a simulation.
    Simulated(watch::Sender<Option<Boottime>>),
}

#[derive(Debug, Default)]
struct Held {
    /// When the lease ends; without one, nothing may run.
    until: Option<Boottime>,
    runs: BTreeMap<Mark, Arc<dyn Told>>,
}

/// A run whose guardian hears of the lease, until this is dropped.
#[derive(Debug)]
pub(crate) struct Guarded {
    held: Arc<Mutex<Held>>,
    mark: Mark,
}

impl Drop for Guarded {
    fn drop(&mut self) {
        lock(&self.held).runs.remove(&self.mark);
    }
}

impl Lease {
    /// No lease yet. Needs a runtime around it.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Boottime, flags)?;
        let timer = Timer::Machine(watched(timer)?);
        Ok(Self { held: Arc::default(), clock: Clock::Machine, timer })
    }

    /// The same on the clock of the runtime.
    pub(crate) fn simulated() -> Self {
        let timer = Timer::Simulated(watch::Sender::new(None));
        Self { held: Arc::default(), clock: Clock::Simulated(Instant::now()), timer }
    }

    /// What time it is for leases.
    pub(crate) fn now(&self) -> Boottime {
        self.clock.now()
    }

    /// The lease lasts until then. One that is over does not come back to life: what ran under it
    /// has been killed, and a renewal of it comes too late.
    pub(crate) fn renew(&self, until: Boottime) {
        let mut held = lock(&self.held);
        if held.until.is_some_and(|end| end < until && end > self.now()) {
            held.until = Some(until);
            self.arm(until);
            held.tell(&Order::Renew(until));
        }
    }

    /// A new lease begins. Nothing runs under a former one.
    pub(crate) fn begin(&self, until: Boottime) {
        let mut held = lock(&self.held);
        assert!(held.runs.is_empty(), "a lease begins while {} runs have another", held.runs.len());
        held.until = Some(until);
        self.arm(until);
    }

    /// Whether there is a lease, and something may be started under it.
    pub(crate) fn is_valid(&self) -> bool {
        lock(&self.held).valid(self.now()).is_some()
    }

    /// From now on this guardian hears of the lease, which lasts until what this returns; nothing
    /// if it is over.
    pub(crate) fn guard<T: Told + 'static>(
        &self,
        mark: Mark,
        link: &Arc<T>,
    ) -> Option<(Guarded, Boottime)> {
        let mut held = lock(&self.held);
        let until = held.valid(self.now())?;
        let link: Arc<T> = Arc::clone(link);
        held.runs.insert(mark, link);
        Some((Guarded { held: Arc::clone(&self.held), mark }, until))
    }

    /// The lease is over before its time: everything under it is killed at once.
    pub(crate) fn end(&self) {
        let mut held = lock(&self.held);
        held.until = None;
        held.tell(&Order::Kill);
    }

    /// Returns when a lease has run out, once for each. Nothing is lost if this is dropped.
    pub(crate) async fn lapsed(&self) {
        loop {
            if self.fired().await && self.is_over() {
                return;
            }
        }
    }

    /// Returns when the timer has fired, or seems to have: whether it has.
    async fn fired(&self) -> bool {
        match &self.timer {
            Timer::Machine(timer) => {
                let Ok(mut ready) = timer.readable().await else {
                    // The runtime is going down.
                    return std::future::pending().await;
                };
                ready.clear_ready();
                rustix::io::read(timer, &mut [0_u8; 8]).is_ok()
            }
            Timer::Simulated(set) => {
                let mut changes = set.subscribe();
                let until = *changes.borrow_and_update();
                let left = until.map(|until| Instant::now() + until.since(self.now()));
                tokio::select! {
                    _ = changes.changed() => false,
                    () = sleep_until(left) => {
                        // Once, as the kernel's does.
                        set.send_replace(None);
                        true
                    }
                }
            }
        }
    }

    /// Ends the lease if its time has come; whether it has just done so.
    fn is_over(&self) -> bool {
        let mut held = lock(&self.held);
        let is_over = held.until.is_some_and(|until| until <= self.now());
        if is_over {
            held.until = None;
            held.tell(&Order::Kill);
        }
        is_over
    }

    /// Called with the lock held, so that the timer always has the last end of the lease.
    fn arm(&self, at: Boottime) {
        let timer = match &self.timer {
            Timer::Machine(timer) => timer,
            Timer::Simulated(until) => {
                until.send_replace(Some(at));
                return;
            }
        };
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Itimerspec { it_interval: never, it_value: at.to_timespec() };
        timerfd_settime(timer, TimerfdTimerFlags::ABSTIME, &once)
            .expect("a timer that exists can be set to any instant");
    }
}

impl Drop for Lease {
    /// Kills what is still under the lease: it is nobody's any more.
    fn drop(&mut self) {
        self.end();
    }
}

impl Held {
    fn valid(&self, now: Boottime) -> Option<Boottime> {
        self.until.filter(|until| *until > now)
    }

    fn tell(&self, order: &Order) {
        self.runs.values().for_each(|link| link.tell(order));
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    // What a panicking holder left is whole: each change is one assignment.
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stint_core::{JobId, LeaseId};

    use super::*;
    use crate::testing::{heard, link};

    const MARK: Mark = Mark { lease: LeaseId(3), job: JobId::from_bytes([3; 16]) };

    fn soon(ms: u64) -> Boottime {
        Boottime::now().plus(Duration::from_millis(ms))
    }

    #[tokio::test]
    async fn a_guardian_hears_of_the_lease_while_its_run_goes_on() {
        let lease = Lease::new().unwrap();
        let (link, guardian) = link();
        assert!(lease.guard(MARK, &link).is_none(), "it may run without a lease");
        let (first, last) = (soon(60_000), soon(120_000));
        lease.begin(first);
        let (guarded, until) = lease.guard(MARK, &link).unwrap();
        assert_eq!(until, first);
        lease.renew(last);
        lease.renew(first);
        assert_eq!(heard(&guardian), [Order::Renew(last)], "an older renewal was passed on");
        lease.end();
        assert_eq!((heard(&guardian), lease.is_valid()), (vec![Order::Kill], false));
        drop(guarded);
        lease.begin(last);
        lease.renew(soon(180_000));
        assert_eq!(heard(&guardian), []);
    }

    #[tokio::test]
    async fn a_lease_that_runs_out_kills_and_does_not_come_back_to_life() {
        let lease = Lease::new().unwrap();
        let (link, guardian) = link();
        lease.begin(soon(50));
        let (_guarded, _) = lease.guard(MARK, &link).unwrap();
        let end = soon(100);
        lease.renew(end);
        lease.lapsed().await;
        assert!(Boottime::now() >= end, "it ran out before its time");
        lease.renew(soon(60_000));
        assert!(!lease.is_valid(), "a lease came back to life");
        assert_eq!(heard(&guardian), [Order::Renew(end), Order::Kill]);
    }

    #[tokio::test]
    async fn what_nobody_keeps_is_killed() {
        let lease = Lease::new().unwrap();
        let (link, guardian) = link();
        lease.begin(soon(60_000));
        let _guarded = lease.guard(MARK, &link).unwrap();
        drop(lease);
        assert_eq!(heard(&guardian), [Order::Kill]);
    }
}
