//! One field of a crontab line: the values that it allows.

use std::fmt;

use super::error::{FieldProblem, ScheduleError, shown};

/// A field of a crontab line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// 0 to 59.
    Second,
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31, and `L` for the last day of a month.
    DayOfMonth,
    /// 1 to 12, or `JAN` to `DEC`.
    Month,
    /// 0 to 7 with both 0 and 7 Sunday, or `SUN` to `SAT`.
    DayOfWeek,
}

/// The values that one field allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Values {
    /// Bit n stands for the value n; Sunday is 0.
    bits: u64,
    /// The field's text starts with `*` or `?`: crontab's sign of a field that is not restricted.
    pub(super) is_starred: bool,
    /// The last day of the month is allowed, whichever it is.
    pub(super) has_last_day: bool,
}

const MONTHS: &[&str] =
    &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// Sunday, where it ends a week.
const SUNDAY_AT_THE_END: u8 = 7;

impl Field {
    /// The smallest and the largest value that `*` stands for.
    pub(super) const fn bounds(self) -> (u8, u8) {
        match self {
            Self::Second | Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 6),
        }
    }

    /// How many values the field has.
    const fn count(self) -> u8 {
        let (min, max) = self.bounds();
        max - min + 1
    }

    /// The largest number that may be written: Sunday is also 7.
    const fn written_max(self) -> u8 {
        match self {
            Self::DayOfWeek => SUNDAY_AT_THE_END,
            Self::Second | Self::Minute | Self::Hour | Self::DayOfMonth | Self::Month => {
                self.bounds().1
            }
        }
    }

    /// The names of the values, beginning with the smallest.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => MONTHS,
            Self::DayOfWeek => DAYS,
            Self::Second | Self::Minute | Self::Hour | Self::DayOfMonth => &[],
        }
    }

    const fn expected(self) -> &'static str {
        match self {
            Self::Second | Self::Minute => "a number from 0 to 59, a range like 0-9, *, or */5",
            Self::Hour => "a number from 0 to 23, a range like 0-9, *, or */5",
            Self::DayOfMonth => "a number from 1 to 31, a range like 1-9, *, */5, or L",
            Self::Month => "a number from 1 to 12 or JAN to DEC, a range like 1-3, *, or */2",
            Self::DayOfWeek => "a number from 0 to 7 or SUN to SAT, a range like MON-FRI, or *",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Second => "seconds",
            Self::Minute => "minutes",
            Self::Hour => "hours",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
        })
    }
}

impl Values {
    /// Reads the text of a field: items separated by commas.
    pub(super) fn parse(field: Field, text: &str) -> Result<Self, ScheduleError> {
        let mut values = Self { is_starred: text.starts_with(['*', '?']), ..Self::default() };
        for item in text.split(',') {
            if field == Field::DayOfMonth && item.eq_ignore_ascii_case("L") {
                values.has_last_day = true;
                continue;
            }
            values.bits |= item_bits(field, item).map_err(|problem| ScheduleError::Field {
                field,
                text: shown(text),
                problem,
            })?;
        }
        Ok(values)
    }

    /// Whether `value` is one of them.
    pub(super) const fn contains(self, value: u8) -> bool {
        self.bits & (1 << value) != 0
    }

    /// How many there are, the last day of the month not counted.
    pub(super) const fn count(self) -> u32 {
        self.bits.count_ones()
    }

    /// These values, and those from `from` to the last of `field`.
    pub(super) fn and_from(mut self, field: Field, from: u8) -> Self {
        let (_, max) = field.bounds();
        for value in from..=max {
            self.bits |= 1 << value;
        }
        self
    }

    /// All of them, in order.
    pub(super) fn iter(self) -> impl Iterator<Item = u8> {
        (0..=63).filter(move |&value| self.contains(value))
    }
}

/// The values of one item: a value, a range or `*`, and perhaps a step.
fn item_bits(field: Field, item: &str) -> Result<u64, FieldProblem> {
    if item.is_empty() {
        return Err(FieldProblem::Empty);
    }
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(parse_step(field, step)?)),
        None => (item, None),
    };
    let (min, max) = field.bounds();
    let (start, end) = if range == "*" || range == "?" {
        (min, max)
    } else if let Some((start, end)) = range.split_once('-') {
        (value(field, start)?, range_end(field, start, end)?)
    } else {
        let start = value(field, range)?;
        (start, if step.is_some() { max } else { start })
    };
    // Sunday is 7 only at the end of a range: 7-2 is 0-2.
    let starts_on_sunday = field == Field::DayOfWeek && start == SUNDAY_AT_THE_END && end < start;
    let start = if starts_on_sunday { min } else { start };
    if start > end {
        let instead = format!("{start}-{max},{min}-{end}");
        return Err(FieldProblem::Backwards { item: shown(range), instead });
    }
    let bit = |value: u8| match field {
        Field::DayOfWeek => 1 << (value % SUNDAY_AT_THE_END),
        Field::Second | Field::Minute | Field::Hour | Field::DayOfMonth | Field::Month => {
            1_u64 << value
        }
    };
    Ok((start..=end).step_by(step.unwrap_or(1)).map(bit).fold(0, |bits, bit| bits | bit))
}

/// The end of a range. A range of names may run to Sunday, which then is the week's last day.
fn range_end(field: Field, start: &str, end: &str) -> Result<u8, FieldProblem> {
    let is_sunday = field == Field::DayOfWeek && end.eq_ignore_ascii_case("SUN");
    if is_sunday && value(field, start)? > 0 {
        return Ok(SUNDAY_AT_THE_END);
    }
    value(field, end)
}

/// A number or a name.
fn value(field: Field, text: &str) -> Result<u8, FieldProblem> {
    let (min, _) = field.bounds();
    if let Some(name) = field.names().iter().position(|name| text.eq_ignore_ascii_case(name)) {
        return Ok(u8::try_from(name).unwrap_or(u8::MAX).saturating_add(min));
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        let expected = field.expected();
        return Err(FieldProblem::Meaningless { item: shown(text), expected });
    }
    let max = field.written_max();
    match text.parse() {
        Ok(value) if (min..=max).contains(&value) => Ok(value),
        Ok(_) | Err(_) => Err(FieldProblem::OutOfBounds { item: shown(text), min, max }),
    }
}

/// A step. One as long as the field (`*/60` minutes, `*/24` hours) takes its first value alone,
/// as people mean it; a longer one (`*/90`) never means what it says.
fn parse_step(field: Field, text: &str) -> Result<usize, FieldProblem> {
    let max = field.count();
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<usize>() {
        Ok(step) if is_number && (1..=usize::from(max)).contains(&step) => Ok(step),
        Ok(_) | Err(_) => Err(FieldProblem::Step { item: shown(text), max }),
    }
}
