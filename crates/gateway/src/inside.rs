//! What this process knows of itself and only administrators are told: by which configuration it runs,
//! and what it has logged last.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::limits::{LOG_BYTES_KEPT, LOG_LINE_BYTES_MAX, LOG_LINES_KEPT};

/// The latest lines of the log, within bounds, and the configuration as text.
#[derive(Debug, Default)]
pub struct Inside {
    lines: Mutex<Lines>,
    configuration: Mutex<String>,
}

#[derive(Debug, Default)]
struct Lines {
    latest: VecDeque<Box<str>>,
    bytes: usize,
    forgotten: u64,
}

impl Inside {
    /// Keeps what was logged, and forgets what is too old for it.
    pub fn logged(&self, text: &str) {
        let mut lines = held(&self.lines);
        for line in text.lines() {
            let line = cut(line, LOG_LINE_BYTES_MAX);
            lines.bytes += line.len();
            lines.latest.push_back(line.into());
        }
        while lines.latest.len() > LOG_LINES_KEPT || lines.bytes > LOG_BYTES_KEPT {
            let Some(line) = lines.latest.pop_front() else { break };
            lines.bytes -= line.len();
            lines.forgotten += 1;
        }
    }

    /// Keeps the configuration by which the process runs from now on. It must have no secrets.
    pub fn configured(&self, text: String) {
        *held(&self.configuration) = text;
    }

    /// The latest lines, the oldest first, and how many there were before them.
    pub(crate) fn lines(&self) -> (Vec<String>, u64) {
        let lines = held(&self.lines);
        (lines.latest.iter().map(ToString::to_string).collect(), lines.forgotten)
    }

    pub(crate) fn configuration(&self) -> String {
        held(&self.configuration).clone()
    }
}

/// Whoever panicked while it held the lock has left what can be read.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// So much of a text as has so many bytes.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_lines_are_kept_within_their_bounds_and_the_others_counted() {
        let inside = Inside::default();
        for number in 0..LOG_LINES_KEPT + 10 {
            inside.logged(&format!("line {number}\n"));
        }
        let (lines, forgotten) = inside.lines();
        assert_eq!((lines.len(), forgotten), (LOG_LINES_KEPT, 10));
        assert_eq!(lines.first().map(String::as_str), Some("line 10"));

        let long = "é".repeat(LOG_LINE_BYTES_MAX);
        for _ in 0..LOG_LINES_KEPT {
            inside.logged(&long);
        }
        let (lines, _) = inside.lines();
        assert!(lines.iter().all(|line| line.len() <= LOG_LINE_BYTES_MAX));
        let bytes: usize = lines.iter().map(String::len).sum();
        assert!(bytes <= LOG_BYTES_KEPT && bytes + LOG_LINE_BYTES_MAX > LOG_BYTES_KEPT, "{bytes}");
    }
}
