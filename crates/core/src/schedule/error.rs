//! Why a text is no schedule: what is wrong, where, and what to write instead.

use thiserror::Error;

use super::field::Field;
use crate::limits::{EVERY_MAX, EVERY_MIN, SCHEDULE_BYTES_MAX};
use crate::time::ParseTimeoutError;

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScheduleError {
    /// More than [`SCHEDULE_BYTES_MAX`] bytes.
    #[error("the schedule has {0} bytes: write it in at most {SCHEDULE_BYTES_MAX}")]
    TooLong(usize),
    /// A character that is no part of any schedule, such as NUL.
    #[error("byte {at} of the schedule is the character {character:?}: remove it")]
    Character {
        /// The first such character.
        character: char,
        /// How many bytes precede it.
        at: usize,
    },
    /// Neither five fields nor six.
    #[error(
        "the schedule has {0} fields: write six (seconds, minutes, hours, day of month, month, \
         day of week), five (without seconds), @daily and the like, or @every 1h30m"
    )]
    FieldCount(usize),
    /// A field that means nothing.
    #[error("the {field} field \"{text}\": {problem}")]
    Field {
        /// Which field it is.
        field: Field,
        /// The beginning of its text.
        text: String,
        /// What is wrong with it.
        problem: FieldProblem,
    },
    /// Something else after an `@`.
    #[error(
        "\"{0}\" is not a schedule: the names are @yearly, @annually, @monthly, @weekly, @daily, \
         @midnight, @hourly and @every with a duration"
    )]
    UnknownName(String),
    /// `@every` without a duration.
    #[error("@every needs a duration: write it like @every 1h30m")]
    EveryWhat,
    /// `@every` with something that is no duration.
    #[error("@every: {0}")]
    EveryDuration(#[from] ParseTimeoutError),
    /// `@every` with a duration below [`EVERY_MIN`] or above [`EVERY_MAX`].
    #[error(
        "@every \"{0}\": write a duration from {min}s to {max}h",
        min = EVERY_MIN.as_ms() / 1_000,
        max = EVERY_MAX.as_ms() / 3_600_000
    )]
    EveryBounds(String),
    /// Days that none of the months has.
    #[error(
        "the schedule would never fire: no month of \"{months}\" has a day of \"{days}\"; change \
         the day of month field or the month field"
    )]
    NeverFires {
        /// The day of month field.
        days: String,
        /// The month field.
        months: String,
    },
    /// Its last tick has passed: the calendar ends with [`crate::limits::SCHEDULE_END`].
    #[error("the schedule \"{0}\" has no tick any more: the calendar ends with the year 2099")]
    Ended(String),
    /// No time zone of the IANA database.
    #[error("no time zone \"{0}\": write a name of the IANA database, such as Europe/Berlin")]
    UnknownTimeZone(String),
    /// The calendar refused what its own rules allow. That is a fault of stint, told to the client
    /// because a panic here would stop every replica.
    #[error(
        "the calendar does not take \"{text}\" ({cause}): please report this as a bug of stint"
    )]
    Calendar {
        /// What it was given.
        text: String,
        /// What it said.
        cause: String,
    },
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FieldProblem {
    /// Two commas side by side, or one at an end.
    #[error("nothing stands beside a comma: write a value there or remove the comma")]
    Empty,
    /// Neither a number nor a name nor a range of them.
    #[error("\"{item}\" means nothing here: write {expected}")]
    Meaningless {
        /// The part between two commas, or its half before or after the hyphen.
        item: String,
        /// What may stand here.
        expected: &'static str,
    },
    /// A number that the field does not have.
    #[error("{item} is outside of {min} to {max}")]
    OutOfBounds {
        /// The number as it was written.
        item: String,
        /// The smallest value of the field.
        min: u8,
        /// Its largest.
        max: u8,
    },
    /// A range such as `22-2`, which crontabs do not know.
    #[error("the range {item} runs backwards: write it as two, {instead}")]
    Backwards {
        /// The range as it was written.
        item: String,
        /// Two ranges that may be meant.
        instead: String,
    },
    /// A step of zero, of more than the field has values, or that is no number.
    #[error("\"/{item}\" is no step here: write a number from 1 to {max}")]
    Step {
        /// What follows the slash.
        item: String,
        /// The number of values that the field has.
        max: u8,
    },
}

/// The part of a client's text that a message shows: its beginning, with what does not print
/// escaped.
pub(super) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 64;
    text.chars().take(CHARS_MAX).flat_map(char::escape_debug).collect()
}
