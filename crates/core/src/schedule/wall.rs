//! From times on the wall to instants: what happens when the clock is set.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Timelike as _, Utc};

use super::calendar::Calendar;
use super::zone::{Change, Zone};

const SECOND: TimeDelta = TimeDelta::seconds(1);

/// The first tick after `after`, a whole second, and before `end`.
///
/// It goes from one change of the clock to the next. Between two of them the wall runs evenly, and
/// the next time of the calendar is the next tick.
pub(super) fn next_tick(
    calendar: &Calendar,
    zone: Zone,
    after: DateTime<Utc>,
    end: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let mut at = after;
    // Times up to this one are over. A line that says when has each time once, so what the wall
    // shows again is over; a line that says how often goes by what the wall shows.
    let mut over =
        if calendar.is_interval() { zone.local(after) } else { zone.latest_local(after) };
    loop {
        let time = calendar.next(over)?;
        let tick = zone.instant(time, at);
        let Some(change) = zone.next_change(at, tick.min(end)) else {
            return (tick < end).then_some(tick);
        };
        if change.to > change.from {
            if time < change.to && fires_after_gap(calendar, time, change) {
                return (change.at < end).then_some(change.at);
            }
            over = over.max(change.to - SECOND);
        } else if calendar.is_interval() {
            over = change.to - SECOND;
        } else {
            over = over.max(change.from - SECOND);
        }
        at = change.at;
    }
}

/// Whether times that the wall skips, of which `first` is the first, fire when the gap is over.
///
/// Of a line that says when, always. A line that says how often has no need of it if it goes on by
/// itself: if at the moment of each skipped time the wall shows another of its times.
fn fires_after_gap(calendar: &Calendar, first: NaiveDateTime, change: Change) -> bool {
    if !calendar.is_interval() {
        return true;
    }
    let gap = change.to - change.from;
    let unit = unit_of(gap);
    let mut skipped = Some(first);
    while let Some(time) = skipped.filter(|&time| time < change.to) {
        if !calendar.contains(time + gap) {
            return true;
        }
        // The fields below the unit do not move, so the rest of it has the same answer.
        let into_unit = i64::from(time.num_seconds_from_midnight()) % unit;
        skipped = calendar.next(time + TimeDelta::seconds(unit - 1 - into_unit));
    }
    false
}

/// The largest of an hour, a minute and a second that `gap` is a multiple of, in seconds.
fn unit_of(gap: TimeDelta) -> i64 {
    [3_600, 60].into_iter().find(|unit| gap.num_seconds() % unit == 0).unwrap_or(1)
}
