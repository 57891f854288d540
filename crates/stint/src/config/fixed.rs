//! What a replica cannot take up while it runs.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::keys::KEYS;
use super::layers::Layers;
use super::place::Error;

/// The keys that a replica takes up when it is told to: what its worker does. Actions and webhooks
/// are no keys of the table, and are taken up as well.
const TAKEN_UP: [&str; 3] = ["worker.runs_max", "worker.capacity", "worker.drain_limit"];

/// The values of all other keys, as they hold.
pub(crate) fn fixed(layers: &Layers) -> Result<BTreeMap<&'static str, String>, Error> {
    let mut text = layers.read()?;
    text.add_defaults();
    let table: Table = text.source().parse()?;
    let keys = KEYS.iter().map(|key| key.path).filter(|path| !TAKEN_UP.contains(path));
    Ok(keys.map(|path| (path, value_at(&table, path))).collect())
}

fn value_at(table: &Table, path: &str) -> String {
    let (outer, key) = path.split_once('.').unwrap_or(("", path));
    let value = table.get(outer).and_then(Value::as_table).and_then(|table| table.get(key));
    value.map_or(String::new(), ToString::to_string)
}
