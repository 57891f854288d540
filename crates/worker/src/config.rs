//! How the worker of one replica works: what the operator says of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use stint_core::{
    ActionOffer, ActionTraits, BUILT_IN_ACTIONS, CapacityMap, Declarations, Defaults,
    limits as core_limits, offers_within_limits,
};

use crate::builtin;
use crate::command_line::CommandLine;
use crate::confinement::Confinement;
use crate::declared;
use crate::error::Error;
use crate::limits;
use crate::simulated::Runner;
use crate::webhook::Webhooks;

/// How the worker of one replica works.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the worker notes what it runs, in a subdirectory `runs` that it creates.
    pub data_dir: PathBuf,
    /// What guardians are: a program of this build that calls [`role`](crate::role) first of all.
    /// Each run has one more process of it, so that a small one is best. `None` is the one that has
    /// this program's path with `-guardian` behind it; this very program if there is none.
    pub program: Option<PathBuf>,
    /// The file of the authority by which clients know the replicas, if they speak to them encrypted:
    /// what processes that may submit jobs get as `STINT_CA`.
    pub ca: Option<PathBuf>,
    /// What the worker has, unless an operator has set something else through the API.
    pub capacity: CapacityMap,
    /// The actions that it offers by name, beside the built-in ones.
    pub actions: BTreeMap<String, Action>,
    /// What its webhooks may do.
    pub webhooks: Arc<Webhooks>,
    /// How long its lease lasts after a renewal; it renews three times in that.
    pub ttl: Duration,
    /// How many jobs run at once, whatever their capacity maps say.
    pub runs_max: usize,
    /// How long running jobs have to end when the worker is stopped, even if their own
    /// `stopTimeout` is longer.
    pub drain_limit: Duration,
    /// What runs in the place of processes, where whole replicas are simulated; `None` anywhere else.
    pub runner: Option<Arc<dyn Runner>>,
}

impl Config {
    /// The defaults, with no capacity and only the built-in actions.
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            program: None,
            ca: None,
            capacity: CapacityMap::default(),
            actions: BTreeMap::new(),
            webhooks: Arc::default(),
            ttl: limits::TTL_DEFAULT,
            runs_max: limits::RUNS_MAX_DEFAULT,
            drain_limit: limits::DRAIN_LIMIT_DEFAULT,
            runner: None,
        }
    }

    /// Whether a worker can work by this.
    ///
    /// # Errors
    /// [`Error::Config`], which names what is wrong.
    pub fn check(&self) -> Result<(), Error> {
        let ttl_ms = self.ttl.as_millis();
        let (shortest, longest) = (core_limits::TTL_MIN.as_ms(), core_limits::TTL_MAX.as_ms());
        if ttl_ms < u128::from(shortest) || ttl_ms > u128::from(longest) {
            return Err(Error::Config(format!(
                "a lease of {ttl_ms} ms is out of range: it is {shortest} ms to {longest} ms"
            )));
        }
        in_range("the number of runs at once", self.runs_max, 1, limits::RUNS_MAX_LIMIT)?;
        let count_max = core_limits::ACTIONS_PER_WORKER_MAX - BUILT_IN_ACTIONS.len();
        in_range("the number of actions", self.actions.len(), 0, count_max)?;
        self.actions.iter().try_for_each(|(name, action)| action.check(name))?;
        offers_within_limits(&self.offers(), &self.capacity)
            .map_err(|refusal| Error::Config(refusal.to_string()))
    }

    /// What the worker tells the cluster of its actions.
    pub(crate) fn offers(&self) -> BTreeMap<String, ActionOffer> {
        let own = self.actions.iter().map(|(name, action)| (name.clone(), action.offer()));
        builtin::offers().into_iter().chain(own).collect()
    }
}

