//! The words of `stint job`.

use std::time::{Duration, SystemTime};

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use stint_client::Timestamp;
use stint_core::Timeout;

use super::{amount, duration_text, pair};

/// `stint job ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Schedule a job, and print its id.
    Submit(Submit),
    /// Jobs, most recently scheduled first.
    List(List),
    /// One job, with its attempts and the reason why it waits.
    Get(One),
    /// The output of a job.
    ///
    /// With `--output json` each line is one JSON object with `data`, `lineNum` and `source`.
    Logs(Logs),
    /// The runs of a job, oldest first.
    Attempts(One),
    /// Run jobs that are over once more, as new jobs: those that are named, whose new ids are
    /// printed, or all that a filter is about, such as --failed.
    Retry(Many),
    /// Cancel jobs: waiting ones at once, of running ones the worker is told.
    ///
    /// Those that are named, or all that a filter is about.
    Cancel(Many),
    /// Cancel jobs that are not over, and remove them with their output.
    ///
    /// Those that are named, or all that a filter is about.
    Delete(Many),
    /// Wait until a job is over, for at most --timeout. The exit code says how it ended.
    Wait(Wait),
}

/// One job.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The job's id.
    pub(crate) id: String,
}

/// `stint job wait`.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// The job's id; within a job, that job.
    #[arg(env = "STINT_JOB_ID")]
    pub(crate) id: String,
    /// Wait only for the jobs that its process has submitted. Ends like a job that failed if one of
    /// them did.
    #[arg(long)]
    pub(crate) children: bool,
}

/// `stint job submit`.
#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// What to run: an action that the operators have configured, or sleep, false, noop,
    /// webhook. `stint action list` shows all.
    pub(crate) action: String,
    /// A parameter; can be given many times.
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) params: Vec<(String, String)>,
    /// What the job takes of its worker's capacity while it runs; can be given many times.
    #[arg(long, value_name = "NAME=AMOUNT", value_delimiter = ',', value_parser = amount)]
    pub(crate) capacity: Vec<(String, u64)>,
    /// How often it is run again after it has failed; as often as its action says if left out.
    #[arg(long, value_name = "COUNT")]
    pub(crate) retries: Option<u32>,
    /// This long after its start the process gets SIGTERM.
    #[arg(long, value_name = "DURATION", value_parser = duration_text)]
    pub(crate) deadline: Option<String>,
    /// This long after SIGTERM it gets SIGKILL.
    #[arg(long, value_name = "DURATION", value_parser = duration_text)]
    pub(crate) stop_timeout: Option<String>,
    /// Not before this time, such as 2030-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(crate) at: Option<Timestamp>,
    /// The same key with the same submission is the same job, however often it is submitted: 1 to
    /// 255 visible ASCII characters.
    #[arg(long, value_name = "KEY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) idempotency_key: Option<String>,
    /// From 0 to 100. A higher one is claimed earlier, as if it had been due earlier: 36 s for each
    /// level.
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) priority: Option<u32>,
    /// While a job of the action with this key is not over, it is the answer, and no other is
    /// created.
    #[arg(long, value_name = "KEY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) unique: Option<String>,
    /// If it waits then, it ends as canceled: a time, or a duration from now, such as 24h.
    #[arg(long, value_name = "TIME", value_parser = ahead)]
    pub(crate) expires: Option<Timestamp>,
    /// Wait until it is over, for at most --timeout. The exit code says how it ended.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Print its output as it comes, and wait until it is over.
    #[arg(long)]
    pub(crate) follow: bool,
}

