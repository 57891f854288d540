//! One action: its command, what a job of it has, what its process may be and use.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use stint_core::{ActionTraits, Backoff, Declaration, Declarations, Defaults, Span, limits};
use stint_worker::{Action, CommandLine, Confinement, OutputLimits};
use toml::Spanned;

use super::actions::{capacity, is_name};
use super::check::beside;
use super::file;
use super::place::{Error, Source};

/// Where the action stands, for messages.
#[derive(Clone, Copy)]
struct Place<'a> {
    source: Source<'a>,
    name: &'a str,
}

impl Place<'_> {
    /// The value of a key, if it is in its range.
    fn in_range<T: PartialOrd + std::fmt::Display + Copy>(
        self,
        key: &str,
        value: Option<&Spanned<T>>,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, Error> {
        let Some(value) = value else { return Ok(None) };
        let found = *value.get_ref();
        if range.contains(&found) {
            return Ok(Some(found));
        }
        let (least, most) = (range.start(), range.end());
        let what = format!("{found} is out of range: it is {least} to {most}");
        Err(self.wrong(value, key, &what))
    }

    fn wrong<T>(self, value: &Spanned<T>, key: &str, what: &str) -> Error {
        self.source.wrong(&value.span(), &format!("actions.{}.{key}: {what}", self.name))
    }
}

pub(super) fn action(
    source: Source<'_>,
    name: &str,
    written: file::Action,
) -> Result<Action, Error> {
    let place = Place { source, name };
    let command = CommandLine::parse(written.command.get_ref())
        .map_err(|error| place.wrong(&written.command, "command", &error.to_string()))?;
    let mut action = Action::new(command);
    action.confinement = confinement(place, &written)?;
    action.traits = ActionTraits {
        on_worker_loss: written.on_worker_loss.into(),
        has_children: written.children,
        backoff: written
            .backoff
            .map_or(Ok(Backoff::default()), |backoff| self::backoff(place, &backoff))?,
    };
    let default = OutputLimits::default();
    action.output = OutputLimits {
        line_bytes_max: written.line_bytes_max.map_or(default.line_bytes_max, |bytes| {
            usize::try_from(bytes.into_inner()).unwrap_or(usize::MAX)
        }),
        lines_max: written.lines_max.map_or(default.lines_max, Spanned::into_inner),
        bytes_max: written.output_bytes_max.map_or(default.bytes_max, Spanned::into_inner),
    };
    action.description = written.description.unwrap_or_default();
    action.working_dir = written.working_dir.map(|dir| beside(source.file, dir.get_ref()));
    action.environment = environment(place, written.environment)?;
    let retries = place.in_range("retries", written.retries.as_ref(), 0..=limits::RETRIES_MAX)?;
    let amounts = |given| capacity(source, &format!("actions.{name}.capacity"), given);
    action.defaults = Defaults {
        deadline: written.deadline.map(|deadline| deadline.into_inner().0),
        stop_timeout: written.stop_timeout.map(|timeout| timeout.into_inner().0),
        retries: retries.unwrap_or(0),
        capacity_map: written.capacity.map(amounts).transpose()?,
    };
    let is_closed = written.only_declared;
    let parameters = parameters(place, &action.command, written.parameters)?;
    action.declarations = Declarations { parameters, is_closed };
    Ok(action)
}

fn environment(
    place: Place<'_>,
    written: BTreeMap<Spanned<String>, Spanned<String>>,
) -> Result<BTreeMap<String, String>, Error> {
    let mut environment = BTreeMap::new();
    for (variable, value) in written {
        // A process with children may have to be told whose signature its replicas have.
        if variable.get_ref().starts_with("STINT_") && variable.get_ref() != "STINT_CA" {
            let what = format!(
                "{} is not yours to set: names that begin with STINT_ are for what the worker \
                 tells the process",
                variable.get_ref()
            );
            return Err(place.wrong(&variable, "environment", &what));
        }
        environment.insert(variable.into_inner(), value.into_inner());
    }
    Ok(environment)
}

