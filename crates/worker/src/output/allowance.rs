//! How much output a run may still have.

use stint_core::{Line, Stream};

use crate::config::OutputLimits;

#[derive(Debug)]
pub(super) struct Allowance {
    limits: OutputLimits,
    lines_left: u64,
    bytes_left: u64,
    is_exhausted: bool,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Granted,
    /// It is the first that is too much: it is dropped, and this is said in its place.
    Exhausted(Line),
    Dropped,
}

impl Allowance {
    pub(super) fn new(limits: OutputLimits, line_count: u64) -> Self {
        Self {
            limits,
            lines_left: limits.lines_max.saturating_sub(line_count),
            bytes_left: limits.bytes_max,
            is_exhausted: false,
        }
    }

    /// Nothing at all, and nothing is said about it.
    pub(super) fn none() -> Self {
        let limits = OutputLimits { line_bytes_max: 0, lines_max: 0, bytes_max: 0 };
        Self { limits, lines_left: 0, bytes_left: 0, is_exhausted: true }
    }

    /// Whether nothing will be granted any more.
    pub(super) fn is_exhausted(&self) -> bool {
        self.is_exhausted
    }

    pub(super) fn admit(&mut self, line: &Line) -> Admission {
        if self.is_exhausted {
            return Admission::Dropped;
        }
        // The line feed is counted too, so that empty lines are not free.
        let bytes = u64::try_from(line.text.len()).unwrap_or(u64::MAX).saturating_add(1);
        match (self.lines_left.checked_sub(1), self.bytes_left.checked_sub(bytes)) {
            (Some(lines_left), Some(bytes_left)) => {
                (self.lines_left, self.bytes_left) = (lines_left, bytes_left);
                Admission::Granted
            }
            (lines_left, _) => {
                self.is_exhausted = true;
                let limit = if lines_left.is_none() {
                    format!("{} lines", self.limits.lines_max)
                } else {
                    format!("{} bytes", self.limits.bytes_max)
                };
                let text =
                    format!("the output has reached its limit of {limit}; the rest is dropped");
                Admission::Exhausted(Line { stream: Stream::Note, text })
            }
        }
    }
}
