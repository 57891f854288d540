//! A configuration as it holds, with where each value comes from.

use std::fmt::Write as _;

use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::keys;
use super::place::{Error, Source};

/// Where the origin stands, if the value leaves room for it.
const ORIGIN_COLUMN: usize = 56;

/// What is shown of a secret.
const HIDDEN: &str = "(hidden)";

/// Who reads a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A program: nothing is hidden.
    Program,
    /// Its operator: secrets are hidden.
    Operator,
    /// Whoever is told of a cluster that is not well: what it runs is nobody's business but the
    /// operator's, and is hidden, too.
    Helper,
}

/// All of it as TOML. If something is hidden it is for reading only.
pub(super) fn text(source: Source<'_>, reader: Reader) -> Result<String, Error> {
    let tree = source.tree()?;
    let mut shown = Shown { source, reader, out: String::new() };
    shown.table(&mut Vec::new(), tree.get_ref());
    Ok(shown.out)
}

struct Shown<'a> {
    source: Source<'a>,
    reader: Reader,
    out: String,
}

type Entry<'t, 'a> = (&'t str, &'t Spanned<DeValue<'a>>);

impl<'a> Shown<'a> {
    /// Its own keys first, then the tables in it: that is the order TOML asks for.
    fn table<'t>(&mut self, path: &mut Vec<&'t str>, table: &'t DeTable<'a>) {
        let mut entries: Vec<Entry<'t, 'a>> =
            table.iter().map(|(key, value)| (key.get_ref().as_ref(), value)).collect();
        entries.sort_by_key(|(key, _)| rank(path, key));
        let (inner, own): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(_, value)| is_table(value.get_ref()));
        if !path.is_empty() && (!own.is_empty() || inner.is_empty()) {
            self.header(&format!("[{}]", name_of(path)));
        }
        for (key, value) in own {
            self.line(path, key, value);
        }
        for (key, value) in inner {
            path.push(key);
            match value.get_ref() {
                DeValue::Table(table) => self.table(path, table),
                DeValue::Array(array) => {
                    for element in array {
                        self.header(&format!("[[{}]]", name_of(path)));
                        let members = element.get_ref().as_table().into_iter().flatten();
                        members.for_each(|(key, value)| self.line(path, key.get_ref(), value));
                    }
                }
                DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_) => {}
            }
            path.pop();
        }
    }

    fn header(&mut self, header: &str) {
        let gap = if self.out.is_empty() { "" } else { "\n" };
        self.add(format_args!("{gap}{header}\n"));
    }

    fn line(&mut self, path: &[&str], key: &str, value: &Spanned<DeValue<'_>>) {
        let origin = self.source.origin(&value.span());
        let value = written(value);
        let is_hidden = match self.reader {
            Reader::Program => false,
            Reader::Operator => is_secret(path, key),
            Reader::Helper => is_secret(path, key) || is_inner(path, key, &value),
        };
        let value = if is_hidden { format!("{HIDDEN:?}") } else { value };
        let line = format!("{} = {value}", name_of(&[key]));
        // Of a text of more lines the last one counts.
        let width = line.rsplit('\n').next().unwrap_or_default().chars().count();
        let gap = ORIGIN_COLUMN.saturating_sub(width).max(2);
        self.add(format_args!("{line}{:gap$}# {origin}\n", ""));
    }

    fn add(&mut self, part: std::fmt::Arguments<'_>) {
        self.out.write_fmt(part).expect("a String takes whatever is written");
    }
}

/// What gets a header of its own.
fn is_table(value: &DeValue<'_>) -> bool {
    let is_list = |array: &toml::de::DeArray<'_>| {
        !array.is_empty() && array.iter().all(|element| is_flat(element.get_ref()))
    };
    value.is_table() || value.as_array().is_some_and(is_list)
}

/// A table without tables in it.
fn is_flat(value: &DeValue<'_>) -> bool {
    let mut values = value.as_table().into_iter().flatten().map(|(_, value)| value.get_ref());
    value.is_table() && !values.any(|value| is_table(value))
}

/// The place of a key among its neighbours: that of the table of keys, and behind it by name.
fn rank<'k>(path: &[&str], key: &'k str) -> (usize, &'k str) {
    let name = path.iter().copied().chain([key]).collect::<Vec<_>>().join(".");
    let begins = |known: &keys::Key| {
        known.path == name
            || known.path.strip_prefix(&name).is_some_and(|rest| rest.starts_with('.'))
    };
    (keys::KEYS.iter().position(begins).unwrap_or(keys::KEYS.len()), key)
}

/// What an operator may have written into a configuration that others should not read in passing.
fn is_secret(path: &[&str], key: &str) -> bool {
    let is_environment = matches!(path, ["actions", _, "environment"]);
    let sounds_secret = |name: &&str| name.contains("secret") || name.contains("password");
    is_environment || path.iter().copied().chain([key]).any(|name| sounds_secret(&name))
}

/// What the operator knows and nobody else has to: what is run, by what an administrator is known, and
/// who speaks to a place where that is a part of its name.
fn is_inner(path: &[&str], key: &str, value: &str) -> bool {
    let is_command = matches!(path, ["actions", _]) && key == "command";
    let has_user = value.contains("://") && value.contains('@');
    is_command || key == "admin_token_hash" || has_user
}

/// A key with its tables, each quoted where it has to be.
fn name_of(path: &[&str]) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let quoted = |name: &&str| match name {
        name if !name.is_empty() && name.chars().all(is_bare) => (*name).to_owned(),
        // A text in JSON is a text in TOML on one line.
        name => serde_json::Value::from(*name).to_string(),
    };
    path.iter().map(quoted).collect::<Vec<_>>().join(".")
}

/// A value as TOML.
fn written(value: &Spanned<DeValue<'_>>) -> String {
    let value = toml::Value::deserialize(ValueDeserializer::from(value.clone()));
    value.map_or_else(|error| format!("# {error}"), |value| value.to_string())
}
