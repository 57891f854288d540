//! When a cron is due: crontab lines, `@daily` and the like, `@every 1h30m`.
//!
//! # The dialect
//!
//! Six fields, seconds first, or five, which is a plain Unix crontab line at second 0:
//!
//! | field | values | also |
//! |---|---|---|
//! | seconds | 0-59 | |
//! | minutes | 0-59 | |
//! | hours | 0-23 | |
//! | day of month | 1-31 | `L`, the last day |
//! | month | 1-12 | `JAN`-`DEC`, in any case |
//! | day of week | 0-7, both 0 and 7 Sunday | `SUN`-`SAT`, in any case |
//!
//! A field is a list of items separated by commas. An item is a value, a range `a-b`, or `*` (or
//! `?`, which means the same), and each may have a step: `*/15`, `10-40/5`, and `5/15`, which runs
//! from 5 to the field's end.
//!
//! - **Day of month and day of week match either**, if both are restricted: `0 0 13 * FRI` is
//!   every 13th and every Friday. As in vixie-cron, a field that starts with `*` or `?` is not
//!   restricted, whatever follows: then both must match, and `0 0 */2 * MON` is the Mondays with
//!   an odd date.
//! - **A range does not run backwards.** `22-2` and `FRI-MON` match nothing in old crontabs and are
//!   errors in newer ones and in Go's cron library, so they are errors here; the message says how
//!   to write them as two. Only `SUN` at the end of a range of names is the end of the week:
//!   `FRI-SUN` is 5-7. (7 at the start of a range is 0.)
//! - **A step may be as long as its field**, `*/60` or `*/24`, which takes the first value alone; a
//!   longer one is an error, since `*/90` minutes would fire every hour.
//! - `@yearly` (`@annually`), `@monthly`, `@weekly` (Sundays), `@daily` (`@midnight`) and `@hourly`
//!   are those lines at 00:00:00. `W`, `#`, `L` elsewhere and a seventh field for years are not
//!   known.
//! - `@every` with a duration as Go writes it ([`Timeout`]) counts real time from an anchor, and
//!   looks at no clock on any wall.
//!
//! # When the clock is set
//!
//! A line speaks of the clock on the wall of its time zone. Twice a year that clock skips times or
//! shows them again. As in vixie-cron, it matters whether the line says *when* or *how often*: it
//! says how often (it is an interval) if its seconds, minutes or hours start with `*` and allow
//! more than one value. `30 2 * * *`, `0 2,3 * * *` and `0-59/5 2 * * *` say when; `*/30 * * * *`,
//! `@hourly` and `*/5 2 * * *` say how often.
//!
//! 1. **Shown again** (the clock is set back): a line that says when fires the first time and not
//!    again. A line that says how often fires each time, so hourly stays hourly.
//! 2. **Skipped** (the clock is set forward): the line fires at the end of the gap, once, however
//!    many of its times were skipped, and even if the gap ends at one of them. A line that says
//!    how often has no need of that if, at the moment of each skipped time, the wall shows another
//!    of its times: `*/30 * * * *` and `7 * * * *` just go on, whereas `*/5 2 * * *` and
//!    `0 */2 * * *` would have lost 2:00 and fire at 3:00. (vixie-cron drops it: no tick of ours
//!    is silently missed.)
//!
//! So an interval that divides the change (an hour, or a part of one, nearly everywhere) keeps its
//! length in real time. Another loses no time of the wall, but one wait is of another length:
//! `0 */2 * * *` fires at both 2:00, an hour apart; and hourly in Lord Howe, whose clock is set by
//! half an hour, once waits one and a half.
//!
//! # Time zones are data of the build
//!
//! The rules of the time zones are compiled in, and they change several times a year. Replicas of
//! different builds may therefore disagree on the next tick of a schedule in a zone (never of
//! `@every` or in UTC), and a build may reject a text that another accepted. So what
//! [`Schedule::next_after`] says must not decide what `State::apply` does: the leader evaluates it,
//! and the entry that it proposes carries the instants, of the tick that fires and of the tick that
//! is next; `apply` compares and stores instants and texts, and neither parses nor searches. Where
//! `apply` shall do that all the same, all replicas must be of one build.

mod calendar;
mod error;
mod field;
mod wall;
mod zone;

use chrono::{DateTime, Utc};

pub use self::error::{FieldProblem, ScheduleError};
pub use self::field::Field;

use self::calendar::Calendar;
use self::error::shown;
use self::zone::Zone;
use crate::limits::{EVERY_MAX, EVERY_MIN, SCHEDULE_BYTES_MAX, SCHEDULE_END};
use crate::time::{Span, Timeout, Timestamp};

/// When a cron is due, as its client wrote it and as it is meant.
///
/// A schedule knows no clock: whoever asks for its next tick says after which instant. A schedule
/// that exists fires: a text that never would is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    time_zone: Option<String>,
    ticks: Ticks,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Ticks {
    Every(Span),
    Calendar { calendar: Calendar, zone: Zone },
}

