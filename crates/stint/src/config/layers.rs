//! What stands over the file: variables of the environment, and over these the command line.
//!
//! A variable names its key with two underscores in the place of the dot: `STINT_RAFT__HEARTBEAT`
//! is `heartbeat` in `[raft]`. On the command line the key stands as it is in the file:
//! `--set raft.heartbeat=50ms`.

use std::ffi::OsString;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::keys::{self, Kind};
use super::place::{Error, Source};

/// All names of variables that set a key begin so.
const PREFIX: &str = "STINT_";

/// What stands for the dot of a key.
const DOT: &str = "__";

/// The parameters of a job, which its process may hand on: they never set a key.
const PARAMETERS: &str = "STINT_PARAM_";

/// The filter of the log had a variable of its own before all keys had one.
const LOG_FILTER: (&str, &str) = ("STINT_LOG", "log.level");

/// Where the configuration of a replica comes from. It can be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layers {
    file: PathBuf,
    /// The later ones win.
    over: Vec<Over>,
}

/// One key with its value, which is not from the file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Over {
    origin: Origin,
    path: Vec<String>,
    value: String,
}

/// Where a value comes from, if not from the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A variable of the environment, by name.
    Variable(String),
    /// The command line, by key.
    Flag(String),
    /// Nobody has said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::Flag(key) => write!(f, "--set {key}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value that is not from the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(super) origin: Origin,
    pub(super) path: Vec<String>,
    /// Where it would be if the parts stood behind the file, one after the other.
    pub(super) place: Range<usize>,
    /// The value as that of a key, behind as many blanks as put it into its place: what the parser
    /// says of places is then right.
    pub(super) text: String,
}

/// The file, and all that stands over it.
#[derive(Debug)]
pub(crate) struct Text {
    file: PathBuf,
    /// What the file says.
    said: String,
    parts: Vec<Part>,
}

impl Part {
    /// The key of the value in its text.
    pub(super) const KEY: &str = "v";

    fn new(origin: Origin, path: Vec<String>, value: &str, after: usize) -> Self {
        let key = format!("{}=", Self::KEY);
        // One more, so that no two parts touch.
        let start = after + 1 + key.len();
        // Not by a width: that of a format has 16 bits, and a file with very many actions is longer.
        let text = " ".repeat(after + 1) + &key + value;
        Self { origin, path, place: start..text.len(), text }
    }

    /// The value as it is written.
    pub(super) fn value(&self) -> &str {
        self.text.get(self.place.clone()).unwrap_or_default()
    }

    /// Whether the value is a text that needs no quotes.
    pub(super) fn is_text(&self) -> bool {
        let path = self.path.join(".");
        keys::KEYS.iter().any(|key| key.path == path && key.kind == Kind::Text)
    }
}

impl Layers {
    /// The file alone.
    pub(crate) fn file(file: &Path) -> Self {
        Self { file: file.to_owned(), over: Vec::new() }
    }

    /// The file, the environment of this process, and what the command line sets.
    pub(crate) fn new(file: &Path, set: &[(String, String)]) -> Result<Self, Error> {
        Self::of(file, std::env::vars_os(), set)
    }

    pub(super) fn of(
        file: &Path,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        set: &[(String, String)],
    ) -> Result<Self, Error> {
        let mut over = Vec::new();
        for (name, value) in variables {
            let Some(key) = name.to_str().and_then(key_of) else { continue };
            let name = name.to_string_lossy().into_owned();
            let origin = Origin::Variable(name);
            let wrong = |message: String| Error::Over { origin: origin.clone(), message };
            let value = value.into_string().map_err(|_| wrong("it is not UTF-8".to_owned()))?;
            // Whoever starts a container passes on variables that nobody has set.
            if value.is_empty() {
                continue;
            }
            let path = key.map_err(wrong)?;
            over.push(Over { origin, path, value });
        }
        // The order of the environment is nobody's intention; the old name of the filter has always
        // had precedence.
        over.sort_by_key(|over| match &over.origin {
            Origin::Variable(name) => (name == LOG_FILTER.0, name.clone()),
            Origin::Flag(_) | Origin::Default => (false, String::new()),
        });
        over.extend(set.iter().map(|(key, value)| Over {
            origin: Origin::Flag(key.clone()),
            path: key.split('.').map(str::to_owned).collect(),
            value: value.clone(),
        }));
        Ok(Self { file: file.to_owned(), over })
    }

    /// Reads the file, and puts over it what stands over it.
    pub(crate) fn read(&self) -> Result<Text, Error> {
        let mut text = Text::of_file(&self.file)?;
        for Over { origin, path, value } in &self.over {
            text.add(origin.clone(), path.clone(), value);
        }
        Ok(text)
    }
}

impl Text {
    pub(super) fn of_file(file: &Path) -> Result<Self, Error> {
        let said = std::fs::read_to_string(file).map_err(|error| Error::Unreadable {
            file: file.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self { file: file.to_owned(), said, parts: Vec::new() })
    }

    /// Adds what holds where nobody says anything.
    pub(super) fn add_defaults(&mut self) {
        for (key, value) in keys::defaults() {
            let path = key.split('.').map(str::to_owned).collect();
            self.add(Origin::Default, path, &value.to_string());
        }
    }

    fn add(&mut self, origin: Origin, path: Vec<String>, value: &str) {
        let after = self.parts.last().map_or(self.said.len(), |part| part.place.end);
        self.parts.push(Part::new(origin, path, value, after));
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source { file: &self.file, text: &self.said, parts: &self.parts }
    }
}

/// The key that a variable sets, if it is one that does: its path, or why it names none.
fn key_of(variable: &str) -> Option<Result<Vec<String>, String>> {
    if variable == LOG_FILTER.0 {
        return Some(Ok(LOG_FILTER.1.split('.').map(str::to_owned).collect()));
    }
    let name = variable.strip_prefix(PREFIX)?;
    if variable.starts_with(PARAMETERS) || !name.contains(DOT) {
        return None;
    }
    let path: Vec<_> = name.split(DOT).map(str::to_ascii_lowercase).collect();
    if path.len() == 2 && path.iter().all(|part| !part.is_empty()) {
        return Some(Ok(path));
    }
    Some(Err(format!(
        "a variable sets one key of one table, as {PREFIX}RAFT{DOT}HEARTBEAT does; what is deeper is \
         set with its table as a whole, in TOML, as in {PREFIX}WORKER{DOT}CAPACITY='{{ scan = 1 }}', \
         or with --set"
    )))
}

/// The variables of this environment that set a key: processes with a configuration of their own
/// must not inherit them.
pub(crate) fn variables() -> impl Iterator<Item = OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| name.to_str().is_some_and(|name| key_of(name).is_some()))
}

#[cfg(test)]
mod tests;
