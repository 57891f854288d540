//! How things are written in few characters.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::{Duration, SystemTime};

use stint_client::Timestamp;

/// The text in one line, and without what a terminal would obey: names and values are a client's.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A line of output as it would look: without the sequences by which it commands a terminal.
pub(crate) fn output(text: &str, chars_max: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(chars_max));
    let mut chars = text.chars().peekable();
    let mut count = 0;
    while let Some(c) = chars.next() {
        if count >= chars_max {
            shown.push('…');
            break;
        }
        match c {
            '\u{1b}' => pass_sequence(&mut chars),
            '\t' => {
                let blanks = 8 - count % 8;
                shown.extend(std::iter::repeat_n(' ', blanks));
                count += blanks;
            }
            c if c.is_control() => {}
            c => {
                shown.push(c);
                count += 1;
            }
        }
    }
    shown
}

/// Passes over what follows an ESC (ECMA-48): a control sequence, a string, or one character.
fn pass_sequence(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next() {
        Some('[') => while chars.next().is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c)) {},
        Some(']' | 'P' | '_' | '^' | 'X') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || c == '\u{1b}' && chars.next_if_eq(&'\\').is_some() {
                    break;
                }
            }
        }
        Some(_) | None => {}
    }
}

/// A length in its two largest units at most.
pub(crate) fn length(length: Duration) -> String {
    let s = length.as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m{:02}s", s / 60, s % 60),
        3_600..86_400 => format!("{}h{:02}m", s / 3_600, s / 60 % 60),
        _ => format!("{}d{:02}h", s / 86_400, s / 3_600 % 24),
    }
}

/// How long ago, or in how long.
pub(crate) fn age(at: Option<&Timestamp>, now: SystemTime) -> String {
    let Some(at) = at.and_then(instant) else { return "-".to_owned() };
    match now.duration_since(at) {
        Ok(ago) => length(ago),
        Err(ahead) => format!("in {}", length(ahead.duration())),
    }
}

/// How long something is good for still.
pub(crate) fn left(at: Option<&Timestamp>, now: SystemTime) -> String {
    let Some(at) = at.and_then(instant) else { return "-".to_owned() };
    at.duration_since(now).map_or_else(|_| "over".to_owned(), length)
}

/// How long one thing is after another.
pub(crate) fn between(from: Option<&Timestamp>, to: Option<&Timestamp>) -> String {
    let lengths = from.and_then(instant).zip(to.and_then(instant));
    let between = lengths.and_then(|(from, to)| to.duration_since(from).ok());
    between.map_or_else(|| "-".to_owned(), length)
}

/// Milliseconds since 1970, by which things are sorted.
pub(crate) fn order(at: Option<&Timestamp>) -> i64 {
    at.map_or(i64::MIN, |at| {
        at.seconds.saturating_mul(1_000).saturating_add(i64::from(at.nanos / 1_000_000))
    })
}

fn instant(at: &Timestamp) -> Option<SystemTime> {
    SystemTime::try_from(*at).ok()
}

/// How many there are of something: 1 job, 2 jobs.
pub(crate) fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, what: &str) -> String {
    let end = if count == N::from(1) { "" } else { "s" };
    format!("{count} {what}{end}")
}

/// Amounts by name.
pub(crate) fn amounts(map: &BTreeMap<String, i64>) -> String {
    let shown: Vec<_> = map.iter().map(|(name, n)| format!("{}={n}", plain(name))).collect();
    if shown.is_empty() { "-".to_owned() } else { shown.join(" ") }
}

/// The last eight digits of an id, which tell those apart that were drawn in the same minute.
pub(crate) fn short(id: &str) -> String {
    let count = id.chars().count();
    if count <= 12 { plain(id) } else { plain(&id.chars().skip(count - 8).collect::<String>()) }
}

/// The text, or a dash.
pub(crate) fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { plain(text) }
}

/// A number of bytes.
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1_048_576 => format!("{} KiB", n >> 10),
        1_048_576..1_073_741_824 => format!("{} MiB", n >> 20),
        _ => format!("{}.{} GiB", n >> 30, (n >> 20) % 1_024 * 10 / 1_024),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_cannot_command_the_terminal() {
        for (line, shown) in [
            ("plain", "plain"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link", "link"),
            ("a\tb", "a       b"),
            ("\u{1b}cgone", "gone"),
            ("\u{1b}[2", ""),
            ("bell\u{7}\r", "bell"),
        ] {
            assert_eq!(output(line, 100), shown, "{line:?}");
        }
        assert_eq!(output("abcdef", 3), "abc…");
    }

    #[test]
    fn lengths_have_two_units_at_most() {
        for (s, shown) in
            [(0, "0s"), (59, "59s"), (61, "1m01s"), (3_661, "1h01m"), (90_000, "1d01h")]
        {
            assert_eq!(length(Duration::from_secs(s)), shown);
        }
    }

    #[test]
    fn an_id_is_told_by_its_end() {
        assert_eq!(short("0199aaaa-bbbb-7ccc-8ddd-eeee12345678"), "12345678");
        assert_eq!(short("000000000001"), "000000000001");
    }
}