/// What the jobs of one action run, and how.
#[derive(Debug, Clone)]
pub struct Action {
    /// What it does, for those who choose among actions.
    pub description: String,
    /// The command line, with placeholders for the job's parameters.
    pub command: CommandLine,
    /// Where the process starts; `None` is the root directory.
    pub working_dir: Option<PathBuf>,
    /// Variables of the operator. They come on top of a fixed `PATH`, which they may replace; of
    /// the worker's own environment the process sees nothing.
    pub environment: BTreeMap<String, String>,
    /// What a job has where its submission says nothing.
    pub defaults: Defaults,
    /// What its parameters may be. A parameter of the command line that has no default is
    /// required, whether it is here or not.
    pub declarations: Declarations,
    /// What becomes of a job whose worker is lost, and how long a retry waits.
    pub traits: ActionTraits,
    /// How much output a job may have.
    pub output: OutputLimits,
    /// Whom its process runs as, and how much it may use.
    pub confinement: Confinement,
}

impl Action {
    /// An action that runs `command`, with the defaults for everything else.
    pub fn new(command: CommandLine) -> Self {
        Self {
            description: String::new(),
            command,
            working_dir: None,
            environment: BTreeMap::new(),
            defaults: Defaults::default(),
            declarations: Declarations::default(),
            traits: ActionTraits::default(),
            output: OutputLimits::default(),
            confinement: Confinement::default(),
        }
    }

    /// What the cluster is told of it.
    pub(crate) fn offer(&self) -> ActionOffer {
        ActionOffer {
            traits: self.traits,
            description: self.description.clone(),
            defaults: self.defaults.clone(),
            declarations: self.whole_declarations(),
        }
    }

    /// What its parameters may be, those of the command line among them.
    pub(crate) fn whole_declarations(&self) -> Declarations {
        let mut declared = self.declarations.clone();
        for name in self.command.parameters() {
            let declaration = declared.parameters.entry(name.to_owned()).or_default();
            declaration.is_required |= declaration.default.is_none();
        }
        declared
    }

    fn check(&self, name: &str) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Config(format!("action \"{name}\": {what}")));
        if BUILT_IN_ACTIONS.contains(&name) {
            return wrong("the name is that of a built-in action; choose another".to_owned());
        }
        if name.is_empty() || name.len() > core_limits::NAME_BYTES_MAX {
            let limit = core_limits::NAME_BYTES_MAX;
            return wrong(format!("its name has {} bytes; it is 1 to {limit}", name.len()));
        }
        for (variable, value) in &self.environment {
            if variable.is_empty() || variable.contains(['=', '\0']) || value.contains('\0') {
                return wrong(format!("\"{variable}\" is no environment variable"));
            }
            if variable.starts_with("STINT_") && variable != "STINT_CA" {
                return wrong(format!(
                    "the variable {variable} is not the operator's to set: names that begin \
                     with STINT_ are the worker's"
                ));
            }
        }
        declared::check(&self.declarations).or_else(wrong)?;
        let line = self.output.line_bytes_max;
        in_range(
            &format!("action \"{name}\": the longest output line, in bytes,"),
            line,
            limits::LINE_BYTES_MIN,
            limits::LINE_BYTES_LIMIT,
        )?;
        if self.output.lines_max >= core_limits::LINES_PER_JOB_MAX {
            // The line that says that there were more has to have a number too.
            let limit = core_limits::LINES_PER_JOB_MAX - 1;
            return wrong(format!("a job can have no more than {limit} output lines"));
        }
        Ok(())
    }
}

/// How much output a job may have. What comes after a limit is dropped, and one line says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputLimits {
    /// Bytes of one line; a longer line goes on in the next.
    pub line_bytes_max: usize,
    /// Lines of one job, all its attempts together.
    pub lines_max: u64,
    /// Bytes of one attempt, as they are stored.
    pub bytes_max: u64,
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self {
            line_bytes_max: limits::LINE_BYTES_MAX_DEFAULT,
            lines_max: limits::LINES_MAX_DEFAULT,
            bytes_max: limits::OUTPUT_BYTES_MAX_DEFAULT,
        }
    }
}

fn in_range(what: &str, got: usize, least: usize, most: usize) -> Result<(), Error> {
    if (least..=most).contains(&got) {
        return Ok(());
    }
    Err(Error::Config(format!("{what} is {got}; it must be {least} to {most}")))
}
