//! Where in a file something is wrong, and how that is said.

use std::ops::Range;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A configuration that cannot be used, with the place where that shows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Error {
    /// The file cannot be read.
    #[error("{}: cannot be read: {reason}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// Something in it is wrong.
    #[error("{}:{line}:{column}: {message}", file.display())]
    Wrong {
        /// The file.
        file: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
        /// What is wrong, and what would be right.
        message: String,
    },
}

/// A text, and the file that it came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) file: &'a Path,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    /// Reads the text as a `T`.
    pub(crate) fn parse<T: serde::de::DeserializeOwned>(self) -> Result<T, Error> {
        toml::from_str(self.text).map_err(|error| {
            let place = error.span().unwrap_or(0..0);
            self.wrong(&place, &in_our_words(error))
        })
    }

    /// The error that something at `place` is wrong.
    pub(crate) fn wrong(self, place: &Range<usize>, message: &str) -> Error {
        let before = self.text.get(..place.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |text| text.chars().count()) + 1;
        Error::Wrong { file: self.file.to_owned(), line, column, message: message.to_owned() }
    }
}

/// The message of the parser with the key that it is about, in the words of a configuration file.
fn in_our_words(mut error: toml::de::Error) -> String {
    let message = error.message().trim().replace('`', "\"").replace('\n', ", ");
    for (theirs, ours) in [
        ("unknown field ", "unknown key "),
        ("missing field ", "missing key "),
        ("duplicate field ", "duplicate key "),
    ] {
        if let Some(rest) = message.strip_prefix(theirs) {
            return format!("{ours}{}", rest.replacen(", expected", "; expected", 1));
        }
    }
    // Without its input the parser names the key instead of showing the line.
    error.set_input(None);
    let shown = error.to_string();
    let key = shown.lines().find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'));
    match key {
        Some(key) => format!("{key}: {message}"),
        None => message,
    }
}
