//! Carries a run's output into the log, one batch at a time.

use std::future::Future;
use std::pin::Pin;

use stint_consensus::{Error, Replica};
use stint_core::{Command, Epoch, Line, Refusal, Reply, WorkerId};
use stint_failpoint::failpoint;
use tokio::sync::oneshot;

use crate::limits::APPEND_RETRY_PAUSE;
use crate::output::Output;
use crate::proc::Mark;

/// The lease under which the lines are appended is not the job's any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

/// Where the lines of one run go.
#[derive(Clone)]
pub(crate) struct Channel {
    pub(crate) replica: Replica,
    pub(crate) worker: WorkerId,
    pub(crate) epoch: Epoch,
    pub(crate) mark: Mark,
}

/// Carries lines from `output` to the log, the first of them as number `first`, until all is read
/// and appended. `close` says that the run is over.
pub(crate) async fn pump(
    channel: Channel,
    mut output: Output,
    first: u64,
    mut close: oneshot::Receiver<()>,
) -> Result<(), Lost> {
    let mut next = first;
    let mut is_closed = false;
    let mut append: Option<Append> = None;
    loop {
        if append.is_none() {
            append = output
                .take()
                .map(|lines| -> Append { Box::pin(append_lines(channel.clone(), next, lines)) });
        }
        if append.is_none() && output.is_over() {
            return Ok(());
        }
        tokio::select! {
            () = output.read(), if !output.has_read_all() => {}
            appended = pending(&mut append) => {
                append = None;
                match appended? {
                    Some(line_count) => next = line_count,
                    None => output.discard(),
                }
            }
            _ = &mut close, if !is_closed => {
                is_closed = true;
                output.close();
            }
        }
    }
}

type Append = Pin<Box<dyn Future<Output = Result<Option<u64>, Lost>> + Send>>;

async fn pending(append: &mut Option<Append>) -> Result<Option<u64>, Lost> {
    match append {
        Some(append) => append.await,
        None => std::future::pending().await,
    }
}

/// Appends lines from number `first` on, and says how many the job has then: `None` if it can have
/// no more. Tries until there is an answer; that lines are sent twice does no harm.
pub(crate) async fn append_lines(
    channel: Channel,
    mut first: u64,
    lines: Vec<Line>,
) -> Result<Option<u64>, Lost> {
    loop {
        let command = Command::AppendLines {
            worker: channel.worker,
            epoch: channel.epoch,
            job: channel.mark.job,
            lease: channel.mark.lease,
            first,
            lines: lines.clone(),
        };
        let proposed = match failpoint!("worker::pump::append") {
            Ok(()) => channel.replica.propose(command).await,
            Err(why) => Err(Error::Unavailable(why.to_string())),
        };
        match proposed {
            Ok(Ok(Reply::LinesAppended { line_count })) => return Ok(Some(line_count)),
            Ok(Err(Refusal::LineGap { expected, .. })) if expected < first => first = expected,
            Ok(Err(Refusal::TooManyLines { .. })) => return Ok(None),
            Ok(Ok(_) | Err(_)) => return Err(Lost),
            Err(error) => {
                tracing::debug!(job = %channel.mark.job, %error, "lines are not appended yet");
                tokio::time::sleep(APPEND_RETRY_PAUSE).await;
            }
        }
    }
}
