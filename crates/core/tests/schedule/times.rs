//! Instants as tests write and read them.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use stint_core::{Schedule, Timestamp};

/// The instant that an RFC 3339 text names.
pub(crate) fn at(text: &str) -> Timestamp {
    let time = DateTime::parse_from_rfc3339(text).expect("an instant");
    Timestamp::from_ms(u64::try_from(time.timestamp_millis()).expect("an instant"))
}

pub(crate) fn utc(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(i64::try_from(at.as_ms()).expect("an instant"))
        .expect("an instant")
}

pub(crate) fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp::from_ms(u64::try_from(at.timestamp_millis()).expect("an instant"))
}

/// A schedule that must be one.
pub(crate) fn schedule(text: &str, zone: Option<&str>) -> Schedule {
    Schedule::parse(text, zone).unwrap_or_else(|error| panic!("{text} in {zone:?}: {error}"))
}

/// The first `count` ticks after `after`, in UTC.
pub(crate) fn ticks(text: &str, after: &str, count: usize) -> Vec<String> {
    local_ticks(text, "UTC", after, count)
        .into_iter()
        .map(|tick| tick.replace("+00:00", "Z"))
        .collect()
}

/// The first `count` ticks after `after`, as the wall of the zone shows them, with its offset.
pub(crate) fn local_ticks(text: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = schedule(text, Some(zone));
    let zone: Tz = zone.parse().expect("a zone");
    let mut last = at(after);
    (0..count)
        .map(|_| {
            last = schedule.next_after(last, Timestamp::ZERO).expect("an instant");
            utc(last).with_timezone(&zone).format("%Y-%m-%dT%H:%M:%S%:z").to_string()
        })
        .collect()
}
