//! What the exit code says: scripts read it instead of the text.

use std::process::ExitCode;

use stint_client::{Code, Error, v0};

use crate::config;

/// How a run of the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for is done; a job that was waited for is `done`.
    Done = 0,
    /// It failed; a job that was waited for ended as `error`.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// The job that was waited for was canceled or deleted.
    Canceled = 3,
    /// The job that was waited for lost its worker and may not run again.
    WorkerLost = 4,
    /// The job that was waited for is not over.
    TimedOut = 5,
    /// No replica answered, or none knows whether the call was carried out.
    Unreachable = 6,
    /// There is no such job, worker, action, cron, action config or token.
    NotFound = 7,
}

/// The same, as `--help` says it.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done; a job that was waited for is done
  1  failed; a job that was waited for ended as error
  2  the command line or the configuration is wrong
  3  the job that was waited for was canceled or deleted
  4  the job that was waited for lost its worker, and may not run a second time
  5  the job that was waited for is not over (--timeout)
  6  no replica answered in time, or the outcome is unknown
  7  there is no such job, worker, action, cron, action config or token";

impl Exit {
    /// What the end of a job means to whoever waited for it.
    pub(crate) fn of_job(job: &v0::Job) -> Self {
        match job.status.as_str() {
            "done" => Self::Done,
            "cancel" | "deleted" => Self::Canceled,
            "worker_dead" | "worker_shutdown" => Self::WorkerLost,
            _ => Self::Failed,
        }
    }

    /// What the end of all its children means to the process that waited for them.
    pub(crate) fn of_children(parent: &v0::Job) -> Self {
        if parent.children_failed.is_none_or(|failed| failed == 0) {
            Self::Done
        } else {
            Self::Failed
        }
    }

    /// What an error means.
    pub(crate) fn of_error(error: &anyhow::Error) -> Self {
        if error.is::<config::Error>() || error.is::<stint_tls::Error>() || error.is::<Usage>() {
            return Self::Usage;
        }
        match error.downcast_ref::<Error>() {
            Some(error) => Self::of_call(error),
            None => Self::Failed,
        }
    }

    fn of_call(error: &Error) -> Self {
        match error {
            Error::Refused { code, .. } => match code {
                Code::NoSuchJob
                | Code::NoSuchWorker
                | Code::NoSuchAction
                | Code::NoSuchToken
                | Code::NoSuchMember
                | Code::NoSuchCron
                | Code::NoSuchActionConfig
                | Code::NotFound => Self::NotFound,
                Code::InvalidParameters => Self::Usage,
                Code::NotAuthenticated
                | Code::NotAuthorized
                | Code::Conflict
                | Code::Compacted
                | Code::TooLarge
                | Code::TooManyRequests
                | Code::InternalError
                | Code::NoLeader
                | Code::Other(_) => Self::Failed,
            },
            Error::Unreachable { .. }
            | Error::Interrupted { .. }
            | Error::OutcomeUnknown { .. } => Self::Unreachable,
            Error::StillWaiting { .. } => Self::TimedOut,
            Error::BadEndpoint { .. } | Error::BadCertificate { .. } | Error::BadToken => {
                Self::Usage
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Canceled => 3,
            Exit::WorkerLost => 4,
            Exit::TimedOut => 5,
            Exit::Unreachable => 6,
            Exit::NotFound => 7,
        })
    }
}

/// The command line asks for something that makes no sense, in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_end_of_a_job_is_the_exit_code() {
        for (status, expected) in [
            ("done", Exit::Done),
            ("error", Exit::Failed),
            ("cancel", Exit::Canceled),
            ("deleted", Exit::Canceled),
            ("worker_dead", Exit::WorkerLost),
            ("worker_shutdown", Exit::WorkerLost),
        ] {
            let job = v0::Job { status: status.into(), ..Default::default() };
            assert_eq!(Exit::of_job(&job), expected, "{status}");
        }
    }

    #[test]
    fn each_kind_of_error_has_its_exit_code() {
        let refused = |code: &str| Error::Refused {
            code: Code::from(code),
            message: String::new(),
            endpoint: String::new(),
            is_repetition: false,
        };
        let text = String::new;
        for (error, expected) in [
            (refused("NO_SUCH_JOB"), Exit::NotFound),
            (refused("NO_SUCH_WORKER"), Exit::NotFound),
            (refused("NO_SUCH_ACTION"), Exit::NotFound),
            (refused("NO_SUCH_TOKEN"), Exit::NotFound),
            (refused("NOT_AUTHENTICATED"), Exit::Failed),
            (Error::BadToken, Exit::Usage),
            (refused("NO_SUCH_CRON"), Exit::NotFound),
            (refused("NO_SUCH_ACTION_CONFIG"), Exit::NotFound),
            (refused("INVALID_PARAMETERS"), Exit::Usage),
            (refused("CONFLICT"), Exit::Failed),
            (refused("SOMETHING_NEW"), Exit::Failed),
            (
                Error::Unreachable { waited: Duration::ZERO, failures: Vec::new() },
                Exit::Unreachable,
            ),
            (Error::OutcomeUnknown { endpoint: text(), reason: text() }, Exit::Unreachable),
            (
                Error::StillWaiting { id: text(), status: text(), waited: Duration::ZERO },
                Exit::TimedOut,
            ),
            (Error::BadEndpoint { endpoint: text(), reason: text() }, Exit::Usage),
        ] {
            let shown = format!("{error:?}");
            let error = anyhow::Error::new(error).context("while something was done");
            assert_eq!(Exit::of_error(&error), expected, "{shown}");
        }
        assert_eq!(Exit::of_error(&Usage(text()).into()), Exit::Usage);
        assert_eq!(Exit::of_error(&anyhow::anyhow!("a full disk")), Exit::Failed);
    }

    #[test]
    fn the_help_names_every_exit_code() {
        for code in 0..=7 {
            assert!(HELP.contains(&format!("\n  {code}  ")), "{code}");
        }
    }
}
