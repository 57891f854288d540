//! A time zone as changes of the clock on its wall.

use chrono::{DateTime, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

use super::error::{ScheduleError, shown};

/// UTC, or a time zone of the IANA database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Zone(Tz);

/// The clock on the wall is set forward or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    /// When.
    pub(super) at: DateTime<Utc>,
    /// What the wall would show then by the old rule. From here on times are skipped or have
    /// been shown already.
    pub(super) from: NaiveDateTime,
    /// What it shows.
    pub(super) to: NaiveDateTime,
}

/// The step of the search for a change. The database is asked for the offset at an instant; two
/// changes within one step might cancel each other out unseen. From 1970 on, no two changes of a
/// zone are closer than 6 days and 23 hours (Boa Vista in 2000, Gaza in 2040).
const STEP: TimeDelta = TimeDelta::days(3);

/// How long after a change a time can be shown again: offsets are less than a day, either way.
const REACH: TimeDelta = TimeDelta::days(2);

impl Zone {
    /// The zone of that name; without a name, UTC.
    pub(super) fn parse(name: Option<&str>) -> Result<Self, ScheduleError> {
        let Some(name) = name else {
            return Ok(Self(Tz::UTC));
        };
        name.parse().map(Self).map_err(|_| ScheduleError::UnknownTimeZone(shown(name)))
    }

    /// What the wall shows at that instant.
    pub(super) fn local(self, at: DateTime<Utc>) -> NaiveDateTime {
        at.naive_utc() + self.offset(at)
    }

    /// The latest that the wall has shown up to that instant: later than [`Self::local`] while
    /// times are shown again.
    pub(super) fn latest_local(self, at: DateTime<Utc>) -> NaiveDateTime {
        let mut latest = self.local(at);
        let mut from = at - REACH;
        while let Some(change) = self.next_change(from, at) {
            latest = latest.max(change.from - TimeDelta::seconds(1));
            from = change.at;
        }
        latest
    }

    /// The instant at which the wall shows `local`, by the rule that holds at `at`.
    pub(super) fn instant(self, local: NaiveDateTime, at: DateTime<Utc>) -> DateTime<Utc> {
        (local - self.offset(at)).and_utc()
    }

    /// The first change after `after`, up to and including `until`.
    pub(super) fn next_change(self, after: DateTime<Utc>, until: DateTime<Utc>) -> Option<Change> {
        if self.0 == Tz::UTC {
            return None;
        }
        let old = self.offset(after);
        let (mut before, mut at) = (after, after);
        while self.offset(at) == old {
            if at >= until {
                return None;
            }
            before = at;
            at = until.min(at + STEP);
        }
        while at - before > TimeDelta::seconds(1) {
            let middle = before + TimeDelta::seconds((at - before).num_seconds() / 2);
            if self.offset(middle) == old { before = middle } else { at = middle }
        }
        Some(Change { at, from: at.naive_utc() + old, to: self.local(at) })
    }

    fn offset(self, at: DateTime<Utc>) -> TimeDelta {
        let offset = self.0.offset_from_utc_datetime(&at.naive_utc()).fix();
        TimeDelta::seconds(i64::from(offset.local_minus_utc()))
    }
}
