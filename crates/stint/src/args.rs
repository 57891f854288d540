//! The command line: what can be asked of the program, and with which words.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::config::{self, Layers};
use crate::exit;

pub(crate) mod action;
pub(crate) mod action_config;
pub(crate) mod audit;
pub(crate) mod bench;
pub(crate) mod cluster;
pub(crate) mod cron;
pub(crate) mod debug;
pub(crate) mod disaster;
pub(crate) mod job;
pub(crate) mod queue;
pub(crate) mod settings;
pub(crate) mod token;

/// Where a cluster is looked for if nobody says: one replica, and those of `stint dev`.
const ADDRESSES: [&str; 4] =
    ["127.0.0.1:7400", "127.0.0.1:7401", "127.0.0.1:7402", "127.0.0.1:7403"];

/// A distributed job scheduler: a cluster of replicas that keeps a queue of jobs and runs them.
#[derive(Debug, Parser)]
#[command(name = "stint", version = stint_consensus::VERSION, after_help = exit::HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every call to a cluster needs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of all calls to a cluster")]
pub(crate) struct Global {
    /// Replicas of the cluster, as host:port or https://host:port; the first that answers is used.
    #[arg(
        long,
        global = true,
        env = "STINT_ADDRESS",
        value_name = "HOST:PORT",
        value_delimiter = ',',
        default_values = ADDRESSES
    )]
    pub(crate) address: Vec<String>,
    /// The file of the CA certificate that the replicas' certificates are signed by, in PEM. With it
    /// connections are encrypted, but for addresses that begin with http://.
    #[arg(long, global = true, env = "STINT_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// How results are printed. JSON has the names of the v0 API.
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Output,
    /// How long to look for a replica that answers [default: 15s], or to wait for a job that is
    /// waited for or followed [default: until it is over].
    #[arg(long, global = true, value_name = "DURATION", value_parser = config::length)]
    pub(crate) timeout: Option<Duration>,
    /// The token that says who calls. Other users of this machine can see it where it is given as
    /// an argument: set the variable, or name a file.
    #[arg(long, global = true, env = "STINT_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// A file that has the token, in place of the variable.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

impl Global {
    /// The token, wherever it is. A file that is named wins over a variable that is just set.
    pub(crate) fn token(&self) -> Result<Option<String>, exit::Usage> {
        let Some(file) = &self.token_file else { return Ok(self.token.clone()) };
        let unreadable = |error| exit::Usage(format!("--token-file {}: {error}", file.display()));
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        Ok(Some(text.trim().to_owned()))
    }
}

