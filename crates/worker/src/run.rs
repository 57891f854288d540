//! One run of a job's command, from its claim to how it ended.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use stint_consensus::Replica;
use stint_core::{Attempt, Exit, ExitCause, Job, Timeout};
use stint_failpoint::failpoint;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::access::{self, Access, Given};
use crate::config::Action;
use crate::guardian::launch::Launch;
use crate::guardian::program::Program;
use crate::guardian::wire::{End, Ended};
use crate::invocation::Invocation;
use crate::lease::{Guarded, Lease};
use crate::limits::{GONE_MAX, OBEY_MAX, STOP_TIMEOUT_DEFAULT};
use crate::orders::{self, Orders};
use crate::orphans::Notes;
use crate::output::Output;
use crate::proc::Mark;
use crate::process::{self, Heard, Pipes, Process};
use crate::pump::{Channel, Lost, pump};
use crate::simulated::Runner;
use crate::stop::{Due, Stop};

/// What every run of one worker needs.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) replica: Replica,
    pub(crate) lease: Arc<Lease>,
    pub(crate) notes: Arc<Notes>,
    /// What guardians are.
    pub(crate) program: Arc<Program>,
    /// By what processes that may submit jobs know the replicas.
    pub(crate) ca: Option<Arc<Path>>,
    /// What runs in the place of processes, where replicas are simulated.
    pub(crate) runner: Option<Arc<dyn Runner>>,
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
    let mut standing = *orders.borrow_and_update();
    let mut access = None;
    if standing == Orders::default() && attempt.traits.has_children {
        match access::give(&context.replica, job.id, &attempt, &mut orders).await {
            Given::Access(given) => access = Some(given.by(context.ca.as_deref())),
            Given::Lost => return None,
            Given::NotWanted(new) => standing = new,
            Given::Failed(reason) => return Some(could_not_start(reason)),
        }
    }
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
    let (line_count, limits, notes) = (job.line_count, action.output, Arc::clone(&context.notes));
    // It takes files, the user database and a new process, all of which may keep it waiting.
    let starting = move || start(&context, (&*job, &attempt), &action, access);
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
    let mut lines = Lines::new(pump(channel, output, line_count, closed));
    let mut stop = Stop::new(Instant::now(), deadline, stop_timeout);
    let watched = Watched { process: &process, notes: &notes, mark };
    let (is_ours, end) = watched.supervise(&mut stop, &mut orders, &mut lines).await;
    let is_told = !matches!(end, Finish::Lost);
    clear(process, guarded, is_told, notes, mark, &mut lines).await;
    // That the receiver is gone means that everything is read already.
    close.send(()).ok();
    // What the guardian has killed because the lease was over is nobody's result.
    let is_ours = is_ours && !matches!(&end, Finish::Ended(End { is_lapsed: true, .. }));
    if !is_ours || lines.flush(&mut orders).await == Err(Lost) {
        return None;
    }
    Some(exit(end, &stop))
}

/// How a run finished, as its guardian says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Finish {
    Ended(End),
    /// It was never started, and why.
    Failed(String),
    /// Its guardian does not say.
    Lost,
}

/// What shells return for a command that a signal has ended: this and the signal's number.
const SIGNALED: i32 = 128;
const SIGKILL: i32 = 9;

/// How a run ended, and what made it: its own doing, unless it was sent a signal before.
fn exit(finish: Finish, stop: &Stop) -> Exit {
    let End { how, is_by_order, .. } = match finish {
        Finish::Ended(end) => end,
        Finish::Failed(reason) => return could_not_start(reason),
        Finish::Lost if stop.cause() == ExitCause::Own => {
            let reason =
                "it was started, but not seen to end: its guardian was killed, and so was it";
            return could_not_start(reason.to_owned());
        }
        Finish::Lost => End { how: Ended::Signal(SIGKILL), is_by_order: true, is_lapsed: false },
    };
    let cause = if is_by_order { stop.cause() } else { ExitCause::Own };
    match how {
        Ended::Code(code) => Exit { cause, code, signal: None },
        Ended::Signal(signal) => Exit { cause, code: SIGNALED + signal, signal: Some(signal) },
    }
}

enum Start {
    Started(Process, Guarded, Pipes),
    Failed(String),
    /// The lease is over.
    TooLate,
}

fn start(
    context: &Context,
    (job, attempt): (&Job, &Attempt),
    action: &Action,
    access: Option<Access>,
) -> Start {
    let mut invocation = match Invocation::new(action, job, attempt) {
        Ok(invocation) => invocation,
        Err(reason) => return Start::Failed(reason),
    };
    for (name, value) in access.into_iter().flat_map(Access::variables) {
        // What an operator has written stays.
        invocation.environment.entry(name).or_insert(value);
    }
    let mark = Mark { lease: attempt.lease, job: job.id };
    let Context { lease, notes, .. } = context;
    if !lease.is_valid() {
        return Start::TooLate;
    }
    let noted = failpoint!("worker::run::note").map_err(std::io::Error::from);
    if let Err(error) = noted.and_then(|()| notes.begin(mark)) {
        return Start::Failed(format!("its worker cannot note that it runs: {error}"));
    }
    let failed = |reason| {
        notes.end(mark.lease);
        Start::Failed(reason)
    };
    let wanted = failpoint!("worker::run::guardian").map_err(std::io::Error::from);
    let (process, pipes) = match wanted.and_then(|()| Process::new(&context.program)) {
        Ok(started) => started,
        Err(error) => return failed(format!("its guardian cannot be started: {error}")),
    };
    // Whatever the guardian starts, the next life of this worker can find by this.
    if let Err(error) = notes.guarded(mark, process.guardian()) {
        return failed(format!("its worker cannot note its guardian: {error}"));
    }
    let Some((guarded, until)) = lease.guard(mark, process.link()) else {
        return Start::TooLate;
    };
    let launch = match Launch::new(invocation, until, attempt.lease, &notes.cgroups) {
        Ok(launch) => launch,
        Err(reason) => return failed(reason),
    };
    let wanted = failpoint!("worker::run::launch").map_err(std::io::Error::from);
    match wanted.and_then(|()| process.launch(&launch)) {
        Ok(()) => Start::Started(process, guarded, pipes),
        // It has not heard all, and starts nothing.
        Err(error) => failed(format!("its guardian does not listen: {error}")),
    }
}

