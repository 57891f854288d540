//! The output of one job.

use crate::cells::Tone;
use crate::output::{Line, Output, Source};
use crate::text;

/// What is above it.
pub(crate) fn head(output: &Output, height: usize) -> String {
    let first = output.first(height);
    let count = output.lines.len();
    let place = match (output.place, output.has_ended) {
        (Some(_), _) => format!("line {} of {count}; end follows", first + 1),
        (None, true) => format!("{}; it has ended", text::counted(count, "line")),
        (None, false) => format!("{}; followed", text::counted(count, "line")),
    };
    let words =
        if output.words.is_empty() { String::new() } else { format!("   / {}", output.words) };
    format!("output of {}   {place}{words}", output.job)
}

/// The lines that there is room for.
pub(crate) fn lines(output: &Output, height: usize) -> Vec<(String, Tone)> {
    let words = output.words.to_lowercase();
    let line = |line: &Line| {
        let (mark, tone) = match line.source {
            Source::Stdout => (' ', Tone::Plain),
            Source::Stderr => ('E', Tone::Warn),
            Source::Stint => ('S', Tone::Faint),
        };
        let has_words = !words.is_empty() && line.text.to_lowercase().contains(&words);
        let tone = if has_words { Tone::Good } else { tone };
        (format!("{:>6} {mark} {}", line.number, line.text), tone)
    };
    output.lines.iter().skip(output.first(height)).take(height).map(line).collect()
}