impl Schedule {
    /// Reads a schedule. `time_zone` is a name of the IANA database (`Europe/Berlin`, exactly so
    /// written); without one, or with an empty one, the schedule speaks of UTC.
    ///
    /// The work is bounded by the text's length, which is at most [`SCHEDULE_BYTES_MAX`].
    pub fn parse(text: &str, time_zone: Option<&str>) -> Result<Self, ScheduleError> {
        if text.len() > SCHEDULE_BYTES_MAX {
            return Err(ScheduleError::TooLong(text.len()));
        }
        let is_strange = |c: char| c.is_control() && !c.is_ascii_whitespace();
        if let Some((at, character)) = text.char_indices().find(|&(_, c)| is_strange(c)) {
            return Err(ScheduleError::Character { character, at });
        }
        let time_zone = time_zone.filter(|name| !name.is_empty());
        let zone = Zone::parse(time_zone)?;
        let words: Vec<_> = text.split_ascii_whitespace().collect();
        let ticks = match words.as_slice() {
            [every, rest @ ..] if every.eq_ignore_ascii_case("@every") => {
                Ticks::Every(parse_every(rest)?)
            }
            [name, ..] if name.starts_with('@') => {
                let fields = named_line(&words)
                    .ok_or_else(|| ScheduleError::UnknownName(shown(text.trim())))?;
                Ticks::Calendar { calendar: Calendar::parse(fields)?, zone }
            }
            &[minute, hour, day, month, weekday] => {
                let fields = ["0", minute, hour, day, month, weekday];
                Ticks::Calendar { calendar: Calendar::parse(fields)?, zone }
            }
            &[second, minute, hour, day, month, weekday] => {
                let fields = [second, minute, hour, day, month, weekday];
                Ticks::Calendar { calendar: Calendar::parse(fields)?, zone }
            }
            other => return Err(ScheduleError::FieldCount(other.len())),
        };
        Ok(Self { text: text.to_owned(), time_zone: time_zone.map(str::to_owned), ticks })
    }

    /// The first tick of a schedule that begins at `anchor`: what whoever proposes a cron has to
    /// know before ([`crate::NewCron`]). A schedule that has no tick any more is an error, too.
    pub fn first_run(
        text: &str,
        time_zone: Option<&str>,
        anchor: Timestamp,
    ) -> Result<Timestamp, ScheduleError> {
        let first = Self::parse(text, time_zone)?.next_after(anchor, anchor);
        first.ok_or_else(|| ScheduleError::Ended(shown(text.trim())))
    }

    /// The text as it came.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The time zone as it came; none is UTC.
    pub fn time_zone(&self) -> Option<&str> {
        self.time_zone.as_deref()
    }

    /// The first tick strictly after `after`; none once the calendar ends ([`SCHEDULE_END`]). It
    /// begins with 1970 on the wall.
    ///
    /// The ticks of `@every` are `anchor` and one, two, three, ... times the duration; `anchor` is
    /// the instant at which the cron got this schedule. The ticks of a crontab line are whole
    /// seconds and have nothing to do with `anchor`.
    ///
    /// What it says of a time zone depends on the build: the module says how to use it.
    pub fn next_after(&self, after: Timestamp, anchor: Timestamp) -> Option<Timestamp> {
        match &self.ticks {
            Ticks::Every(every) => next_every(*every, after, anchor),
            Ticks::Calendar { calendar, zone } => {
                if after >= SCHEDULE_END {
                    return None;
                }
                let end = second_of(SCHEDULE_END)?;
                let tick = wall::next_tick(calendar, *zone, second_of(after)?, end)?;
                u64::try_from(tick.timestamp_millis()).ok().map(Timestamp::from_ms)
            }
        }
    }
}

/// The whole second that `at` is in: what is after the one is after the other.
fn second_of(at: Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(i64::try_from(at.as_ms() / 1_000).ok()?, 0)
}

/// The duration after `@every`.
fn parse_every(words: &[&str]) -> Result<Span, ScheduleError> {
    let every = Timeout::parse(&words.join(" "))?.ok_or(ScheduleError::EveryWhat)?;
    if !(EVERY_MIN..=EVERY_MAX).contains(&every.span()) {
        return Err(ScheduleError::EveryBounds(shown(every.text())));
    }
    Ok(every.span())
}

/// The line that a name such as `@daily` stands for.
fn named_line(words: &[&str]) -> Option<[&'static str; 6]> {
    let &[name] = words else {
        return None;
    };
    Some(match name.to_ascii_lowercase().as_str() {
        "@yearly" | "@annually" => ["0", "0", "0", "1", "1", "*"],
        "@monthly" => ["0", "0", "0", "1", "*", "*"],
        "@weekly" => ["0", "0", "0", "*", "*", "0"],
        "@daily" | "@midnight" => ["0", "0", "0", "*", "*", "*"],
        "@hourly" => ["0", "0", "*", "*", "*", "*"],
        _ => return None,
    })
}

fn next_every(every: Span, after: Timestamp, anchor: Timestamp) -> Option<Timestamp> {
    let passed = after.as_ms().saturating_sub(anchor.as_ms()).checked_div(every.as_ms())?;
    let from_anchor = passed.checked_add(1)?.checked_mul(every.as_ms())?;
    anchor.as_ms().checked_add(from_anchor).map(Timestamp::from_ms)
}
