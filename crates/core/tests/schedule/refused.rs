//! Texts that are no schedule, and what the client is told.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use stint_core::limits::SCHEDULE_BYTES_MAX;
use stint_core::{FieldProblem, Schedule, ScheduleError, ScheduleField, Timestamp};

use super::times::{at, schedule};

fn refused(text: &str) -> ScheduleError {
    match Schedule::parse(text, None) {
        Ok(_) => panic!("{text:?} was accepted"),
        Err(error) => error,
    }
}

#[test]
fn an_error_says_what_is_wrong_where_and_what_to_write() {
    for (text, message) in [
        (
            "",
            "the schedule has 0 fields: write six (seconds, minutes, hours, day of month, month, day of week), five (without seconds), @daily and the like, or @every 1h30m",
        ),
        ("* * * *", "the schedule has 4 fields"),
        ("0 0 3 * * * 2030", "the schedule has 7 fields"),
        ("60 * * * * *", "the seconds field \"60\": 60 is outside of 0 to 59"),
        ("60 * * * *", "the minutes field \"60\": 60 is outside of 0 to 59"),
        ("0 24 * * *", "the hours field \"24\": 24 is outside of 0 to 23"),
        ("0 0 0 * *", "the day of month field \"0\": 0 is outside of 1 to 31"),
        ("0 0 32 * *", "the day of month field \"32\": 32 is outside of 1 to 31"),
        ("0 0 1 13 *", "the month field \"13\": 13 is outside of 1 to 12"),
        ("0 0 * * 8", "the day of week field \"8\": 8 is outside of 0 to 7"),
        (
            "0 0 * * MONDAY",
            "the day of week field \"MONDAY\": \"MONDAY\" means nothing here: write a number from 0 to 7 or SUN to SAT, a range like MON-FRI, or *",
        ),
        (
            "0 0 * MON *",
            "the month field \"MON\": \"MON\" means nothing here: write a number from 1 to 12 or JAN to DEC",
        ),
        ("0 L * * *", "the hours field \"L\": \"L\" means nothing here"),
        ("0 0 15W * *", "the day of month field \"15W\": \"15W\" means nothing here"),
        ("0 0 L-3 * *", "the day of month field \"L-3\": \"L\" means nothing here"),
        ("0 0 * * 5#2", "the day of week field \"5#2\": \"5#2\" means nothing here"),
        (
            "-5 * * * *",
            "the minutes field \"-5\": \"\" means nothing here: write a number from 0 to 59",
        ),
        ("1-2-3 * * * *", "\"2-3\" means nothing here"),
        ("+5 * * * *", "\"+5\" means nothing here"),
        ("5.5 * * * *", "\"5.5\" means nothing here"),
        ("**  * * * *", "\"**\" means nothing here"),
        ("*5 * * * *", "\"*5\" means nothing here"),
        (
            "0 22-2 * * *",
            "the hours field \"22-2\": the range 22-2 runs backwards: write it as two, 22-23,0-2",
        ),
        ("0 0 * * FRI-MON", "the range FRI-MON runs backwards: write it as two, 5-6,0-1"),
        ("0 0 * * 5-0", "the range 5-0 runs backwards: write it as two, 5-6,0-0"),
        ("0 0 1 NOV-FEB *", "the range NOV-FEB runs backwards: write it as two, 11-12,1-2"),
        ("1,,2 * * * *", "the minutes field \"1,,2\": nothing stands beside a comma"),
        (",1 * * * *", "nothing stands beside a comma"),
        ("1, * * * *", "nothing stands beside a comma"),
        (
            "*/0 * * * *",
            "the minutes field \"*/0\": \"/0\" is no step here: write a number from 1 to 60",
        ),
        ("*/90 * * * *", "\"/90\" is no step here: write a number from 1 to 60"),
        ("0 */25 * * *", "\"/25\" is no step here: write a number from 1 to 24"),
        ("*/ * * * *", "\"/\" is no step here"),
        ("*/2/3 * * * *", "\"/2/3\" is no step here"),
        ("*/+2 * * * *", "\"/+2\" is no step here"),
        ("*/* * * * *", "\"/*\" is no step here"),
        ("0 0 L/2 * *", "\"L\" means nothing here"),
        (
            "@reboot",
            "\"@reboot\" is not a schedule: the names are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly and @every with a duration",
        ),
        ("@daily @hourly", "\"@daily @hourly\" is not a schedule"),
        ("@", "\"@\" is not a schedule"),
        ("@everyday", "\"@everyday\" is not a schedule"),
        ("@every", "@every needs a duration: write it like @every 1h30m"),
        ("@every 5", "@every: \"5\" is not a duration: write it like 30s, 1h30m, 1.5h or 300ms"),
        ("@every 1h 30m", "@every: \"1h 30m\" is not a duration"),
        ("@every -1h", "@every: \"-1h\" is negative"),
        ("@every 9999999h", "@every: \"9999999h\" is too long"),
        ("@every 0s", "@every \"0s\": write a duration from 1s to 87600h"),
        ("@every 999ms", "@every \"999ms\": write a duration from 1s to 87600h"),
        ("@every 87600h1ns", "@every \"87600h1ns\": write a duration from 1s to 87600h"),
    ] {
        let found = refused(text).to_string();
        assert!(found.contains(message), "{text:?}: {found}");
    }
}

