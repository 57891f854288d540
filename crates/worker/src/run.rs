//! One run of a job's command, from its claim to how it ended.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stint_consensus::Replica;
use stint_core::{Attempt, Exit, ExitCause, Job, Timeout};
use tokio::sync::{oneshot, watch};

use crate::config::Action;
use crate::guardian::{Guarded, Guardian};
use crate::invocation::Invocation;
use crate::limits::STOP_TIMEOUT_DEFAULT;
use crate::orders::{self, Orders};
use crate::orphans::Notes;
use crate::output::Output;
use crate::proc::Mark;
use crate::process::{Ended, Pipes, Process};
use crate::pump::{Channel, Lost, pump};
use crate::stop::{Due, Stop};

/// What every run of one worker needs.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) replica: Replica,
    pub(crate) guardian: Arc<Guardian>,
    pub(crate) notes: Arc<Notes>,
}

/// Runs the command of `action` for `job` under `attempt`, its lease. Returns when the process is
/// gone and its output is in the log; nothing if the lease was lost.
pub(crate) async fn command(
    context: Context,
    (job, attempt): (Arc<Job>, Attempt),
    action: Arc<Action>,
    mut orders: watch::Receiver<Orders>,
) -> Option<Exit> {
    let now = Instant::now();
    let (deadline, stop_timeout) = (deadline(&job), stop_timeout(&job));
    let standing = *orders.borrow_and_update();
    if standing != Orders::default() {
        // It was over before it began.
        let mut stop = Stop::new(now, None, stop_timeout);
        standing.apply(now, &mut stop);
        stop.due(now);
        return (!standing.is_lost).then(|| Exit { cause: stop.cause(), code: 0, signal: None });
    }
    let mark = Mark { lease: attempt.lease, job: job.id };
    let channel = Channel {
        replica: context.replica.clone(),
        worker: attempt.worker,
        epoch: attempt.epoch,
        mark,
    };
    let (line_count, limits) = (job.line_count, action.output);
    // Starting a process blocks until it has become its program, which may be on a slow disk.
    let starting = move || start(&context, &job, &attempt, &action);
    let (process, guarded, pipes) = match tokio::task::spawn_blocking(starting).await {
        Ok(Start::Started(process, guarded, pipes)) => (process, guarded, pipes),
        Ok(Start::Failed(reason)) => return Some(could_not_start(reason)),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // Or the runtime is going down.
        Ok(Start::TooLate) | Err(_) => return None,
    };
    let output = match Output::new(pipes, limits, line_count) {
        Ok(output) => output,
        Err(error) => return Some(could_not_start(format!("cannot read its output: {error}"))),
    };
    let (close, closed) = oneshot::channel();
    let pump = Box::pin(pump(channel, output, line_count, closed));
    let mut lines = Lines { pump, end: None };
    let mut stop = Stop::new(Instant::now(), deadline, stop_timeout);
    let is_ours = supervise(&process, &mut stop, &mut orders, &mut lines).await;
    drop(guarded);
    let ended = process.reap();
    // That the receiver is gone means that everything is read already.
    close.send(()).ok();
    if !is_ours {
        return None;
    }
    if lines.flush(&mut orders).await == Err(Lost) {
        return None;
    }
    Some(match ended {
        Ok(Ended::Code(code)) => Exit { cause: stop.cause(), code, signal: None },
        Ok(Ended::Signal(signal)) => {
            Exit { cause: stop.cause(), code: SIGNALED + signal, signal: Some(signal) }
        }
        Err(error) => could_not_start(format!("it was started, but not seen to end: {error}")),
    })
}

/// What shells return for a command that a signal has ended: this and the signal's number.
const SIGNALED: i32 = 128;

enum Start {
    Started(Process, Guarded, Pipes),
    Failed(String),
    /// The lease is over.
    TooLate,
}

fn start(context: &Context, job: &Job, attempt: &Attempt, action: &Action) -> Start {
    let invocation = match Invocation::new(action, job, attempt) {
        Ok(invocation) => invocation,
        Err(reason) => return Start::Failed(reason),
    };
    let mark = Mark { lease: attempt.lease, job: job.id };
    if !context.guardian.is_valid() {
        return Start::TooLate;
    }
    if let Err(error) = context.notes.begin(mark) {
        return Start::Failed(format!("its worker cannot note that it runs: {error}"));
    }
    let (process, pipes) = match Process::start(&invocation) {
        Ok(started) => started,
        Err(reason) => {
            context.notes.end(attempt.lease);
            return Start::Failed(reason);
        }
    };
    let Some(guarded) = context.guardian.guard(mark, process.group()) else {
        return Start::TooLate;
    };
    if let Err(error) = context.notes.started(mark, process.pid()) {
        // Its mark still tells whose it is, should this worker not see its end.
        tracing::warn!(job = %job.id, %error, "cannot note which process runs");
    }
    Start::Started(process, guarded, pipes)
}

