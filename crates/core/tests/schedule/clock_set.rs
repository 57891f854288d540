//! What happens on the days on which the clock is set.

use chrono::TimeDelta;
use chrono_tz::{TZ_VARIANTS, Tz};
use stint_core::Timestamp;

use super::dice::{Dice, seed};
use super::times::{at, local_ticks, schedule, utc};
use super::wall::{STEP, stretches};

/// A line, an instant, and the ticks after it as the wall shows them.
type Row = (&'static str, &'static str, &'static [&'static str]);

fn check(zone: &str, rows: &[Row]) {
    for (line, after, expected) in rows {
        let found = local_ticks(line, zone, after, expected.len());
        assert_eq!(found, *expected, "{line} in {zone} after {after}");
    }
}

#[test]
fn berlin_skips_an_hour_in_spring() {
    let day_before = "2026-03-28T00:00:00Z";
    check(
        "Europe/Berlin",
        &[
            (
                "30 2 * * *",
                day_before,
                &[
                    "2026-03-28T02:30:00+01:00",
                    "2026-03-29T03:00:00+02:00",
                    "2026-03-30T02:30:00+02:00",
                ],
            ),
            (
                "10,30,50 2 * * *",
                "2026-03-28T01:40:00Z",
                &[
                    "2026-03-28T02:50:00+01:00",
                    "2026-03-29T03:00:00+02:00",
                    "2026-03-30T02:10:00+02:00",
                ],
            ),
            // What is skipped and what is due at the gap's end are one.
            (
                "0 2,3 * * *",
                day_before,
                &[
                    "2026-03-28T02:00:00+01:00",
                    "2026-03-28T03:00:00+01:00",
                    "2026-03-29T03:00:00+02:00",
                    "2026-03-30T02:00:00+02:00",
                ],
            ),
            (
                "0 3 * * *",
                day_before,
                &[
                    "2026-03-28T03:00:00+01:00",
                    "2026-03-29T03:00:00+02:00",
                    "2026-03-30T03:00:00+02:00",
                ],
            ),
        ],
    );
}

#[test]
fn an_interval_goes_on_over_the_hour_that_berlin_skips() {
    let midnight = "2026-03-28T22:59:59Z";
    check(
        "Europe/Berlin",
        &[
            (
                "@hourly",
                midnight,
                &[
                    "2026-03-29T00:00:00+01:00",
                    "2026-03-29T01:00:00+01:00",
                    "2026-03-29T03:00:00+02:00",
                    "2026-03-29T04:00:00+02:00",
                ],
            ),
            (
                "7 * * * *",
                midnight,
                &[
                    "2026-03-29T00:07:00+01:00",
                    "2026-03-29T01:07:00+01:00",
                    "2026-03-29T03:07:00+02:00",
                ],
            ),
            (
                "*/30 * * * *",
                "2026-03-29T00:00:00Z",
                &[
                    "2026-03-29T01:30:00+01:00",
                    "2026-03-29T03:00:00+02:00",
                    "2026-03-29T03:30:00+02:00",
                ],
            ),
            // These would have lost their times at 2.
            (
                "*/5 2 * * *",
                "2026-03-28T01:50:00Z",
                &[
                    "2026-03-28T02:55:00+01:00",
                    "2026-03-29T03:00:00+02:00",
                    "2026-03-30T02:00:00+02:00",
                ],
            ),
            (
                "0 */2 * * *",
                midnight,
                &[
                    "2026-03-29T00:00:00+01:00",
                    "2026-03-29T03:00:00+02:00",
                    "2026-03-29T04:00:00+02:00",
                ],
            ),
        ],
    );
}

#[test]
fn berlin_shows_an_hour_twice_in_autumn() {
    let day_before = "2026-10-24T00:00:00Z";
    let before = "2026-10-24T23:59:59Z";
    check(
        "Europe/Berlin",
        &[
            (
                "30 2 * * *",
                day_before,
                &[
                    "2026-10-24T02:30:00+02:00",
                    "2026-10-25T02:30:00+02:00",
                    "2026-10-26T02:30:00+01:00",
                ],
            ),
            // Asked while the hour is shown again.
            ("30 2 * * *", "2026-10-25T01:10:00Z", &["2026-10-26T02:30:00+01:00"]),
            (
                "0 2,3 * * *",
                before,
                &[
                    "2026-10-25T02:00:00+02:00",
                    "2026-10-25T03:00:00+01:00",
                    "2026-10-26T02:00:00+01:00",
                ],
            ),
            (
                "0-59/30 2 * * *",
                before,
                &[
                    "2026-10-25T02:00:00+02:00",
                    "2026-10-25T02:30:00+02:00",
                    "2026-10-26T02:00:00+01:00",
                ],
            ),
            (
                "@hourly",
                before,
                &[
                    "2026-10-25T02:00:00+02:00",
                    "2026-10-25T02:00:00+01:00",
                    "2026-10-25T03:00:00+01:00",
                ],
            ),
            (
                "*/30 * * * *",
                before,
                &[
                    "2026-10-25T02:00:00+02:00",
                    "2026-10-25T02:30:00+02:00",
                    "2026-10-25T02:00:00+01:00",
                    "2026-10-25T02:30:00+01:00",
                    "2026-10-25T03:00:00+01:00",
                ],
            ),
            (
                "0 */2 * * *",
                before,
                &[
                    "2026-10-25T02:00:00+02:00",
                    "2026-10-25T02:00:00+01:00",
                    "2026-10-25T04:00:00+01:00",
                ],
            ),
            // One value alone is no interval, star or not.
            (
                "0 2 */24 * * *",
                "2026-10-24T12:00:00Z",
                &["2026-10-25T00:02:00+02:00", "2026-10-26T00:02:00+01:00"],
            ),
        ],
    );
}