#[test]
fn a_schedule_that_never_fires_is_an_error() {
    for text in ["0 0 31 2 *", "0 0 30-31 FEB ?", "0 0 0 31 2,4,6,9,11 *", "0 0 30 2 */2"] {
        assert!(matches!(refused(text), ScheduleError::NeverFires { .. }), "{text}");
    }
    assert_eq!(
        refused("0 0 31 2,4 *").to_string(),
        "the schedule would never fire: no month of \"2,4\" has a day of \"31\"; change the day of \
         month field or the month field"
    );
}

#[test]
fn a_zone_must_be_one_of_the_iana_database() {
    for zone in ["Mars/Olympus", "europe/berlin", "CEST", "+01:00", " UTC", "Europe/Berlin\0"] {
        let error = Schedule::parse("@daily", Some(zone)).unwrap_err();
        assert!(matches!(error, ScheduleError::UnknownTimeZone(_)), "{zone}: {error:?}");
    }
    let error = Schedule::parse("@daily", Some(&"x".repeat(1_000_000))).unwrap_err();
    assert!(error.to_string().len() < 200, "{error}");
}

#[test]
fn hostile_texts_are_refused_in_little_time_and_space() {
    let started = Instant::now();
    let long = |unit: &str| unit.repeat(SCHEDULE_BYTES_MAX / unit.len());
    let fits = |text: &str| assert!(text.len() <= SCHEDULE_BYTES_MAX, "{}", text.len());
    for text in [
        long(","),
        long("*"),
        long("* "),
        long("/"),
        long("-"),
        long("9"),
        long("@"),
        long(" "),
        long("@every "),
        long("é"),
        format!("{}1 * * * *", long("0").split_at(200).0),
        format!("{} * * * *", "9".repeat(240)),
        format!("*/{} * * * *", "9".repeat(240)),
        format!("@every {}h", "9".repeat(240)),
        // Digits that are not ASCII's.
        "١ * * * *".to_owned(),
        "0 ３ * * *".to_owned(),
        "0 0 * * ＭＯＮ".to_owned(),
        // A blank that is not ASCII's.
        "0\u{a0}0 * * *".to_owned(),
    ] {
        fits(&text);
        let is_zeros = text.starts_with("000");
        match Schedule::parse(&text, None) {
            Ok(_) => assert!(is_zeros, "{text:?} was accepted"),
            Err(error) => {
                let message = error.to_string();
                assert!(!is_zeros, "{text:?}: {message}");
                assert!(message.len() < 1_024, "{text:?}: {message}");
            }
        }
    }
    assert_eq!(refused(&long(",").replace(',', "0,")), ScheduleError::TooLong(512));
    assert_eq!(refused(&"1".repeat(257)), ScheduleError::TooLong(257));
    let nul = ScheduleError::Character { character: '\0', at: 2 };
    assert_eq!(refused("* \0 * * *"), nul);
    assert_eq!(nul.to_string(), "byte 2 of the schedule is the character '\\0': remove it");
    let escape = ScheduleError::Character { character: '\u{1b}', at: 0 };
    assert_eq!(refused("\u{1b}[2J * * * *"), escape);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn the_most_work_that_a_text_can_ask_for_is_little() {
    let started = Instant::now();
    let seconds: Vec<_> = (0..60).map(|second: u8| second.to_string()).collect();
    let text = format!("{} * * L,29 2 */7", seconds.join(","));
    assert!(text.len() > 180, "{text}");
    for _ in 0..100 {
        // The rarest days, and every change of the clock in between.
        let schedule = schedule(&text, Some("Europe/Berlin"));
        let tick = schedule.next_after(at("2004-02-29T23:00:00Z"), Timestamp::ZERO).unwrap();
        assert_eq!(tick, at("2010-02-27T23:00:00Z"));
        let rare = self::schedule("0 0 29 2 */7", Some("Africa/Casablanca"));
        let tick = rare.next_after(at("2060-02-29T12:00:00Z"), Timestamp::ZERO).unwrap();
        assert_eq!(tick, at("2088-02-28T23:00:00Z"));
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn a_field_is_named_by_its_value_too() {
    let error = refused("0 0 3 * FOO *");
    let ScheduleError::Field { field, text, problem } = error else {
        panic!("{error:?}");
    };
    assert_eq!((field, text.as_str()), (ScheduleField::Month, "FOO"));
    assert!(matches!(problem, FieldProblem::Meaningless { .. }), "{problem:?}");
}

proptest! {
    /// Whatever is sent ends in a schedule with a tick or in a message of bounded length that
    /// prints.
    #[test]
    fn any_text_is_a_schedule_that_fires_or_an_error_that_prints(
        text in prop_oneof![
            any::<String>(),
            "[-0-9*/?,LWa-zA-Z#@ \t]{0,64}",
            "([0-9*?L]{1,3}([-/,][0-9A-Z*]{1,3}){0,3} ){4,6}[0-9*?A-Z]{1,3}",
            "@(every|daily|hourly|weekly)? ?[0-9.]{0,4}(ns|us|µs|ms|s|m|h)?",
        ],
        after_ms in 0_u64..3_000_000_000_000,
    ) {
        let after = Timestamp::from_ms(after_ms);
        match Schedule::parse(&text, None) {
            Ok(schedule) => {
                let tick = schedule.next_after(after, Timestamp::ZERO);
                prop_assert!(tick.is_some_and(|tick| tick > after), "{text:?}: {tick:?}");
            }
            Err(error) => {
                let message = error.to_string();
                prop_assert!(message.len() < 1_024, "{text:?}: {message}");
                prop_assert!(!message.contains(char::is_control), "{text:?}: {message}");
            }
        }
    }
}