/// Sends the process what it is due until it has ended, and says whether its lease is still ours.
async fn supervise(
    process: &Process,
    stop: &mut Stop,
    orders: &mut watch::Receiver<Orders>,
    lines: &mut Lines,
) -> bool {
    let mut is_ours = true;
    loop {
        // A process that has ended by itself keeps its own result, whatever comes now.
        let due = if process.has_ended() { Due::Nothing(None) } else { stop.due(Instant::now()) };
        let until = match due {
            Due::Nothing(until) => until,
            Due::Terminate => {
                process.terminate();
                continue;
            }
            Due::Kill => {
                process.kill();
                continue;
            }
        };
        tokio::select! {
            biased;
            ended = process.ended() => {
                if let Err(error) = ended {
                    // Without the watch nobody would see it end.
                    tracing::error!(%error, "a process cannot be watched and is killed");
                    process.kill();
                }
                return is_ours;
            }
            new = orders::next(orders) => {
                new.apply(Instant::now(), stop);
                if new.is_lost {
                    is_ours = false;
                    process.kill();
                }
            }
            Lost = lines.lost() => {
                is_ours = false;
                process.kill();
            }
            () = sleep_until(until) => {}
        }
    }
}

/// The output of a run on its way to the log.
struct Lines {
    pump: Pin<Box<dyn Future<Output = Result<(), Lost>> + Send>>,
    /// How the pump ended, once it has.
    end: Option<Result<(), Lost>>,
}

impl Lines {
    /// Carries lines, and returns if that shows that the lease is lost. Says so once.
    async fn lost(&mut self) -> Lost {
        if self.end.is_none() {
            let end = self.pump.as_mut().await;
            self.end = Some(end);
            if let Err(lost) = end {
                return lost;
            }
        }
        std::future::pending().await
    }

    /// Carries the rest of the lines, unless the lease is lost first.
    async fn flush(mut self, orders: &mut watch::Receiver<Orders>) -> Result<(), Lost> {
        if let Some(end) = self.end {
            return end;
        }
        loop {
            tokio::select! {
                end = &mut self.pump => return end,
                new = orders::next(orders) => if new.is_lost { return Err(Lost) },
            }
        }
    }
}

/// When the job's process gets SIGTERM. A deadline of no length is how a submission says that it
/// wants none, whatever its action has for others.
pub(crate) fn deadline(job: &Job) -> Option<Duration> {
    job.spec.deadline.as_ref().map(span).filter(|deadline| !deadline.is_zero())
}

pub(crate) fn stop_timeout(job: &Job) -> Duration {
    job.spec.stop_timeout.as_ref().map_or(STOP_TIMEOUT_DEFAULT, span)
}

fn span(timeout: &Timeout) -> Duration {
    Duration::from_millis(timeout.span().as_ms())
}

pub(crate) fn could_not_start(reason: String) -> Exit {
    Exit { cause: ExitCause::CouldNotStart(reason), code: 0, signal: None }
}

/// Waits for an instant; for ever if there is none.
pub(crate) async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// How a script ends, and what made it, if these are the orders once it has ended.
    async fn ended_before(orders: Orders) -> (bool, Ended, ExitCause) {
        let invocation = Invocation {
            name: "sh".to_owned(),
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), "exit 3".to_owned()],
            environment: BTreeMap::new(),
            working_dir: "/".into(),
            confinement: crate::Confinement::default(),
        };
        let (process, _pipes) = Process::start(&invocation).unwrap();
        process.ended().await.unwrap();
        let (sender, mut receiver) = watch::channel(Orders::default());
        sender.send_replace(orders);
        // Its deadline is over too.
        let mut stop = Stop::new(Instant::now(), Some(Duration::ZERO), Duration::ZERO);
        let mut lines = Lines { pump: Box::pin(std::future::pending()), end: None };
        let is_ours = supervise(&process, &mut stop, &mut receiver, &mut lines).await;
        (is_ours, process.reap().unwrap(), stop.cause())
    }

    #[tokio::test]
    async fn a_process_that_has_ended_keeps_its_own_result() {
        for orders in [
            Orders::default(),
            Orders { is_canceled: true, ..Orders::default() },
            Orders { end_by: Some(Instant::now()), ..Orders::default() },
        ] {
            let expected = (true, Ended::Code(3), ExitCause::Own);
            assert_eq!(ended_before(orders).await, expected, "{orders:?}");
        }
    }
}
