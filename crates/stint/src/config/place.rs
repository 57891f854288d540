//! Where in a file something is wrong, and how that is said.

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};

use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::layers::{Origin, Part};

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
    /// A variable or a flag that stands over the file is wrong.
    #[error("{origin}: {message}")]
    Over {
        /// Which one.
        origin: Origin,
        /// What is wrong, and what would be right.
        message: String,
    },
}

/// A text, the file that it came from, and what stands over it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) file: &'a Path,
    pub(crate) text: &'a str,
    pub(crate) parts: &'a [Part],
}

impl<'a> Source<'a> {
    /// A file over which nothing stands.
    #[cfg(test)]
    pub(crate) fn of_file(file: &'a Path, text: &'a str) -> Self {
        Self { file, text, parts: &[] }
    }

    /// Reads the text as a `T`.
    pub(crate) fn parse<T: serde::de::DeserializeOwned>(self) -> Result<T, Error> {
        T::deserialize(toml::Deserializer::from(self.tree()?)).map_err(|error| self.said(error))
    }

    /// The file with all that stands over it.
    pub(crate) fn tree(self) -> Result<Spanned<DeTable<'a>>, Error> {
        let mut root = DeTable::parse(self.text).map_err(|error| self.said(error))?;
        for part in self.parts {
            let value = self.value(part)?;
            self.put(root.get_mut(), part, value)?;
        }
        Ok(root)
    }

    /// The value of a part: TOML, or else a text as it stands.
    fn value(self, part: &'a Part) -> Result<Spanned<DeValue<'a>>, Error> {
        let written = part.value();
        let as_text = || Spanned::new(part.place.clone(), DeValue::String(Cow::Borrowed(written)));
        let mut table = match DeTable::parse(&part.text) {
            Ok(table) => table.into_inner(),
            Err(error) if written.starts_with(['{', '[', '"', '\'']) => {
                return Err(self.said(error));
            }
            Err(_) => return Ok(as_text()),
        };
        // A second line would be a second key.
        let is_one = table.len() == 1;
        let value = table.remove(Part::KEY).filter(|_| is_one);
        let is_other = |value: &Spanned<DeValue<'_>>| part.is_text() && !value.get_ref().is_str();
        Ok(value.filter(|value| !is_other(value)).unwrap_or_else(as_text))
    }

    /// Puts a value where its path says. What nobody has said does not take the place of anything.
    fn put(
        self,
        root: &mut DeTable<'a>,
        part: &'a Part,
        value: Spanned<DeValue<'a>>,
    ) -> Result<(), Error> {
        let Some((last, tables)) = part.path.split_last() else { return Ok(()) };
        let key = |name: &'a str| Spanned::new(part.place.clone(), Cow::Borrowed(name));
        let mut table = root;
        for name in tables {
            let place = part.place.clone();
            let inner = table
                .entry(key(name))
                .or_insert_with(|| Spanned::new(place, DeValue::Table(DeTable::new())));
            let DeValue::Table(inner) = inner.get_mut() else {
                let message = format!("{}: {name} is no table", part.path.join("."));
                return Err(self.wrong(&part.place, &message));
            };
            table = inner;
        }
        if part.origin == Origin::Default {
            table.entry(key(last)).or_insert(value);
        } else {
            table.remove(last.as_str());
            table.insert(key(last), value);
        }
        Ok(())
    }

    /// What the parser says, in our words.
    fn said(self, error: toml::de::Error) -> Error {
        let place = error.span().unwrap_or(0..0);
        self.wrong(&place, &in_our_words(error))
    }

    /// The error that something at `place` is wrong.
    pub(crate) fn wrong(self, place: &Range<usize>, message: &str) -> Error {
        let message = message.to_owned();
        if let Some(part) = self.part_at(place) {
            return Error::Over { origin: part.origin.clone(), message };
        }
        let (line, column) = self.line_and_column(place);
        Error::Wrong { file: self.file.to_owned(), line, column, message }
    }

    /// Where the value at `place` comes from.
    pub(crate) fn origin(self, place: &Range<usize>) -> String {
        match self.part_at(place) {
            Some(part) => part.origin.to_string(),
            None => format!("{}:{}", self.file.display(), self.line_and_column(place).0),
        }
    }

    fn part_at(self, place: &Range<usize>) -> Option<&'a Part> {
        // The end of a value may be where something is missing.
        let is_in = |part: &&Part| part.place.start <= place.start && place.start <= part.place.end;
        self.parts.iter().find(is_in)
    }

    fn line_and_column(self, place: &Range<usize>) -> (usize, usize) {
        let before = self.text.get(..place.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |text| text.chars().count()) + 1;
        (line, column)
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
            let text = format!("{ours}{}", rest.replacen(", expected", "; expected", 1));
            // It may have been written for another version, on the way up or down.
            let version = env!("CARGO_PKG_VERSION");
            let is_unknown = ours.starts_with("unknown");
            return if is_unknown { format!("{text} (in version {version})") } else { text };
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