#[test]
fn new_york_skips_and_repeats_an_hour() {
    check(
        "America/New_York",
        &[
            (
                "30 2 * * *",
                "2026-03-07T12:00:00Z",
                &["2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"],
            ),
            (
                "@hourly",
                "2026-03-08T05:30:00Z",
                &[
                    "2026-03-08T01:00:00-05:00",
                    "2026-03-08T03:00:00-04:00",
                    "2026-03-08T04:00:00-04:00",
                ],
            ),
            (
                "*/30 * * * *",
                "2026-03-08T06:00:00Z",
                &[
                    "2026-03-08T01:30:00-05:00",
                    "2026-03-08T03:00:00-04:00",
                    "2026-03-08T03:30:00-04:00",
                ],
            ),
            (
                "30 1 * * *",
                "2026-10-31T12:00:00Z",
                &["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"],
            ),
            (
                "@hourly",
                "2026-11-01T04:30:00Z",
                &[
                    "2026-11-01T01:00:00-04:00",
                    "2026-11-01T01:00:00-05:00",
                    "2026-11-01T02:00:00-05:00",
                ],
            ),
            (
                "*/30 * * * *",
                "2026-11-01T05:00:00Z",
                &[
                    "2026-11-01T01:30:00-04:00",
                    "2026-11-01T01:00:00-05:00",
                    "2026-11-01T01:30:00-05:00",
                ],
            ),
        ],
    );
}

#[test]
fn lord_howe_sets_its_clock_by_half_an_hour() {
    check(
        "Australia/Lord_Howe",
        &[
            (
                "15 2 * * *",
                "2026-10-02T18:00:00Z",
                &["2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"],
            ),
            // An hour after 1:00 the wall shows 2:30: the tick of 2:00 is not lost.
            (
                "@hourly",
                "2026-10-03T14:00:00Z",
                &[
                    "2026-10-04T01:00:00+10:30",
                    "2026-10-04T02:30:00+11:00",
                    "2026-10-04T03:00:00+11:00",
                ],
            ),
            (
                "*/30 * * * *",
                "2026-10-03T14:30:00Z",
                &[
                    "2026-10-04T01:30:00+10:30",
                    "2026-10-04T02:30:00+11:00",
                    "2026-10-04T03:00:00+11:00",
                ],
            ),
            // Half an hour after 2:05 is 2:35, which goes on; after 2:06 there is nothing.
            (
                "5,6,35 * * * *",
                "2026-10-03T15:00:00Z",
                &[
                    "2026-10-04T01:35:00+10:30",
                    "2026-10-04T02:30:00+11:00",
                    "2026-10-04T02:35:00+11:00",
                ],
            ),
            (
                "45 1 * * *",
                "2026-04-04T00:00:00Z",
                &["2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"],
            ),
            (
                "@hourly",
                "2026-04-04T13:30:00Z",
                &[
                    "2026-04-05T01:00:00+11:00",
                    "2026-04-05T02:00:00+10:30",
                    "2026-04-05T03:00:00+10:30",
                ],
            ),
            (
                "*/30 * * * *",
                "2026-04-04T14:00:00Z",
                &[
                    "2026-04-05T01:30:00+11:00",
                    "2026-04-05T01:30:00+10:30",
                    "2026-04-05T02:00:00+10:30",
                ],
            ),
        ],
    );
}