/// Which jobs are meant.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Which jobs are meant")]
pub(crate) struct Filter {
    /// Only jobs of this action.
    #[arg(long, default_value = "")]
    pub(crate) action: String,
    /// Only jobs that this worker runs or ran last.
    #[arg(long, value_name = "ID", default_value = "")]
    pub(crate) worker: String,
    /// Only jobs that run now (true), or only those that do not (false).
    #[arg(long, value_name = "BOOL", default_value = "")]
    pub(crate) running: String,
    /// Only jobs of these statuses: with commas between them, or given many times.
    #[arg(long, value_delimiter = ',')]
    pub(crate) status: Vec<String>,
    /// Only jobs scheduled then or later: a time, or a duration before now, such as 24h.
    #[arg(long, value_name = "TIME", value_parser = ago)]
    pub(crate) since: Option<Timestamp>,
    /// Only jobs scheduled then or earlier.
    #[arg(long, value_name = "TIME", value_parser = ago)]
    pub(crate) until: Option<Timestamp>,
    /// Only jobs whose latest attempt began then or later.
    #[arg(long, value_name = "TIME", value_parser = ago)]
    pub(crate) started_since: Option<Timestamp>,
    /// Only jobs whose latest attempt began then or earlier.
    #[arg(long, value_name = "TIME", value_parser = ago)]
    pub(crate) started_until: Option<Timestamp>,
    /// Only jobs that ended then or later.
    #[arg(long, value_name = "TIME", value_parser = ago)]
    pub(crate) ended_since: Option<Timestamp>,
    /// Only jobs that ended then or earlier.
    #[arg(long, value_name = "TIME", value_parser = ago)]
    pub(crate) ended_until: Option<Timestamp>,
    /// Only children of this job.
    #[arg(long, value_name = "ID", default_value = "")]
    pub(crate) parent: String,
    /// Only jobs of the cron of this id.
    #[arg(long, value_name = "ID", default_value = "")]
    pub(crate) cron: String,
    /// Only jobs with this text in the name or the value of a parameter.
    #[arg(long, default_value = "")]
    pub(crate) text: String,
    /// Only jobs of this priority.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) priority: Option<u32>,
    /// Only jobs with this unique key.
    #[arg(long, value_name = "KEY", default_value = "")]
    pub(crate) unique: String,
    /// Only jobs that have failed for good: in error, or lost with their worker, and no other job
    /// retries them.
    #[arg(long)]
    pub(crate) failed: bool,
}

/// `stint job list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Leave out so many of the first ones.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) start: u32,
    /// Which come first, by the time that they are scheduled for: newest or oldest.
    #[arg(long, value_name = "WHICH", default_value = "newest", value_parser = ["newest", "oldest"])]
    pub(crate) order: String,
    /// At most so many; 0 is as many as a replica gives at once.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) filter: Box<Filter>,
}

/// Jobs, by their ids or by what they have.
#[derive(Debug, Args)]
pub(crate) struct Many {
    /// The jobs' ids, if no filter says which are meant.
    pub(crate) ids: Vec<String>,
    /// All jobs: that no filter is meant.
    #[arg(long)]
    pub(crate) all: bool,
    /// Change nothing, only count the jobs that a filter is about, and print some of their ids.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) filter: Box<Filter>,
}

/// `stint job logs`.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The job's id.
    pub(crate) id: String,
    /// Go on with what it prints until it is over.
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// From the line of this number on, counted from 0.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) offset: u64,
    /// At most so many lines; 0 is all.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) limit: u64,
}

/// A time, or so long before now.
pub(crate) fn ago(text: &str) -> Result<Timestamp, String> {
    moment(text, SystemTime::checked_sub)
}

/// A time, or so long from now.
pub(crate) fn ahead(text: &str) -> Result<Timestamp, String> {
    moment(text, SystemTime::checked_add)
}

fn moment(
    text: &str,
    from_now: impl Fn(&SystemTime, Duration) -> Option<SystemTime>,
) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let wrong = || "write a time like 2030-01-31T12:00:00Z (RFC 3339), or a duration like 24h";
    let span = Timeout::parse(text).ok().flatten().ok_or_else(wrong)?.span();
    let at = from_now(&SystemTime::now(), Duration::from_millis(span.as_ms())).ok_or_else(wrong)?;
    Ok(at.into())
}

pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "write a time like 2030-01-31T12:00:00Z (RFC 3339)".to_owned())
}
