//! The clock on the wall of a zone, as a list of stretches during which it runs evenly.

use chrono::{DateTime, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

/// Two changes of a zone's clock are further apart than this, as a test in `clock_set` shows.
pub(crate) const STEP: TimeDelta = TimeDelta::days(6);

/// A stretch of time between two changes of the clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
    pub(crate) offset: TimeDelta,
}

impl Stretch {
    pub(crate) fn first_shown(&self) -> NaiveDateTime {
        self.from.naive_utc() + self.offset
    }

    /// The time that would be shown next if the clock ran on.
    pub(crate) fn last_shown(&self) -> NaiveDateTime {
        self.to.naive_utc() + self.offset
    }

    pub(crate) fn shows(&self, time: NaiveDateTime) -> bool {
        self.first_shown() <= time && time < self.last_shown()
    }
}

pub(crate) fn offset(zone: Tz, at: DateTime<Utc>) -> TimeDelta {
    let offset = zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    TimeDelta::seconds(i64::from(offset.local_minus_utc()))
}

/// The stretches from `from` to `to`, found by looking every `step`.
pub(crate) fn stretches(
    zone: Tz,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    step: TimeDelta,
) -> Vec<Stretch> {
    let mut all = Vec::new();
    let mut start = from;
    let mut seen = from;
    while seen < to {
        let next = to.min(seen + step);
        let (old, new) = (offset(zone, seen), offset(zone, next));
        if old != new {
            let change = first_second_of(zone, new, seen, next);
            all.push(Stretch { from: start, to: change, offset: old });
            start = change;
        }
        seen = next;
    }
    all.push(Stretch { from: start, to, offset: offset(zone, to) });
    all
}

fn first_second_of(
    zone: Tz,
    new: TimeDelta,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> DateTime<Utc> {
    let (mut old, mut new_at) = (from.timestamp(), to.timestamp());
    while new_at - old > 1 {
        let middle = i64::midpoint(old, new_at);
        let at = DateTime::from_timestamp(middle, 0).expect("an instant");
        if offset(zone, at) == new { new_at = middle } else { old = middle }
    }
    DateTime::from_timestamp(new_at, 0).expect("an instant")
}
