//! What a worker is told: its lease, its capacity, and its actions.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use stint_core::{BUILT_IN_ACTIONS, CapacityMap, limits};
use stint_worker::{Action, Config};
use toml::Spanned;

use super::action::action;
use super::file;
use super::place::{Error, Source};
use super::webhook::webhooks;

type Actions = BTreeMap<Spanned<String>, Spanned<file::Action>>;

/// The worker of a replica; `None` if it is not enabled.
pub(super) fn worker(
    source: Source<'_>,
    data_dir: &Path,
    worker: file::Worker,
    webhook: file::Webhook,
    actions: Actions,
) -> Result<Option<Config>, Error> {
    // What is written is checked, used or not.
    let mut config = Config::new(data_dir.to_owned());
    if let Some(ttl) = &worker.lease_ttl {
        config.ttl = ttl.get_ref().0;
        whole_config(source, "worker.lease_ttl", &ttl.span(), &config)?;
    }
    if let Some(runs_max) = &worker.runs_max {
        config.runs_max = usize::try_from(*runs_max.get_ref()).unwrap_or(usize::MAX);
        whole_config(source, "worker.runs_max", &runs_max.span(), &config)?;
    }
    if let Some(limit) = &worker.drain_limit {
        config.drain_limit = limit.get_ref().0;
    }
    config.capacity = capacity(source, "worker.capacity", worker.capacity)?;
    config.webhooks = Arc::new(webhooks(source, webhook)?);
    config.actions = read(source, actions)?;
    whole_config(source, "actions", &(0..0), &config)?;
    Ok(worker.enabled.unwrap_or(true).then_some(config))
}

/// Asks the worker whether it can work by what is known so far.
fn whole_config(
    source: Source<'_>,
    key: &str,
    place: &Range<usize>,
    config: &Config,
) -> Result<(), Error> {
    config.check().map_err(|error| source.wrong(place, &format!("{key}: {error}")))
}

/// Amounts by name, of the key `key`.
pub(super) fn capacity(
    source: Source<'_>,
    key: &str,
    given: BTreeMap<Spanned<String>, Spanned<u64>>,
) -> Result<CapacityMap, Error> {
    let count = given.len();
    let mut amounts = Vec::new();
    for (i, (name, amount)) in given.into_iter().enumerate() {
        let (place, value_place) = (name.span(), amount.span());
        let (name, amount) = (name.into_inner(), amount.into_inner());
        if i >= limits::CAPACITY_NAMES_MAX {
            let most = limits::CAPACITY_NAMES_MAX;
            let message = format!("{key} has {count} names; it can have {most}");
            return Err(source.wrong(&place, &message));
        }
        is_name(source, "capacity", &name, &place)?;
        if amount > limits::CAPACITY_AMOUNT_MAX {
            let most = limits::CAPACITY_AMOUNT_MAX;
            let message = format!("{key}.{name}: {amount} is more than {most}");
            return Err(source.wrong(&value_place, &message));
        }
        amounts.push((name, amount));
    }
    Ok(amounts.into_iter().collect())
}

/// Names go into URLs, tables and commands: they are one word.
pub(super) fn is_name(
    source: Source<'_>,
    what: &str,
    name: &str,
    place: &Range<usize>,
) -> Result<(), Error> {
    let most = limits::NAME_BYTES_MAX;
    let message = if name.is_empty() || name.len() > most {
        format!("the name of a {what} is 1 to {most} bytes long, not {}", name.len())
    } else if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        format!("the {what} {name:?}: a name has no blanks and no control characters")
    } else {
        return Ok(());
    };
    Err(source.wrong(place, &message))
}

/// The actions by name.
pub(super) fn read(
    source: Source<'_>,
    actions: Actions,
) -> Result<BTreeMap<String, Action>, Error> {
    let mut read = BTreeMap::new();
    for (name, written) in actions {
        let place = name.span();
        let name = name.into_inner();
        is_name(source, "action", &name, &place)?;
        if BUILT_IN_ACTIONS.contains(&name.as_str()) {
            let message = format!("\"{name}\" is built in; choose another name for this action");
            return Err(source.wrong(&place, &message));
        }
        let action = action(source, &name, written.into_inner())?;
        let mut alone = Config::new(source.file.to_owned());
        alone.actions.insert(name.clone(), action.clone());
        alone.check().map_err(|error| source.wrong(&place, &error.to_string()))?;
        read.insert(name, action);
    }
    Ok(read)
}
