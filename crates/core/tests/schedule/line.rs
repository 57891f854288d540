//! Random crontab lines, each as we read it and as croner does.

use super::dice::Dice;

/// One line in two spellings.
pub(crate) struct Line {
    pub(crate) ours: String,
    /// The same for croner, whose dialect differs in four points: day of month and day of week
    /// match either unless the latter starts with `+` (we: unless one starts with `*`); a step
    /// after a single day of week runs to 7 (we: to 6); `SUN-SUN` is a week (we: a day); and it
    /// knows no `@midnight`.
    pub(crate) croners: String,
}

const NAMES: &[(&str, &str)] = &[
    ("@yearly", "@yearly"),
    ("@annually", "@annually"),
    ("@monthly", "@monthly"),
    ("@weekly", "@weekly"),
    ("@daily", "@daily"),
    ("@midnight", "@daily"),
    ("@Hourly", "@hourly"),
];

const MONTHS: &[&str] =
    &["JAN", "feb", "Mar", "APR", "may", "Jun", "JUL", "aug", "Sep", "OCT", "nov", "Dec"];
const DAYS: &[&str] = &["SUN", "mon", "Tue", "WED", "thu", "Fri", "SAT"];

pub(crate) fn random(dice: &mut Dice) -> Line {
    if dice.happens(1, 50) {
        let (ours, croners) = *dice.one_of(NAMES);
        return Line { ours: ours.to_owned(), croners: croners.to_owned() };
    }
    let second = time_field(dice, 59, 1);
    let minute = time_field(dice, 59, 3);
    let hour = if dice.happens(1, 4) { small_hours(dice) } else { time_field(dice, 23, 4) };
    // On every day, half of the time: those meet the changes of the clock.
    let star = || "*".to_owned();
    let is_daily = dice.happens(1, 2);
    let day = if is_daily { star() } else { day_field(dice) };
    let month = if is_daily || dice.happens(2, 3) { star() } else { list(dice, 1, 12, MONTHS, 12) };
    let weekday = if is_daily || dice.happens(1, 2) { star() } else { weekday_field(dice) };
    let is_and = day.starts_with(['*', '?']) || weekday.starts_with(['*', '?']);
    let their_weekday = for_croner(&weekday);
    let plus = if is_and { "+" } else { "" };
    let rest = format!("{minute} {hour} {day} {month}");
    let blanks = *dice.one_of(&[" ", " ", "  ", " \t "]);
    let ours = if dice.happens(1, 3) {
        (format!("{rest} {weekday}"), format!("0 {rest} {plus}{their_weekday}"))
    } else {
        let ours = format!("{second} {rest} {weekday}");
        (ours, format!("{second} {rest} {plus}{their_weekday}"))
    };
    Line { ours: ours.0.replace(' ', blanks), croners: ours.1 }
}

/// Seconds, minutes or hours; stars more often with a larger `stars`.
fn time_field(dice: &mut Dice, max: u64, stars: u64) -> String {
    match dice.from(0, 9) {
        roll if roll < stars => "*".to_owned(),
        4 | 5 => format!("*/{}", dice.from(1, max + 1)),
        6 | 7 => dice.from(0, max).to_string(),
        _ => list(dice, 0, max, &[], max + 1),
    }
}

/// Hours at which clocks are set.
fn small_hours(dice: &mut Dice) -> String {
    (*dice.one_of(&["0", "1", "2", "3", "0,1", "1,2", "2,3", "0-3", "23,0", "2-3/1"])).to_owned()
}

fn day_field(dice: &mut Dice) -> String {
    match dice.from(0, 11) {
        0..=4 => "*".to_owned(),
        5 => "?".to_owned(),
        6 => format!("*/{}", dice.from(1, 31)),
        7 => "L".to_owned(),
        8 => format!("{},L", list(dice, 1, 31, &[], 31)),
        9 => dice.from(28, 31).to_string(),
        _ => list(dice, 1, 31, &[], 31),
    }
}

fn weekday_field(dice: &mut Dice) -> String {
    match dice.from(0, 6) {
        0 => "?".to_owned(),
        1 => format!("*/{}", dice.from(1, 7)),
        2 => "7".to_owned(),
        3 => format!("{}-7", dice.from(0, 7)),
        4 => format!("{}-SUN", dice.one_of(DAYS)),
        _ => list(dice, 0, 6, DAYS, 7),
    }
}

/// One to three items, sometimes with a star among them.
fn list(dice: &mut Dice, min: u64, max: u64, names: &[&str], step_max: u64) -> String {
    let count = dice.from(1, 3);
    let items: Vec<_> = (0..count).map(|_| item(dice, min, max, names, step_max)).collect();
    items.join(",")
}

fn item(dice: &mut Dice, min: u64, max: u64, names: &[&str], step_max: u64) -> String {
    let low = dice.from(min, max);
    let high = dice.from(low, max);
    let is_named = !names.is_empty() && dice.happens(1, 2);
    let write = |value: u64| match names.get(usize::try_from(value - min).expect("an index")) {
        Some(name) if is_named => (*name).to_owned(),
        _ => value.to_string(),
    };
    match dice.from(0, 9) {
        0..=3 => write(low),
        4 | 5 => format!("{}-{}", write(low), write(high)),
        6 | 7 => format!("{}-{}/{}", write(low), write(high), dice.from(1, step_max)),
        8 => format!("{}/{}", write(low), dice.from(1, step_max)),
        _ => format!("*/{}", dice.from(1, step_max)),
    }
}

/// Writes `5/2` as `5-6/2` and `SUN-SUN` as `0-0`.
fn for_croner(weekday: &str) -> String {
    let weekday = weekday.replace("SUN-SUN", "0-0");
    let items: Vec<_> = weekday
        .split(',')
        .map(|item| match item.split_once('/') {
            Some((start, step)) if !start.contains(['-', '*', '?']) => {
                format!("{start}-6/{step}")
            }
            _ => item.to_owned(),
        })
        .collect();
    items.join(",")
}