impl Cli {
    /// Reads the arguments of this process.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        Self::of(std::env::args_os())
    }

    fn of(
        args: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(args)?;
        let cli = Self::from_arg_matches(&matches)?;
        // They stand anywhere in the line, so that clap itself cannot know which verbs have them.
        let is_call = !matches!(
            cli.command,
            Command::Serve(_)
                | Command::Init(_)
                | Command::Dev(_)
                | Command::Config(_)
                | Command::Restore(_)
                | Command::Repair(_)
                | Command::Cluster(cluster::Command::Join(_))
                | Command::Token(token::Command::ResetAdmin(_))
        );
        let Some((verb, matches)) = matches.subcommand().filter(|_| !is_call) else {
            return Ok(cli);
        };
        for option in ["address", "ca", "output", "timeout", "token", "token_file"] {
            if matches.value_source(option) == Some(ValueSource::CommandLine) {
                let message = format!(
                    "--{} is of calls to a cluster; `stint {verb}` is none",
                    option.replace('_', "-")
                );
                return Err(command.error(ErrorKind::ArgumentConflict, message));
            }
        }
        Ok(cli)
    }
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// What can be asked of the program.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run one replica of a cluster, until SIGTERM or SIGINT.
    ///
    /// A stop is graceful: running jobs get the time of `drain_limit`, leadership is handed over.
    /// A second signal ends the process at once. The environment variable `STINT_LOG` chooses what is
    /// logged, as in `STINT_LOG=info,stint_consensus=debug`; it has precedence over `log.level`.
    Serve(Serve),
    /// Prepare the data directory of a NEW replica of a NEW cluster.
    ///
    /// It is done once in the life of a replica. One that has lost its disk must not be prepared
    /// again under its old id: the others would take it for the one that still has its log.
    Init(Init),
    /// Look at the configuration of a replica, without starting it.
    #[command(subcommand)]
    Config(Config),
    /// Run a cluster of three replicas on this machine, to try things out.
    Dev(Dev),
    /// Submit jobs, look at them, cancel and delete them.
    #[command(subcommand)]
    Job(job::Command),
    /// Look at the queues of actions, and pause and resume them.
    #[command(subcommand)]
    Queue(queue::Command),
    /// Look at workers, and change what they have.
    #[command(subcommand)]
    Worker(Worker),
    /// Run actions by schedules.
    #[command(subcommand)]
    Cron(cron::Command),
    /// Look at the actions that jobs can have.
    #[command(subcommand)]
    Action(action::Command),
    /// Set what every job of an action is told.
    #[command(subcommand)]
    ActionConfig(action_config::Command),
    /// Look at the settings of the cluster, and change them.
    #[command(subcommand)]
    Settings(settings::Command),
    /// Look at the cluster, and change who is a member of it.
    #[command(subcommand)]
    Cluster(cluster::Command),
    /// Find out what is wrong with a cluster.
    #[command(subcommand)]
    Debug(debug::Command),
    /// Print what happens to jobs, workers and crons, as it happens.
    ///
    /// A line for each event: the index of the log, the time, what happened, and to what. With
    /// `--output json` each line is one JSON object, whose `next` is where to go on with `--from`.
    Watch(Watch),
    /// See the cluster in this terminal, live: jobs, workers, queues, crons, replicas.
    ///
    /// Keys do the rest: `?` lists them, q ends it. Changes are asked about first; what the token may not
    /// do is not offered. `NO_COLOR` is honoured.
    Top(Top),
    /// Say who may call the cluster.
    #[command(subcommand)]
    Token(token::Command),
    /// Print who changed what, the newest first. It takes an administrator's token.
    Audit(audit::Audit),
    /// Write all that the cluster keeps into a file, while it works. It takes an administrator's token.
    ///
    /// Jobs, history, audit log and output as of one entry of the log; tokens only as hashes. The file
    /// is checked to its end before it gets its name. `stint restore` makes a new cluster of it.
    Backup(disaster::Backup),
    /// Prepare the data directory of a replica of a NEW cluster from a backup, in place of `stint init`.
    ///
    /// Done on each of the founders, with the same file and the same configuration, which needs a new
    /// cluster id. Jobs that ran when the backup was taken have lost their workers, and run again.
    Restore(disaster::Restore),
    /// After the loss of a majority for good: let one replica that is left go on alone.
    ///
    /// It says what there is, and what may be lost, and asks before it changes anything. It works on
    /// the data directory of a replica that does not run, and keeps a copy of it.
    Repair(disaster::Repair),
    /// Measure a cluster that runs. It makes many jobs there.
    ///
    /// Beside times and rates it says what that cost: processor time of each replica and of the load
    /// itself, and bytes that the replicas gave to their disks. It takes an administrator's token.
    Bench(bench::Bench),
}

/// Where the configuration of a replica comes from.
#[derive(Debug, Args)]
pub(crate) struct Layered {
    /// The configuration; deploy/stint.example.toml describes all of it.
    ///
    /// Over the file stands the environment, where `STINT_RAFT__HEARTBEAT=50ms` sets
    /// `heartbeat` in [raft]; over both stands --set.
    #[arg(long, env = "STINT_CONFIG", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Set one key of the configuration, as in `--set raft.heartbeat=50ms` or
    /// `--set worker.capacity.scan=2`. What is no TOML is taken as a text.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) set: Vec<(String, String)>,
}

impl Layered {
    /// All layers, to be read.
    pub(crate) fn layers(&self) -> Result<Layers, config::Error> {
        Layers::new(&self.config, &self.set)
    }
}

