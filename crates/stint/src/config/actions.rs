//! What a worker is told: its lease, its capacity, and its actions.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use stint_core::{ActionTraits, BUILT_IN_ACTIONS, Backoff, CapacityMap, Span, limits};
use stint_worker::{Action, CommandLine, Config, OutputLimits};
use toml::Spanned;

use super::check::beside;
use super::file;
use super::place::{Error, Source};
use super::text::Length;

type Actions = BTreeMap<Spanned<String>, Spanned<file::Action>>;

/// The worker of a replica; `None` if it is not enabled.
pub(super) fn worker(
    source: Source<'_>,
    data_dir: &Path,
    worker: file::Worker,
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
    config.capacity = capacity(source, worker.capacity)?;
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

fn capacity(
    source: Source<'_>,
    given: BTreeMap<Spanned<String>, Spanned<u64>>,
) -> Result<CapacityMap, Error> {
    let count = given.len();
    let mut amounts = Vec::new();
    for (i, (name, amount)) in given.into_iter().enumerate() {
        let (place, value_place) = (name.span(), amount.span());
        let (name, amount) = (name.into_inner(), amount.into_inner());
        if i >= limits::CAPACITY_NAMES_MAX {
            let most = limits::CAPACITY_NAMES_MAX;
            let message = format!("worker.capacity has {count} names; it can have {most}");
            return Err(source.wrong(&place, &message));
        }
        is_name(source, "capacity", &name, &place)?;
        if amount > limits::CAPACITY_AMOUNT_MAX {
            let most = limits::CAPACITY_AMOUNT_MAX;
            let message = format!("worker.capacity.{name}: {amount} is more than {most}");
            return Err(source.wrong(&value_place, &message));
        }
        amounts.push((name, amount));
    }
    Ok(amounts.into_iter().collect())
}

/// Names go into URLs, tables and commands: they are one word.
fn is_name(source: Source<'_>, what: &str, name: &str, place: &Range<usize>) -> Result<(), Error> {
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

fn action(source: Source<'_>, name: &str, written: file::Action) -> Result<Action, Error> {
    let command = CommandLine::parse(written.command.get_ref()).map_err(|error| {
        source.wrong(&written.command.span(), &format!("actions.{name}.command: {error}"))
    })?;
    let mut action = Action::new(command);
    action.working_dir = written.working_dir.map(|dir| beside(source.file, dir.get_ref()));
    action.environment = environment(source, name, written.environment)?;
    let length = |given: Option<Spanned<Length>>| given.map(|length| length.into_inner().0);
    action.deadline = length(written.deadline);
    action.stop_timeout = length(written.stop_timeout);
    action.traits = ActionTraits {
        on_worker_loss: written.on_worker_loss.into(),
        backoff: Backoff::constant(span(length(written.backoff).unwrap_or_default())),
        has_children: written.children,
    };
    let default = OutputLimits::default();
    action.output = OutputLimits {
        line_bytes_max: written.line_bytes_max.map_or(default.line_bytes_max, |bytes| {
            usize::try_from(bytes.into_inner()).unwrap_or(usize::MAX)
        }),
        lines_max: written.lines_max.map_or(default.lines_max, Spanned::into_inner),
        bytes_max: written.output_bytes_max.map_or(default.bytes_max, Spanned::into_inner),
    };
    Ok(action)
}

fn environment(
    source: Source<'_>,
    action: &str,
    written: BTreeMap<Spanned<String>, Spanned<String>>,
) -> Result<BTreeMap<String, String>, Error> {
    let mut environment = BTreeMap::new();
    for (variable, value) in written {
        let place = variable.span();
        let (variable, value) = (variable.into_inner(), value.into_inner());
        // A process with children may have to be told whose signature its replicas have.
        if variable.starts_with("STINT_") && variable != "STINT_CA" {
            let message = format!(
                "actions.{action}.environment: {variable} is not yours to set: names that begin \
                 with STINT_ are for what the worker tells the process"
            );
            return Err(source.wrong(&place, &message));
        }
        environment.insert(variable, value);
    }
    Ok(environment)
}

fn span(length: Duration) -> Span {
    Span::from_ms(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}
