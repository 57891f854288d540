//! The words of `stint bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::pair;

/// `stint bench ...`.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    pub(crate) load: Command,
    #[command(flatten)]
    pub(crate) record: Record,
}

/// What becomes of the figures, beside being printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of all measurements")]
pub(crate) struct Record {
    /// Save the figures in this file, as JSON; `-` prints them in place of the table.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Show beside each figure what it was in this saved run, and the ratio.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) compare: Option<PathBuf>,
    /// Fail if a figure is more than so many times worse than in the saved run: a rate that much
    /// lower, a time that much longer, or more processor time or bytes. Longest times do not count.
    #[arg(long, global = true, value_name = "RATIO", requires = "compare", value_parser = ratio)]
    pub(crate) fail_above: Option<f64>,
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ratio) if ratio >= 1.0 && ratio.is_finite() => Ok(ratio),
        Ok(_) | Err(_) => Err("a ratio is a number from 1 on, like 1.2".to_owned()),
    }
}

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// How many submissions a second the cluster accepts, and how long each takes.
    ///
    /// The jobs are scheduled for much later, so that nothing runs, and deleted in the end.
    Submit(Load),
    /// How many jobs a second go their whole way, from submitted to done.
    ///
    /// The times are those of the jobs' own records, read when all of them are over: looking at
    /// them while they run would cost what is measured.
    Life {
        #[command(flatten)]
        load: Load,
        #[command(flatten)]
        what: What,
    },
    /// How many jobs a second are read by their ids, each known to be current.
    ///
    /// Jobs that are over are read, so that they come from the disk's history.
    Read {
        #[command(flatten)]
        load: Load,
        /// How many different jobs.
        #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        jobs: u32,
    },
    /// How many pages of jobs a second are read, as `GET /jobs` gives them.
    List {
        #[command(flatten)]
        load: Load,
        /// Jobs on a page.
        #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
    /// How many lines of output a second get from processes into the log and to whoever follows.
    ///
    /// Each client submits a job of --action, follows its output to the end, and looks whether a
    /// line is missing; and so on until the time is over.
    Lines {
        #[command(flatten)]
        load: Load,
        #[command(flatten)]
        what: What,
    },
    /// How late the ticks of crons are: from the instant of the schedule to the job.
    ///
    /// Each action gets a cron of every second, for as long as the measurement takes.
    Crons {
        /// The actions, which may not have a cron.
        #[arg(
            long,
            value_name = "NAME",
            value_delimiter = ',',
            default_value = "noop",
            num_args = 1..
        )]
        actions: Vec<String>,
        /// How long.
        #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
        seconds: u64,
    },
    /// How long a job takes from submit to running on an idle cluster, one after the other.
    ///
    /// Seen from outside: the job is asked for again and again until it has been claimed, so each
    /// figure includes the round trip of the question that saw it.
    Latency {
        /// How many jobs.
        #[arg(long, value_name = "COUNT", default_value_t = 200)]
        count: u32,
        /// Leave the jobs there.
        #[arg(long)]
        keep: bool,
    },
    /// How long no job is accepted after the leader was killed.
    ///
    /// Submits one job after the other, kills a replica on this machine as `kill -9` does, and goes
    /// on until the next job is accepted. A client that knows all replicas of --address asks.
    Outage {
        /// The process to kill: `stint cluster status` says who leads, `stint dev` printed its pid.
        #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(2..))]
        kill: i32,
    },
    /// What replicas cost that have nothing to do.
    Idle {
        /// How long.
        #[arg(long, value_name = "COUNT", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
        seconds: u64,
    },
}

impl Command {
    /// As the command line names it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Submit(_) => "submit",
            Self::Life { .. } => "life",
            Self::Read { .. } => "read",
            Self::List { .. } => "list",
            Self::Lines { .. } => "lines",
            Self::Crons { .. } => "crons",
            Self::Latency { .. } => "latency",
            Self::Outage { .. } => "outage",
            Self::Idle { .. } => "idle",
        }
    }
}

/// How much load.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Load {
    /// Clients that ask for one thing after the other, at the same time.
    #[arg(long, value_name = "COUNT", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub(crate) clients: u32,
    /// Connections that they share, spread evenly over the replicas of --address that answer.
    #[arg(long, value_name = "COUNT", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub(crate) connections: u32,
    /// How long.
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) seconds: u64,
    /// Leave the jobs there.
    #[arg(long)]
    pub(crate) keep: bool,
}

/// Which jobs.
#[derive(Debug, Clone, Args)]
pub(crate) struct What {
    /// The action of the jobs. `noop` is built in and runs no process; for real processes name one
    /// of the replicas' configuration.
    #[arg(long, value_name = "NAME", default_value = "noop")]
    pub(crate) action: String,
    /// A parameter of each job; may be repeated.
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) params: Vec<(String, String)>,
}