#[test]
fn apia_skips_a_day() {
    let before = "2011-12-29T12:00:00Z";
    check(
        "Pacific/Apia",
        &[
            (
                "0 3 * * *",
                before,
                &[
                    "2011-12-29T03:00:00-10:00",
                    "2011-12-31T00:00:00+14:00",
                    "2011-12-31T03:00:00+14:00",
                    "2012-01-01T03:00:00+14:00",
                ],
            ),
            ("@daily", before, &["2011-12-31T00:00:00+14:00", "2012-01-01T00:00:00+14:00"]),
            (
                "@hourly",
                "2011-12-30T08:30:00Z",
                &[
                    "2011-12-29T23:00:00-10:00",
                    "2011-12-31T00:00:00+14:00",
                    "2011-12-31T01:00:00+14:00",
                ],
            ),
            (
                "*/30 * * * *",
                "2011-12-30T09:00:00Z",
                &[
                    "2011-12-29T23:30:00-10:00",
                    "2011-12-31T00:00:00+14:00",
                    "2011-12-31T00:30:00+14:00",
                ],
            ),
            (
                "0 3 30 * *",
                "2011-11-01T00:00:00Z",
                &[
                    "2011-11-30T03:00:00-10:00",
                    "2011-12-31T00:00:00+14:00",
                    "2012-01-30T03:00:00+14:00",
                ],
            ),
            // Each second of the skipped day has one a day later, but not on a 30th.
            ("* * * 30 * *", before, &["2011-12-31T00:00:00+14:00", "2012-01-30T00:00:00+14:00"]),
        ],
    );
}

#[test]
fn a_midnight_that_is_skipped_or_shown_twice_is_one_midnight() {
    check(
        "America/Havana",
        &[
            (
                "@daily",
                "2026-03-07T12:00:00Z",
                &["2026-03-08T01:00:00-04:00", "2026-03-09T00:00:00-04:00"],
            ),
            (
                "@daily",
                "2026-10-31T12:00:00Z",
                &["2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"],
            ),
        ],
    );
}

#[test]
fn an_interval_is_the_same_length_on_every_day_of_the_year() {
    for (zone, line, interval_ms) in [
        ("Europe/Berlin", "@hourly", 3_600_000),
        ("Europe/Berlin", "7 * * * *", 3_600_000),
        ("America/New_York", "*/30 * * * *", 1_800_000),
        ("America/New_York", "17 */15 * * * *", 900_000),
        ("Australia/Lord_Howe", "*/30 * * * *", 1_800_000),
        ("Australia/Lord_Howe", "*/10 * * * *", 600_000),
        ("Pacific/Apia", "@hourly", 3_600_000),
    ] {
        let schedule = schedule(line, Some(zone));
        let end = at("2012-01-10T00:00:00Z");
        let next = |after| schedule.next_after(after, Timestamp::ZERO).unwrap();
        let mut last = next(at("2011-01-01T00:00:00Z"));
        while last < end {
            let tick = next(last);
            assert_eq!(tick.as_ms() - last.as_ms(), interval_ms, "{line} in {zone}: {}", utc(tick));
            last = tick;
        }
    }
}

#[test]
fn a_daily_line_has_one_tick_for_each_date() {
    for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"] {
        for line in ["30 1 * * *", "30 2 * * *", "0 3 * * *"] {
            let schedule = schedule(line, Some(zone));
            // From noon to noon by the wall, in the zone's winter and with its skipped dates.
            let (from, to) = (at("2000-01-01T12:00:00Z"), at("2030-01-01T12:00:00Z"));
            let mut count = 0;
            let mut last = from;
            while let Some(tick) = schedule.next_after(last, Timestamp::ZERO).filter(|&t| t <= to) {
                count += 1;
                last = tick;
            }
            assert_eq!(count, date_count(zone, from, to), "{line} in {zone}");
        }
    }
}

/// Midnights between two instants, those of skipped dates included.
fn date_count(zone: &str, from: Timestamp, to: Timestamp) -> i64 {
    let zone: Tz = zone.parse().expect("a zone");
    let date = |at| utc(at).with_timezone(&zone).date_naive();
    (date(to) - date(from)).num_days()
}

#[test]
fn no_two_changes_of_a_zone_are_so_close_that_the_search_misses_them() {
    let seed = seed();
    for (number, &zone) in (0..).zip(&TZ_VARIANTS) {
        let year = Dice::new(seed, number).from(1970, 2089);
        let from = utc(at(&format!("{year}-01-01T00:00:00Z")));
        let to = from + TimeDelta::days(3_652);
        let fine = stretches(zone, from, to, TimeDelta::hours(6));
        for stretch in &fine {
            let is_cut = stretch.from == from || stretch.to == to;
            let length = stretch.to - stretch.from;
            assert!(is_cut || length > STEP, "{zone}: {stretch:?}, seed {seed}");
        }
        let coarse = stretches(zone, from, to, STEP);
        assert_eq!(fine.len(), coarse.len(), "{zone} from {year}, seed {seed}");
    }
}
