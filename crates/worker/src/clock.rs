//! The clock of leases: it counts the time that the machine sleeps, and nobody can set it.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};
use tokio::time::Instant;

/// What a worker's lease is counted on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    /// The boot-time clock of the machine.
    Machine,
    /// The runtime's own since then, which a simulation sets forward.
    Simulated(Instant),
}

impl Clock {
    pub(crate) fn now(self) -> Boottime {
        match self {
            Self::Machine => Boottime::now(),
            Self::Simulated(since) => Boottime(since.elapsed()),
        }
    }
}

/// An instant of the boot-time clock: the time since the machine started, sleep included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Boottime(Duration);

impl Boottime {
    pub(crate) fn now() -> Self {
        let now = clock_gettime(ClockId::Boottime);
        Self(now.try_into().expect("the time since the machine started is not negative"))
    }

    pub(crate) fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// Nanoseconds since the machine started; enough for five centuries.
    pub(crate) fn nanoseconds(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }

    pub(crate) fn from_nanoseconds(nanoseconds: u64) -> Self {
        Self(Duration::from_nanos(nanoseconds))
    }

    /// How long it is until then; nothing if it is past.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The form that timers of the kernel take. Never zero, which would stop a timer.
    pub(crate) fn to_timespec(self) -> Timespec {
        let whole = self.0.max(Duration::from_nanos(1));
        let longest = Timespec { tv_sec: i64::MAX, tv_nsec: 0 };
        whole.try_into().unwrap_or(longest)
    }
}
