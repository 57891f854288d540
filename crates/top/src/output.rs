//! The output of a job, as far as it is kept here.

use std::collections::VecDeque;

use stint_client::v0::LogLine;

use crate::limits;
use crate::text;

/// One line, without what terminals obey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) number: u64,
    pub(crate) source: Source,
    pub(crate) text: String,
}

/// Who has written it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Stdout,
    Stderr,
    Stint,
}

/// The latest lines of one job, and where somebody looks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Output {
    pub(crate) job: String,
    pub(crate) lines: VecDeque<Line>,
    /// The first line that is shown; none is the last screen full, whatever comes.
    pub(crate) place: Option<usize>,
    /// What is looked for.
    pub(crate) words: String,
    pub(crate) has_ended: bool,
}

impl Output {
    pub(crate) fn of(job: String) -> Self {
        Self { job, ..Self::default() }
    }

    /// Takes in lines, and lets go of the oldest.
    pub(crate) fn take(&mut self, lines: Vec<LogLine>) {
        for line in lines {
            let source = match line.source.as_str() {
                "stderr" => Source::Stderr,
                "stint" => Source::Stint,
                _ => Source::Stdout,
            };
            let text = text::output(&line.data, limits::LINE_CHARS_MAX);
            self.lines.push_back(Line { number: line.line_num, source, text });
            if self.lines.len() > limits::LINES_MAX {
                self.lines.pop_front();
                self.place = self.place.map(|place| place.saturating_sub(1));
            }
        }
    }

    /// The first line that is shown where there is room for `height`.
    pub(crate) fn first(&self, height: usize) -> usize {
        let last = self.lines.len().saturating_sub(height);
        self.place.map_or(last, |place| place.min(last))
    }

    /// Moves so many lines; at the end it follows again.
    pub(crate) fn go(&mut self, by: isize, height: usize) {
        let last = self.lines.len().saturating_sub(height);
        let place = self.first(height).saturating_add_signed(by);
        self.place = (place < last).then_some(place);
    }

    /// Goes to the next line with the words, from the one below the first that is shown; whether there is one.
    pub(crate) fn go_to_match(&mut self, height: usize) -> bool {
        let words = self.words.to_lowercase();
        let from = self.place.map_or(0, |_| self.first(height) + 1);
        let count = self.lines.len();
        let found = (from..count).chain(0..from.min(count)).find(|&i| {
            self.lines.get(i).is_some_and(|line| line.text.to_lowercase().contains(&words))
        });
        self.place = found.or(self.place);
        found.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(range: std::ops::Range<u64>) -> Vec<LogLine> {
        let line = |n| LogLine { data: format!("line {n}"), line_num: n, source: "stdout".into() };
        range.map(line).collect()
    }

    #[test]
    fn the_end_is_followed_until_somebody_looks_up_and_from_the_end_again() {
        let mut output = Output::of("a".into());
        output.take(lines(0..100));
        assert_eq!(output.first(10), 90);
        output.take(lines(100..110));
        assert_eq!(output.first(10), 100);
        output.go(-1, 10);
        output.take(lines(110..120));
        assert_eq!(output.first(10), 99, "what is read stays");
        output.go(100, 10);
        output.take(lines(120..130));
        assert_eq!(output.first(10), 120);
    }

    #[test]
    fn only_the_latest_lines_are_kept() {
        let mut output = Output::of("a".into());
        let max = u64::try_from(limits::LINES_MAX).expect("a few");
        output.take(lines(0..max));
        output.place = Some(50);
        output.take(lines(max..max + 20));
        assert_eq!(output.lines.len(), limits::LINES_MAX);
        assert_eq!(output.lines.front().map(|line| line.number), Some(20));
        assert_eq!(output.place, Some(30), "the same line");
    }

    #[test]
    fn matches_are_found_round_and_round() {
        let mut output = Output::of("a".into());
        output.take(lines(0..30));
        output.words = "LINE 2".into();
        let mut seen = Vec::new();
        for _ in 0..12 {
            assert!(output.go_to_match(1));
            seen.push(output.place);
        }
        assert_eq!(seen.first(), Some(&Some(2)));
        assert_eq!(seen.get(1), Some(&Some(20)));
        assert_eq!(seen.get(11), Some(&Some(2)), "{seen:?}");
        output.words = "nowhere".into();
        assert!(!output.go_to_match(1));
    }
}
