//! A crontab line as a set of wall-clock times, searched by the `cron` crate.

use std::str::FromStr as _;

use chrono::{Datelike as _, Days, NaiveDate, NaiveDateTime};

use super::error::{ScheduleError, shown};
use super::field::{Field, Values};

/// The wall-clock times that a crontab line names. It knows no time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Calendar {
    /// A time is in the set if it is in one of these.
    arms: Vec<Arm>,
    is_interval: bool,
}

/// What one expression of the `cron` crate can say: all its fields must match.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arm {
    times: cron::Schedule,
    /// Where the last day of the month was asked for: the days that are allowed by number.
    days_beside_last: Option<Values>,
}

/// The first day that may be the last of a month.
const LAST_DAY_MIN: u8 = 28;

impl Calendar {
    /// Reads six fields, seconds first.
    pub(super) fn parse(texts: [&str; 6]) -> Result<Self, ScheduleError> {
        let [second, minute, hour, day_of_month, month, day_of_week] = texts;
        let seconds = Values::parse(Field::Second, second)?;
        let minutes = Values::parse(Field::Minute, minute)?;
        let hours = Values::parse(Field::Hour, hour)?;
        let days = Values::parse(Field::DayOfMonth, day_of_month)?;
        let months = Values::parse(Field::Month, month)?;
        let weekdays = Values::parse(Field::DayOfWeek, day_of_week)?;
        let time = [
            list(Field::Second, seconds, 0),
            list(Field::Minute, minutes, 0),
            list(Field::Hour, hours, 0),
        ]
        .join(" ");
        let months_list = list(Field::Month, months, 0);
        // The `cron` crate counts the days of the week from 1.
        let weekdays_list = list(Field::DayOfWeek, weekdays, 1);
        let exists = has_a_day(days, months);
        let is_either = !days.is_starred && !weekdays.is_starred;
        let mut arms = Vec::new();
        if exists {
            let weekdays = if is_either { "*" } else { &weekdays_list };
            arms.push(Arm::new(&time, days, &months_list, weekdays)?);
        }
        if is_either {
            let every_day = Values::default().and_from(Field::DayOfMonth, 1);
            arms.push(Arm::new(&time, every_day, &months_list, &weekdays_list)?);
        }
        if arms.is_empty() {
            let (days, months) = (shown(day_of_month), shown(month));
            return Err(ScheduleError::NeverFires { days, months });
        }
        let is_interval = [seconds, minutes, hours]
            .into_iter()
            .any(|values| values.is_starred && values.count() > 1);
        Ok(Self { arms, is_interval })
    }

    /// Whether the line says how often rather than when: its seconds, minutes or hours start with
    /// `*` and allow more than one value.
    pub(super) const fn is_interval(&self) -> bool {
        self.is_interval
    }

    /// The first of its times after `after`, or none before the end of the calendar.
    pub(super) fn next(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        self.arms.iter().filter_map(|arm| arm.next(after)).min()
    }

    /// Whether `time` is one of its times.
    pub(super) fn contains(&self, time: NaiveDateTime) -> bool {
        self.arms.iter().any(|arm| arm.contains(time))
    }
}

impl Arm {
    fn new(time: &str, days: Values, months: &str, weekdays: &str) -> Result<Self, ScheduleError> {
        let searched =
            if days.has_last_day { days.and_from(Field::DayOfMonth, LAST_DAY_MIN) } else { days };
        let text = format!("{time} {} {months} {weekdays}", list(Field::DayOfMonth, searched, 0));
        let times = cron::Schedule::from_str(&text)
            .map_err(|error| ScheduleError::Calendar { text, cause: error.to_string() })?;
        Ok(Self { times, days_beside_last: days.has_last_day.then_some(days) })
    }

    fn next(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        let mut after = after;
        // At most three days of a month are turned down here, and then comes its last.
        loop {
            let time = self.times.after(&after.and_utc()).next()?.naive_utc();
            if self.takes(time.date()) {
                return Some(time);
            }
            after = time.date().and_hms_opt(23, 59, 59)?;
        }
    }

    fn contains(&self, time: NaiveDateTime) -> bool {
        self.times.includes(time.and_utc()) && self.takes(time.date())
    }

    fn takes(&self, date: NaiveDate) -> bool {
        let Some(days) = self.days_beside_last else {
            return true;
        };
        let by_number = u8::try_from(date.day()).is_ok_and(|day| days.contains(day));
        let tomorrow = date.checked_add_days(Days::new(1));
        by_number || tomorrow.is_none_or(|tomorrow| tomorrow.day() == 1)
    }
}

/// The values as the `cron` crate writes them, each greater by `shift`.
fn list(field: Field, values: Values, shift: u8) -> String {
    let (min, max) = field.bounds();
    if (min..=max).all(|value| values.contains(value)) {
        return "*".to_owned();
    }
    let numbers: Vec<_> = values.iter().map(|value| (value + shift).to_string()).collect();
    numbers.join(",")
}

/// Whether one of `months` has one of `days` in some year.
fn has_a_day(days: Values, months: Values) -> bool {
    let longest = |month: u8| match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    days.has_last_day || months.iter().any(|month| days.iter().any(|day| day <= longest(month)))
}
