//! The words of `stint cron`.

use clap::{Args, Subcommand};

use super::{amount, duration_text, pair};

/// `stint cron ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All crons, with when each is due next.
    List,
    /// The cron of an action.
    Get(One),
    /// Run an action by a schedule, in place of its former cron if it has one.
    ///
    /// A schedule is a crontab line with a seconds field first, "0 30 3 * * MON-FRI"; or one
    /// without, "30 3 * * 1-5"; or @yearly, @monthly, @weekly, @daily, @hourly; or "@every 1h30m".
    #[command(visible_alias = "set")]
    Put(Box<Put>),
    /// Remove the cron of an action. The jobs that it has created stay.
    Delete(One),
    /// Let the ticks of a cron wait until it is resumed.
    Pause(One),
    /// Let them go on; those that it has missed become what its policy says.
    Resume(One),
    /// Create one of its jobs at once.
    Run(One),
    /// What became of its latest ticks.
    History(One),
    /// The next ticks of a schedule, or of the cron of an action.
    Next(Next),
}

/// `stint cron next`.
#[derive(Debug, Args)]
pub(crate) struct Next {
    /// A schedule in quotes, or the action of a cron: what has a space or begins with @ is a
    /// schedule.
    #[arg(value_name = "SCHEDULE|ACTION")]
    pub(crate) what: String,
    /// How many.
    #[arg(short = 'n', value_name = "COUNT", default_value_t = 10)]
    pub(crate) count: u64,
    /// The IANA name of the time zone that the schedule speaks of [default: UTC].
    #[arg(long = "time-zone", visible_alias = "tz", value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,
}

/// One cron.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// Its action.
    pub(crate) action: String,
}

/// `stint cron put`.
#[derive(Debug, Args)]
pub(crate) struct Put {
    /// What to run: an action that the operators have configured, or sleep, false, noop,
    /// webhook. `stint action list` shows all.
    pub(crate) action: String,
    /// When, in quotes.
    pub(crate) schedule: String,
    /// The IANA name of the time zone that the schedule speaks of [default: UTC].
    #[arg(long, value_name = "ZONE")]
    pub(crate) time_zone: Option<String>,
    /// What becomes of ticks that were missed: skip, one or all [default: one].
    #[arg(long, value_name = "POLICY")]
    pub(crate) missed: Option<String>,
    /// How late a tick may be before it is missed [default: 10s].
    #[arg(long, value_name = "DURATION", value_parser = duration_text)]
    pub(crate) missed_window: Option<String>,
    /// What becomes of a tick while a former job is not over: allow, skip or replace [default:
    /// allow].
    #[arg(long, value_name = "POLICY")]
    pub(crate) overlap: Option<String>,
    /// Put ticks off by up to this long, each action by its own share.
    #[arg(long, value_name = "DURATION", value_parser = duration_text)]
    pub(crate) jitter: Option<String>,
    /// A parameter of each job; can be given many times.
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) params: Vec<(String, String)>,
    /// What each job takes of its worker's capacity while it runs; can be given many times.
    #[arg(long, value_name = "NAME=AMOUNT", value_delimiter = ',', value_parser = amount)]
    pub(crate) capacity: Vec<(String, u64)>,
    /// How often each job is run again after it has failed.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) retries: u32,
    /// This long after its start the process of a job gets SIGTERM.
    #[arg(long, value_name = "DURATION", value_parser = duration_text)]
    pub(crate) deadline: Option<String>,
    /// This long after SIGTERM it gets SIGKILL.
    #[arg(long, value_name = "DURATION", value_parser = duration_text)]
    pub(crate) stop_timeout: Option<String>,
}
