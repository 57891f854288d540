//! The clock of leases: it counts the time that the machine sleeps, and nobody can set it.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

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

    /// The form that timers of the kernel take. Never zero, which would stop a timer.
    pub(crate) fn to_timespec(self) -> Timespec {
        let whole = self.0.max(Duration::from_nanos(1));
        let longest = Timespec { tv_sec: i64::MAX, tv_nsec: 0 };
        whole.try_into().unwrap_or(longest)
    }
}