fn confinement(place: Place<'_>, written: &file::Action) -> Result<Confinement, Error> {
    for (key, name) in [("user", &written.user), ("group", &written.group)] {
        if let Some(name) = name.as_ref().filter(|name| name.get_ref().is_empty()) {
            return Err(place.wrong(name, key, "empty: write a name or a number, or leave it out"));
        }
    }
    if let Some(size) = written.memory.as_ref().filter(|size| size.get_ref().0 < MEMORY_MIN) {
        return Err(place.wrong(size, "memory", "less than 1MiB, in which nothing runs"));
    }
    if let Some(time) = written.cpu_time.as_ref().filter(|t| t.get_ref().0 < CPU_TIME_MIN) {
        return Err(place.wrong(time, "cpu_time", "less than 1s, which is the smallest there is"));
    }
    let text = |name: &Option<Spanned<String>>| name.as_ref().map(|name| name.get_ref().clone());
    Ok(Confinement {
        user: text(&written.user),
        group: text(&written.group),
        umask: written.umask.as_ref().map(|umask| umask.get_ref().0),
        nice: place.in_range("nice", written.nice.as_ref(), -20..=19)?,
        memory_bytes: written.memory.as_ref().map(|size| size.get_ref().0),
        pids: place.in_range("pids", written.pids.as_ref(), 1..=PIDS_MAX)?,
        cpu_time: written.cpu_time.as_ref().map(|time| time.get_ref().0),
        open_files: place.in_range("open_files", written.open_files.as_ref(), FILES)?,
    })
}

/// Less memory than any process needs to start is a unit that was forgotten.
const MEMORY_MIN: u64 = 1 << 20;

/// The kernel counts whole seconds.
const CPU_TIME_MIN: Duration = Duration::from_secs(1);

/// As many process numbers as Linux has.
const PIDS_MAX: u64 = 4_194_304;

/// Input, output and errors take three, what a program is loaded from takes more.
const FILES: RangeInclusive<u64> = 8..=1_048_576;

fn backoff(place: Place<'_>, written: &Spanned<file::Backoff>) -> Result<Backoff, Error> {
    let wrong = |what: &str| Err(place.wrong(written, "backoff", what));
    let file::Backoff { first, factor_percent, max, jitter_percent } = *written.get_ref();
    let factor_percent = factor_percent.unwrap_or(100);
    let jitter_percent = jitter_percent.unwrap_or(0);
    let longest = Duration::from_millis(limits::BACKOFF_MAX.as_ms());
    let most = limits::BACKOFF_FACTOR_MAX;
    if !(100..=most).contains(&factor_percent) {
        return wrong(&format!(
            "factor_percent is {factor_percent}: it is 100, no growth, to {most}"
        ));
    }
    if jitter_percent > 100 {
        return wrong(&format!("jitter_percent is {jitter_percent}: it is 0 to 100"));
    }
    if first.max(max.unwrap_or_default()) > longest {
        return wrong("no retry waits for longer than 168h, which is a week");
    }
    if max.is_some_and(|max| max < first) {
        return wrong("max is less than first");
    }
    Ok(Backoff { first: span(first), factor_percent, max: max.map(span), jitter_percent })
}

fn parameters(
    place: Place<'_>,
    command: &CommandLine,
    written: BTreeMap<Spanned<String>, Spanned<file::Parameter>>,
) -> Result<BTreeMap<String, Declaration>, Error> {
    let mut declared = BTreeMap::new();
    for (name, parameter) in written {
        is_name(place.source, "parameter", name.get_ref(), &name.span())?;
        let file::Parameter {
            description,
            required,
            default,
            bytes_max,
            minimum,
            maximum,
            values,
            pattern,
        } = parameter.into_inner();
        let is_in_command = command.parameters().any(|one| one == name.get_ref());
        if is_in_command && required == Some(false) && default.is_none() {
            let key = format!("parameters.{}", name.get_ref());
            let what = "the command has it, so it is required unless it has a default";
            return Err(place.wrong(&name, &key, what));
        }
        let declaration = Declaration {
            description: description.unwrap_or_default(),
            is_required: required.unwrap_or(is_in_command && default.is_none()),
            default,
            bytes_max,
            minimum,
            maximum,
            values,
            pattern,
        };
        declaration_makes_sense(place, &name, &declaration)?;
        declared.insert(name.into_inner(), declaration);
    }
    Ok(declared)
}

/// Asked of each for itself, so that a mistake is told with its place.
fn declaration_makes_sense(
    place: Place<'_>,
    name: &Spanned<String>,
    declaration: &Declaration,
) -> Result<(), Error> {
    let alone = Declarations {
        parameters: [(name.get_ref().clone(), declaration.clone())].into(),
        is_closed: false,
    };
    stint_worker::check_declarations(&alone)
        .map_err(|what| place.wrong(name, &format!("parameters.{}", name.get_ref()), &what))
}

fn span(length: Duration) -> Span {
    Span::from_ms(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}
