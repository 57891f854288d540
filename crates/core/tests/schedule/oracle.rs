//! The rules for a clock that is set, stated a second time and as plainly as possible.
//!
//! Where the product walks from change to change, this lists what is shown and what is skipped.
//! The times of a line come from croner, which here knows no zone.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::{Cron, Direction};

use super::wall::{STEP, Stretch, stretches};

const SECOND: TimeDelta = TimeDelta::seconds(1);

/// Whether the line says how often rather than when: a star in front of more than one value.
pub(crate) fn is_interval(line: &str, cron: &Cron) -> bool {
    let fields: Vec<_> = line.split_whitespace().collect();
    let (seconds, minutes, hours) = match fields.as_slice() {
        [name] => ("0", "0", if name.eq_ignore_ascii_case("@hourly") { "*" } else { "0" }),
        [minutes, hours, _, _, _] => ("0", *minutes, *hours),
        [seconds, minutes, hours, _, _, _] => (*seconds, *minutes, *hours),
        _ => panic!("{line} is no line"),
    };
    let pattern = &cron.pattern;
    [(seconds, &pattern.seconds), (minutes, &pattern.minutes), (hours, &pattern.hours)]
        .into_iter()
        .any(|(text, values)| text.starts_with('*') && values.values().len() > 1)
}

/// The first tick after `after`, if it is not after `until`.
pub(crate) fn next_tick(
    cron: &Cron,
    is_interval: bool,
    zone: Tz,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let from = after - TimeDelta::days(2);
    let stretches = stretches(zone, from, until + SECOND, STEP);
    let mut ticks = Vec::new();
    for (index, stretch) in stretches.iter().enumerate() {
        let (earlier, _) = stretches.split_at(index);
        ticks.extend(shown_ticks(cron, is_interval, stretch, earlier, after));
        let before = earlier.last().filter(|before| before.offset < stretch.offset);
        if let Some(before) = before
            && stretch.from > after
            && fires_after_gap(cron, is_interval, before, stretch)
        {
            ticks.push(stretch.from);
        }
    }
    ticks.into_iter().filter(|&tick| tick <= until).min()
}

/// The first tick of a stretch that comes from a time being shown.
fn shown_ticks(
    cron: &Cron,
    is_interval: bool,
    stretch: &Stretch,
    earlier: &[Stretch],
    after: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let start = stretch.first_shown().max(after.naive_utc() + stretch.offset + SECOND);
    times(cron, start, stretch.last_shown())
        .find(|&time| is_interval || !earlier.iter().any(|earlier| earlier.shows(time)))
        .map(|time| (time - stretch.offset).and_utc())
}

fn fires_after_gap(cron: &Cron, is_interval: bool, before: &Stretch, after: &Stretch) -> bool {
    let gap = after.first_shown() - before.last_shown();
    let mut skipped = times(cron, before.last_shown(), after.first_shown());
    skipped.any(|time| !is_interval || !cron.is_time_matching(&(time + gap)).expect("a time"))
}

/// The times of a line from `from` on and before `to`.
fn times(
    cron: &Cron,
    from: NaiveDateTime,
    to: NaiveDateTime,
) -> impl Iterator<Item = NaiveDateTime> {
    cron.iter_from(from, Direction::Forward).take_while(move |&time| time < to)
}