/// `stint config ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Say whether a replica could start with it, and if not, what is wrong and where.
    ///
    /// Certificates and the data directory are looked at; nothing is opened or changed.
    Check(Layered),
    /// Print all of it as it holds, defaults included, and where each value comes from.
    ///
    /// The environments of actions, and what is called a secret or a password, are left out.
    Show {
        #[command(flatten)]
        layered: Layered,
        /// Print what is left out otherwise.
        #[arg(long)]
        secrets: bool,
    },
}

/// `stint serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) layered: Layered,
    /// Stop gracefully when standard input ends: the replica does not outlive whoever started it.
    #[arg(long, hide = true)]
    pub(crate) stop_on_stdin_eof: bool,
}

/// `stint init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    #[command(flatten)]
    pub(crate) layered: Layered,
    /// Draw the cluster's first token, an administrator's, and write it to this new file, or to
    /// standard output if it is `-`. For one replica of a cluster only; it brings the token's hash
    /// to the others.
    #[arg(long, value_name = "FILE")]
    pub(crate) admin_token_file: Option<PathBuf>,
}

/// `stint dev`.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Keep the cluster in this directory, and go on with the one that is there. Without it the
    /// cluster lives in a temporary directory that is removed at the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The first of three consecutive ports for clients.
    #[arg(long, value_name = "PORT", default_value_t = 7401)]
    pub(crate) client_port: u16,
    /// The first of three consecutive ports for the replicas themselves.
    #[arg(long, value_name = "PORT", default_value_t = 7501)]
    pub(crate) peer_port: u16,
    /// A TOML file of [actions.NAME] tables, in place of the actions for demonstration.
    #[arg(long, value_name = "FILE")]
    pub(crate) actions: Option<PathBuf>,
    /// What each of the three workers has.
    #[arg(
        long,
        value_name = "NAME=AMOUNT",
        value_delimiter = ',',
        value_parser = amount,
        default_values = ["scan=1", "scanCheck=1"]
    )]
    pub(crate) capacity: Vec<(String, u64)>,
    /// How long a worker's lease lasts: how soon the jobs of one that was killed run elsewhere.
    #[arg(long, value_name = "DURATION", value_parser = config::length, default_value = "5s")]
    pub(crate) lease_ttl: Duration,
}

/// `stint top`.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Print one picture as text and end, in a file or a pipe too.
    #[arg(long)]
    pub(crate) once: bool,
}

/// `stint worker ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum Worker {
    /// All workers that the cluster knows, with what they have and what is in use.
    List,
    /// Set what a worker has, in place of what its configuration says.
    ///
    /// Without any NAME=AMOUNT it has nothing, and runs only jobs that take nothing.
    Capacity {
        /// The worker's id: 12 hexadecimal digits.
        id: String,
        /// What it has.
        #[arg(value_name = "NAME=AMOUNT", value_delimiter = ',', value_parser = amount)]
        capacity: Vec<(String, u64)>,
    },
    /// Have a worker take no more jobs, also when it has started anew.
    ///
    /// What it runs goes on to its end, unless there is a limit.
    Drain {
        /// The worker's id: 12 hexadecimal digits.
        id: String,
        /// Stop what it still runs after so long; others run it again.
        #[arg(long, value_name = "DURATION", value_parser = duration_text)]
        limit: Option<String>,
        /// Wait until it runs nothing, for at most --timeout.
        #[arg(long)]
        wait: bool,
    },
    /// Have a worker take jobs again.
    Resume {
        /// The worker's id: 12 hexadecimal digits.
        id: String,
    },
}

/// `stint watch`.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// From the entry of this index of the log on, as far as it is kept [default: from now on].
    #[arg(long, value_name = "INDEX")]
    pub(crate) from: Option<u64>,
    /// Of these only: jobs, workers, crons.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub(crate) kinds: Vec<String>,
}

/// Reads `NAME=AMOUNT`.
pub(crate) fn amount(text: &str) -> Result<(String, u64), String> {
    let (name, amount) = pair(text)?;
    let amount =
        amount.parse().map_err(|_| format!("\"{amount}\" is no amount: write {name}=1"))?;
    Ok((name, amount))
}

/// Reads `NAME=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// A duration goes to the cluster as it was written, if it is one.
pub(crate) fn duration_text(text: &str) -> Result<String, String> {
    config::length(text).map(|_| text.to_owned())
}

#[cfg(test)]
mod tests;