/// A run that goes on.
struct Watched<'a> {
    process: &'a Process,
    notes: &'a Notes,
    mark: Mark,
}

impl Watched<'_> {
    /// Sends the process what it is due until it has ended. Says whether its lease is still ours,
    /// and how it ended.
    async fn supervise(
        &self,
        stop: &mut Stop,
        orders: &mut watch::Receiver<Orders>,
        lines: &mut Lines,
    ) -> (bool, Finish) {
        let mut is_ours = true;
        // By then its guardian should have obeyed.
        let mut dead_by = None;
        loop {
            let until = match stop.due(Instant::now()) {
                Due::Nothing(until) => until,
                Due::Terminate => {
                    self.process.terminate();
                    continue;
                }
                Due::Kill => {
                    self.kill(&mut dead_by);
                    continue;
                }
            };
            tokio::select! {
                biased;
                heard = self.process.heard() => if let Some(finish) = self.finish(heard) {
                    return (is_ours, finish);
                },
                () = sleep_until(dead_by), if dead_by.is_some() => {
                    let job = self.mark.job;
                    tracing::warn!(%job, "a guardian does not obey; its run is killed without it");
                    return (is_ours, Finish::Lost);
                }
                new = orders::next(orders) => {
                    new.apply(Instant::now(), stop);
                    if new.is_lost {
                        is_ours = false;
                        self.kill(&mut dead_by);
                    }
                }
                Lost = lines.lost() => {
                    is_ours = false;
                    self.kill(&mut dead_by);
                }
                () = sleep_until(until) => {}
            }
        }
    }

    fn kill(&self, dead_by: &mut Option<Instant>) {
        self.process.kill();
        dead_by.get_or_insert_with(|| Instant::now() + OBEY_MAX);
    }

    /// How the run finished, if it has.
    fn finish(&self, heard: Heard) -> Option<Finish> {
        match heard {
            Heard::Started(pid) => {
                if let Err(error) = self.notes.started(self.mark, pid) {
                    // Its guardian and its mark still tell whose it is.
                    tracing::warn!(job = %self.mark.job, %error, "cannot note which process runs");
                }
                None
            }
            Heard::Failed(reason) => Some(Finish::Failed(reason)),
            Heard::Ended(end) => Some(Finish::Ended(end)),
            Heard::Gone | Heard::Lost => Some(Finish::Lost),
        }
    }
}

/// Returns when nothing of the run is left, or only what the kernel holds up; lines are carried
/// meanwhile.
async fn clear(
    process: Process,
    guarded: Guarded,
    is_told: bool,
    notes: Arc<Notes>,
    mark: Mark,
    lines: &mut Lines,
) {
    let clearing = async {
        if is_told && process::gone(&process, GONE_MAX).await {
            process.part().await;
            notes.end(mark.lease);
        } else {
            let ending = move || process::end_by_force(&notes, mark);
            // It panics for no reason that is not a bug, and is looked for again in any case.
            tokio::task::spawn_blocking(ending).await.ok();
            drop(process);
        }
        drop(guarded);
    };
    let mut clearing = std::pin::pin!(clearing);
    tokio::select! {
        () = &mut clearing => return,
        Lost = lines.lost() => {}
    }
    clearing.await;
}

/// The output of a run on its way to the log.
pub(crate) struct Lines {
    pump: Pin<Box<dyn Future<Output = Result<(), Lost>> + Send>>,
    /// How the pump ended, once it has.
    end: Option<Result<(), Lost>>,
}

impl Lines {
    /// Has what `pump` reads carried.
    pub(crate) fn new(pump: impl Future<Output = Result<(), Lost>> + Send + 'static) -> Self {
        Self { pump: Box::pin(pump), end: None }
    }

    /// Carries lines, and returns if that shows that the lease is lost. Says so once.
    pub(crate) async fn lost(&mut self) -> Lost {
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
    pub(crate) async fn flush(mut self, orders: &mut watch::Receiver<Orders>) -> Result<(), Lost> {
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
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_ended_by_itself_keeps_its_own_result() {
        let now = Instant::now();
        let mut stop = Stop::new(now, Some(Duration::ZERO), Duration::ZERO);
        assert_eq!(stop.due(now), Due::Terminate);
        let end = |how, is_by_order| Finish::Ended(End { how, is_by_order, is_lapsed: false });
        for (end, cause, code, signal) in [
            (end(Ended::Code(3), false), ExitCause::Own, 3, None),
            (end(Ended::Code(3), true), ExitCause::Deadline, 3, None),
            (end(Ended::Signal(15), true), ExitCause::Deadline, 143, Some(15)),
            (end(Ended::Signal(11), false), ExitCause::Own, 139, Some(11)),
            (Finish::Lost, ExitCause::Deadline, 137, Some(9)),
        ] {
            assert_eq!(exit(end.clone(), &stop), Exit { cause, code, signal }, "{end:?}");
        }
        let left_alone = Stop::new(now, None, Duration::ZERO);
        assert!(matches!(exit(Finish::Lost, &left_alone).cause, ExitCause::CouldNotStart(_)));
    }
}
