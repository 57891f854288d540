//! The only place that writes to standard output and standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;
use thiserror::Error;

use crate::args::Output;

pub(crate) mod documents;
mod json;
mod load;
mod table;

pub(crate) use load::{Better, Compared, Row, Unit};

/// Standard output takes no more.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// Whoever read it has gone, as `head` does. That is no failure.
    #[error("standard output was closed")]
    Closed,
    /// It cannot be written.
    #[error("standard output cannot be written: {0}")]
    Failed(#[source] io::Error),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Closed } else { Self::Failed(error) }
    }
}

/// Prints this text and a line feed.
pub(crate) fn line(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Prints this text as it is.
pub(crate) fn text(text: &str) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Prints this as JSON: indented for a terminal, else in one line.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Error> {
    let text = if io::stdout().is_terminal() {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    line(&text.map_err(io::Error::from)?)
}

/// Rows under a head, as a text.
pub(crate) fn table_of<const N: usize>(
    head: &[&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = table::new(head);
    table.add_rows(rows);
    table::text(&table)
}

/// Says something beside the result, on standard error.
pub(crate) fn note(text: &str) {
    // Nobody is left to be told that standard error is closed.
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// How many there are of something: 1 job, 2 jobs.
pub(crate) fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, what: &str) -> String {
    let end = if count == N::from(1) { "" } else { "s" };
    format!("{count} {what}{end}")
}

/// What was done to many jobs, in words.
pub(crate) fn bulk_in_words(total: &stint_client::v0::BulkJobsResponse) -> String {
    let (operation, matched) = (&total.operation, counted(total.matched, "job"));
    if total.dry_run {
        return format!("{operation}: {matched}; nothing is changed (--dry-run)");
    }
    let left = if total.refused == 0 {
        String::new()
    } else {
        format!(", {} left as they are", total.refused)
    };
    format!("{operation}: {} of {matched}{left}", total.changed)
}

/// Says what went wrong, and what can be done.
pub(crate) fn error(error: &anyhow::Error) {
    note(&format!("stint: {error:#}"));
    if let Some(advice) = advice(error) {
        note(&format!("  {advice}"));
    }
}

fn advice(error: &anyhow::Error) -> Option<&'static str> {
    use stint_client::{Code, Error};
    match error.downcast_ref::<Error>()? {
        Error::Unreachable { .. } => Some(
            "is the cluster running, and is this where it is? Name replicas by --address or \
             STINT_ADDRESS, or start a cluster to try by `stint dev`",
        ),
        Error::StillWaiting { .. } => {
            Some("wait longer with --timeout, or look why with `stint job get`")
        }
        Error::Refused { code: Code::NoSuchAction, .. } => {
            Some("`stint action list` shows which there are")
        }
        Error::Refused { code: Code::NoSuchJob, .. } => {
            Some("`stint job list` shows what there is")
        }
        Error::Refused { code: Code::NoSuchWorker, .. } => {
            Some("`stint worker list` shows which there are")
        }
        Error::Refused { code: Code::Compacted, .. } => {
            Some("`stint watch` without --from begins now; `stint job list` shows what there is")
        }
        Error::Refused { code: Code::NoSuchCron, .. } => {
            Some("`stint cron list` shows which there are")
        }
        Error::Refused { code: Code::NoSuchActionConfig, .. } => {
            Some("`stint action-config list` shows which there are")
        }
        Error::Refused { code: Code::NotAuthenticated, .. } => Some(
            "say who calls by STINT_TOKEN, or by --token-file; an administrator gives tokens with \
             `stint token create`",
        ),
        Error::Refused { code: Code::NoSuchToken, .. } => {
            Some("`stint token list` shows which there are")
        }
        Error::Refused { code: Code::NoSuchMember, .. } => {
            Some("`stint cluster status` shows which there are")
        }
        Error::Refused { .. }
        | Error::Interrupted { .. }
        | Error::OutcomeUnknown { .. }
        | Error::BadEndpoint { .. }
        | Error::BadCertificate { .. }
        | Error::BadToken => None,
    }
}

/// Prints results in the format that was chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer(pub(crate) Output);

impl Printer {
    /// The job that has just been created.
    pub(crate) fn submitted(self, job: &stint_client::v0::Job) -> Result<(), Error> {
        match self.0 {
            Output::Table => line(&job.id),
            Output::Json => json(&json::Job::of(job)),
        }
    }

    /// One job.
    pub(crate) fn job(self, job: &stint_client::v0::Job) -> Result<(), Error> {
        match self.0 {
            Output::Table => line(&table::job(job)),
            Output::Json => json(&json::Job::of(job)),
        }
    }

    /// The runs of one job.
    pub(crate) fn attempts(
        self,
        runs: &stint_client::v0::ListJobAttemptsResponse,
    ) -> Result<(), Error> {
        match self.0 {
            Output::Table => line(&table::attempts(&runs.attempts)),
            Output::Json => json(&json::Attempts::of(runs)),
        }
    }

    /// What was done to many jobs, or would be.
    pub(crate) fn bulk(self, total: &stint_client::v0::BulkJobsResponse) -> Result<(), Error> {
        match self.0 {
            Output::Table if total.dry_run => {
                total.ids.iter().try_for_each(|id| line(id))?;
                note(&bulk_in_words(total));
                Ok(())
            }
            Output::Table => line(&bulk_in_words(total)),
            Output::Json => json(&json::Bulk::of(total)),
        }
    }

    /// Queues of actions.
    pub(crate) fn queues(self, queues: &[stint_client::v0::Queue]) -> Result<(), Error> {
        match self.0 {
            Output::Table => line(&table::queues(queues)),
            Output::Json => json(&json::Queues::of(queues)),
        }
    }

    /// Jobs.
    pub(crate) fn jobs(self, jobs: &[stint_client::v0::Job]) -> Result<(), Error> {
        match self.0 {
            Output::Table if jobs.is_empty() => {
                note("no jobs");
                Ok(())
            }
            Output::Table => line(&table::jobs(jobs)),
            Output::Json => json(&json::Jobs::of(jobs)),
        }
    }

    /// One line of a job's output.
    pub(crate) fn log_line(self, log: &stint_client::v0::LogLine) -> Result<(), Error> {
        match self.0 {
            Output::Table => line(&log.data),
            Output::Json => json(&json::Line::of(log)),
        }
    }

    /// One thing that happened. People are not told of bookmarks.
    pub(crate) fn event(self, event: &stint_client::v0::WatchResponse) -> Result<(), Error> {
        match self.0 {
            Output::Table if event.kind == "bookmark" => Ok(()),
            Output::Table => line(&table::event(event)),
            Output::Json => json(&json::Event::of(event)),
        }
    }

    /// Workers.
    pub(crate) fn workers(self, workers: &[stint_client::v0::Worker]) -> Result<(), Error> {
        match self.0 {
            Output::Table if workers.is_empty() => {
                note("no workers");
                Ok(())
            }
            Output::Table => line(&table::workers(workers)),
            Output::Json => json(&json::Workers::of(workers)),
        }
    }

    /// Actions.
    pub(crate) fn actions(self, actions: &[stint_client::v0::Action]) -> Result<(), Error> {
        match self.0 {
            Output::Table => line(&table::actions(actions)),
            Output::Json => json(&json::Actions::of(actions)),
        }
    }

    /// One action.
    pub(crate) fn action(self, action: &stint_client::v0::Action) -> Result<(), Error> {
        match self.0 {
            Output::Table => line(&table::action(action)),
            Output::Json => json(&json::Action::of(action)),
        }
    }

    /// Tokens, without their secrets.
    pub(crate) fn tokens(self, tokens: &[stint_client::v0::Token]) -> Result<(), Error> {
        match self.0 {
            Output::Table if tokens.is_empty() => {
                note("no tokens: the cluster is open");
                Ok(())
            }
            Output::Table => line(&table::tokens(tokens)),
            Output::Json => json(&json::Tokens::of(tokens)),
        }
    }

    /// Who changed what.
    pub(crate) fn audit(self, records: &[stint_client::v0::AuditRecord]) -> Result<(), Error> {
        match self.0 {
            Output::Table if records.is_empty() => {
                note("no changes");
                Ok(())
            }
            Output::Table => line(&table::audit(records)),
            Output::Json => json(&json::Audit::of(records)),
        }
    }

    /// A token that has just been created: its secret, which nobody is told again.
    pub(crate) fn created_token(
        self,
        created: &stint_client::v0::CreateTokenResponse,
    ) -> Result<(), Error> {
        match self.0 {
            Output::Table => {
                let id = created.token.as_ref().map_or("", |token| &token.id);
                note(&format!("token {id}; it is shown this once:"));
                line(&created.secret)
            }
            Output::Json => json(&json::NewToken::of(created)),
        }
    }

    /// An invitation that has just been made, which nobody is told again.
    pub(crate) fn invitation(
        self,
        invited: &stint_client::v0::InviteReplicaResponse,
    ) -> Result<(), Error> {
        match self.0 {
            Output::Table => {
                note("one new replica can join with this; it is shown this once:");
                line(&invited.invitation)
            }
            Output::Json => json(&json::Invitation::of(invited)),
        }
    }

    /// What was done, for people.
    pub(crate) fn done(self, what: &str) {
        if let Output::Table = self.0 {
            note(what);
        }
    }

    /// One cron.
    pub(crate) fn cron(self, cron: &stint_client::v0::Cron) -> Result<(), Error> {
        match self.0 {
            Output::Table => line(&table::cron(cron)),
            Output::Json => json(&json::Cron::of(cron)),
        }
    }

    /// What became of ticks of a cron.
    pub(crate) fn ticks(self, ticks: &[stint_client::v0::CronTick]) -> Result<(), Error> {
        match self.0 {
            Output::Table if ticks.is_empty() => {
                note("no ticks yet");
                Ok(())
            }
            Output::Table => line(&table::ticks(ticks)),
            Output::Json => json(&json::CronHistory::of(ticks)),
        }
    }

    /// Ticks to come.
    pub(crate) fn preview(self, ticks: &[stint_client::Timestamp]) -> Result<(), Error> {
        match self.0 {
            Output::Table => ticks.iter().try_for_each(|tick| line(&tick.to_string())),
            Output::Json => json(&json::Preview::of(ticks)),
        }
    }

    /// Crons.
    pub(crate) fn crons(self, crons: &[stint_client::v0::Cron]) -> Result<(), Error> {
        match self.0 {
            Output::Table if crons.is_empty() => {
                note("no crons");
                Ok(())
            }
            Output::Table => line(&table::crons(crons)),
            Output::Json => json(&json::Crons::of(crons)),
        }
    }

    /// One action config.
    pub(crate) fn action_config(
        self,
        config: &stint_client::v0::ActionConfig,
    ) -> Result<(), Error> {
        match self.0 {
            Output::Table => line(&table::action_config(config)),
            Output::Json => json(&json::ActionConfig::of(config)),
        }
    }

    /// Action configs.
    pub(crate) fn action_configs(
        self,
        configs: &[stint_client::v0::ActionConfig],
    ) -> Result<(), Error> {
        match self.0 {
            Output::Table if configs.is_empty() => {
                note("no action configs");
                Ok(())
            }
            Output::Table => line(&table::action_configs(configs)),
            Output::Json => json(&json::ActionConfigs::of(configs)),
        }
    }

    /// The settings of the cluster.
    pub(crate) fn settings(
        self,
        settings: &stint_client::v0::ClusterSettings,
    ) -> Result<(), Error> {
        match self.0 {
            Output::Table => line(&table::settings(settings)),
            Output::Json => json(&json::Settings::of(settings)),
        }
    }

    /// The state of the cluster.
    pub(crate) fn cluster(self, seen: &crate::command::cluster::Seen) -> Result<(), Error> {
        match self.0 {
            Output::Table => line(&table::cluster(seen)),
            Output::Json => json(&json::Cluster::of(&seen.status)),
        }
    }

    /// What happened lately.
    pub(crate) fn statistics(
        self,
        statistics: &stint_client::v0::GetStatisticsResponse,
    ) -> Result<(), Error> {
        match self.0 {
            Output::Table if statistics.samples.is_empty() => {
                note(&format!("no step yet: one takes {} s", statistics.interval_seconds));
                Ok(())
            }
            Output::Table => line(&table::statistics(statistics)),
            Output::Json => json(&json::Statistics::of(statistics)),
        }
    }

    /// Who calls.
    pub(crate) fn caller(self, caller: &stint_client::v0::Caller) -> Result<(), Error> {
        match self.0 {
            Output::Table => line(&table::caller(caller)),
            Output::Json => json(&json::Caller::of(caller)),
        }
    }

    /// The result of a measurement.
    pub(crate) fn load(self, rows: &[Row], compared: Option<&[Compared]>) -> Result<(), Error> {
        match self.0 {
            Output::Table => line(&load::table(rows, compared)),
            Output::Json => json(&load::json(rows, compared)),
        }
    }
}
