//! What the texts mean, in UTC.

use stint_core::limits::{EVERY_MAX, SCHEDULE_END};
use stint_core::{Schedule, Timestamp};

use super::times::{at, schedule, ticks};

/// A text, an instant, and the ticks after it.
type Row<'a> = (&'a str, &'a str, &'a [&'a str]);

fn check(rows: &[Row<'_>]) {
    for (text, after, expected) in rows {
        assert_eq!(ticks(text, after, expected.len()), *expected, "{text} after {after}");
    }
}

#[test]
fn the_examples_of_the_v0_pages_come_out_as_they_stand_there() {
    let after = "2017-02-21T12:00:00Z";
    check(&[
        ("57 54 3 * * *", after, &["2017-02-22T03:54:57Z", "2017-02-23T03:54:57Z"]),
        ("0 0 3 * * *", after, &["2017-02-22T03:00:00Z", "2017-02-23T03:00:00Z"]),
        // Sundays at one o'clock.
        ("0 0 1 * * 0", after, &["2017-02-26T01:00:00Z", "2017-03-05T01:00:00Z"]),
    ]);
}

#[test]
fn five_fields_are_a_crontab_line_at_second_zero() {
    check(&[
        ("0 3 * * *", "2026-01-01T03:00:00Z", &["2026-01-02T03:00:00Z"]),
        ("*/20 * * * *", "2026-01-01T00:00:00Z", &["2026-01-01T00:20:00Z", "2026-01-01T00:40:00Z"]),
        (" 5\t4  * * * ", "2026-01-01T00:00:00Z", &["2026-01-01T04:05:00Z"]),
        ("5 4 * * *\n", "2026-01-01T00:00:00Z", &["2026-01-01T04:05:00Z"]),
    ]);
}

#[test]
fn names_stand_for_lines() {
    let after = "2026-11-24T10:30:00Z";
    check(&[
        ("@yearly", after, &["2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"]),
        ("@annually", after, &["2027-01-01T00:00:00Z"]),
        ("@monthly", after, &["2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"]),
        ("@weekly", after, &["2026-11-29T00:00:00Z", "2026-12-06T00:00:00Z"]),
        ("@daily", after, &["2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"]),
        ("@midnight", after, &["2026-11-25T00:00:00Z"]),
        ("@hourly", after, &["2026-11-24T11:00:00Z", "2026-11-24T12:00:00Z"]),
        ("@HOURLY", after, &["2026-11-24T11:00:00Z"]),
    ]);
}

#[test]
fn both_0_and_7_are_sunday_and_names_are_read_in_any_case() {
    let after = "2026-11-24T00:00:00Z"; // A Tuesday.
    let sundays: &[&str] = &["2026-11-29T00:00:00Z", "2026-12-06T00:00:00Z"];
    for weekday in ["0", "7", "SUN", "sun", "Sun", "0,7", "7-7", "*/7", "00"] {
        check(&[(&format!("0 0 * * {weekday}"), after, sundays)]);
    }
    let weekend: &[&str] =
        &["2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"];
    for weekday in ["5-7", "FRI-SUN", "fri-sun", "fri,SAT,0", "5,6-7"] {
        check(&[(&format!("0 0 * * {weekday}"), after, weekend)]);
    }
    check(&[
        ("0 0 * * MON-SUN", after, &["2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"]),
        (
            "0 0 * * 7-2",
            after,
            &["2026-11-29T00:00:00Z", "2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z"],
        ),
        ("0 0 * * 5/2", after, &["2026-11-27T00:00:00Z", "2026-12-04T00:00:00Z"]),
        ("0 0 1 FEB *", after, &["2027-02-01T00:00:00Z"]),
        ("0 0 1 oct-Dec/2 *", after, &["2026-12-01T00:00:00Z", "2027-10-01T00:00:00Z"]),
    ]);
}

#[test]
fn lists_ranges_and_steps_mix() {
    let after = "2026-01-01T00:00:00Z";
    check(&[
        (
            "50-59/5,0,10-20/10 0 0 * * *",
            after,
            &[
                "2026-01-01T00:00:10Z",
                "2026-01-01T00:00:20Z",
                "2026-01-01T00:00:50Z",
                "2026-01-01T00:00:55Z",
                "2026-01-02T00:00:00Z",
            ],
        ),
        (
            "0 50/5 9 * * *",
            after,
            &["2026-01-01T09:50:00Z", "2026-01-01T09:55:00Z", "2026-01-02T09:50:00Z"],
        ),
        ("0 */60 * * * *", after, &["2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"]),
        ("0 0 */24 * * *", after, &["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]),
        (
            "0 0 9-17/4 * * *",
            after,
            &["2026-01-01T09:00:00Z", "2026-01-01T13:00:00Z", "2026-01-01T17:00:00Z"],
        ),
        (
            "0 0 0 */10 * *",
            after,
            &["2026-01-11T00:00:00Z", "2026-01-21T00:00:00Z", "2026-01-31T00:00:00Z"],
        ),
    ]);
}

#[test]
fn either_day_matches_unless_one_is_a_star() {
    let after = "2026-11-01T12:00:00Z"; // A Sunday.
    check(&[
        // Every 13th, which is a Friday in this month, and every Friday.
        (
            "0 0 13 * FRI",
            after,
            &["2026-11-06T00:00:00Z", "2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z"],
        ),
        (
            "0 0 12 * FRI",
            after,
            &["2026-11-06T00:00:00Z", "2026-11-12T00:00:00Z", "2026-11-13T00:00:00Z"],
        ),
        ("0 0 13 * *", after, &["2026-11-13T00:00:00Z", "2026-12-13T00:00:00Z"]),
        ("0 0 13 * ?", after, &["2026-11-13T00:00:00Z", "2026-12-13T00:00:00Z"]),
        ("0 0 ? * FRI", after, &["2026-11-06T00:00:00Z", "2026-11-13T00:00:00Z"]),
        // Mondays with an odd date.
        (
            "0 0 */2 * MON",
            after,
            &["2026-11-09T00:00:00Z", "2026-11-23T00:00:00Z", "2026-12-07T00:00:00Z"],
        ),
        ("0 0 13 * */5", after, &["2026-11-13T00:00:00Z", "2026-12-13T00:00:00Z"]),
        // A range that names all days is a restriction.
        ("0 0 1-31 * MON", after, &["2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z"]),
        // The 31st of February never comes; the Mondays do.
        ("0 0 31 2 MON", after, &["2027-02-01T00:00:00Z", "2027-02-08T00:00:00Z"]),
    ]);
}

#[test]
fn l_is_the_last_day_of_a_month() {
    let after = "2027-12-31T12:00:00Z";
    check(&[
        (
            "0 0 L * *",
            after,
            &[
                "2028-01-31T00:00:00Z",
                "2028-02-29T00:00:00Z",
                "2028-03-31T00:00:00Z",
                "2028-04-30T00:00:00Z",
            ],
        ),
        ("0 0 l 2 *", after, &["2028-02-29T00:00:00Z", "2029-02-28T00:00:00Z"]),
        (
            "0 0 29,L 2-4/2 *",
            after,
            &[
                "2028-02-29T00:00:00Z",
                "2028-04-29T00:00:00Z",
                "2028-04-30T00:00:00Z",
                "2029-02-28T00:00:00Z",
            ],
        ),
        (
            "0 0 L 2 1",
            after,
            &[
                "2028-02-07T00:00:00Z",
                "2028-02-14T00:00:00Z",
                "2028-02-21T00:00:00Z",
                "2028-02-28T00:00:00Z",
                "2028-02-29T00:00:00Z",
            ],
        ),
        // With a star both must match: a month whose last day is a Sunday.
        ("0 0 L * */7", after, &["2028-04-30T00:00:00Z", "2028-12-31T00:00:00Z"]),
    ]);
}

#[test]
fn a_leap_day_on_one_weekday_is_found_28_years_ahead() {
    check(&[
        ("0 0 29 2 *", "2026-01-01T00:00:00Z", &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
        ("0 0 29 2 */7", "2004-03-01T00:00:00Z", &["2032-02-29T00:00:00Z", "2060-02-29T00:00:00Z"]),
    ]);
}

#[test]
fn every_counts_from_its_anchor() {
    let anchor = at("2026-01-01T00:00:00.250Z");
    let schedule = schedule("@every 1h30m", None);
    for (after, expected) in [
        ("2025-12-24T00:00:00Z", "2026-01-01T01:30:00.250Z"),
        ("2026-01-01T00:00:00.250Z", "2026-01-01T01:30:00.250Z"),
        ("2026-01-01T01:30:00.249Z", "2026-01-01T01:30:00.250Z"),
        ("2026-01-01T01:30:00.250Z", "2026-01-01T03:00:00.250Z"),
        ("2026-01-02T00:00:00Z", "2026-01-02T00:00:00.250Z"),
        ("2126-01-02T00:00:00.250Z", "2126-01-02T01:30:00.250Z"),
    ] {
        assert_eq!(schedule.next_after(at(after), anchor), Some(at(expected)), "after {after}");
    }
}

#[test]
fn every_counts_real_time_in_every_zone_and_never_overflows() {
    let berlin = schedule("  @EVERY  24h ", Some("Europe/Berlin"));
    let anchor = at("2026-03-28T12:00:00Z");
    assert_eq!(berlin.next_after(anchor, anchor), Some(at("2026-03-29T12:00:00Z")));
    let longest = schedule("@every 87600h", None);
    let last = Timestamp::from_ms(u64::MAX - EVERY_MAX.as_ms());
    assert_eq!(longest.next_after(last, last), Some(Timestamp::from_ms(u64::MAX)));
    let later = Timestamp::from_ms(last.as_ms() + 1);
    assert_eq!(longest.next_after(later, later), None);
    assert_eq!(longest.next_after(Timestamp::from_ms(u64::MAX), Timestamp::ZERO), None);
    let shortest = schedule("@every 1.5s", None);
    assert_eq!(shortest.next_after(anchor, anchor), Some(at("2026-03-28T12:00:01.500Z")));
}

#[test]
fn a_tick_is_strictly_after_the_instant_asked_for() {
    let schedule = schedule("* * * * * *", None);
    for (after, expected) in [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"),
        ("2026-01-01T00:00:00.001Z", "2026-01-01T00:00:01Z"),
        ("2026-01-01T00:00:00.999Z", "2026-01-01T00:00:01Z"),
    ] {
        assert_eq!(schedule.next_after(at(after), Timestamp::ZERO), Some(at(expected)));
    }
}

#[test]
fn the_calendar_runs_from_1970_to_its_end() {
    for zone in [None, Some("America/New_York"), Some("Asia/Tokyo")] {
        let schedule = schedule("* * * * * *", zone);
        let next = |after_ms| schedule.next_after(Timestamp::from_ms(after_ms), Timestamp::ZERO);
        // West of Greenwich, the wall's 1970 begins hours later.
        let begin_ms = if zone == Some("America/New_York") { 5 * 3_600_000 } else { 1_000 };
        assert_eq!(next(0), Some(Timestamp::from_ms(begin_ms)), "{zone:?}");
        let end_ms = SCHEDULE_END.as_ms();
        assert_eq!(next(end_ms - 1_001), Some(Timestamp::from_ms(end_ms - 1_000)), "{zone:?}");
        for after_ms in [end_ms - 1_000, end_ms - 1, end_ms, end_ms + 1, u64::MAX] {
            assert_eq!(next(after_ms), None, "{zone:?} after {after_ms}");
        }
    }
    let leap_sunday = schedule("0 0 29 2 */7", None);
    assert_eq!(leap_sunday.next_after(at("2088-02-29T00:00:00Z"), Timestamp::ZERO), None);
}

#[test]
fn a_schedule_gives_back_what_it_was_made_of() {
    let schedule = schedule(" 0 3 * * Mon ", Some("Europe/Berlin"));
    assert_eq!(schedule.text(), " 0 3 * * Mon ");
    assert_eq!(schedule.time_zone(), Some("Europe/Berlin"));
    assert_eq!(schedule, schedule.clone());
    let parse = |zone| Schedule::parse(" 0 3 * * Mon ", zone).unwrap();
    assert_eq!(parse(Some("")), parse(None));
    assert_eq!(parse(Some("")).time_zone(), None);
    assert_ne!(parse(None), schedule);
    assert_eq!(parse(Some("Etc/UTC")).time_zone(), Some("Etc/UTC"));
}
