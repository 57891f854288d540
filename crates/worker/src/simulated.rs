//! Runs that are no processes: what stands for them where whole replicas are simulated.
//!
//! Everything but the process and its guardian is the worker's own: the lease, orders, deadlines,
//! and the way of the output to the log, which begins in a pipe here, too.

use std::fmt::Debug;
use std::io::{self, PipeWriter, Write as _};
use std::pin::Pin;
use std::sync::Arc;

use stint_core::{Attempt, Exit, Job};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::config::Action;
use crate::guardian::wire::Order;
use crate::orders::{self, Orders};
use crate::output::Output;
use crate::proc::Mark;
use crate::process::{Pipes, Told};
use crate::pump::{Channel, Lost, pump};
use crate::run::{self, Context, Lines, could_not_start, sleep_until};
use crate::stop::{Due, Stop};

/// A run, until it ends by itself with this exit code. It ends at once when this is dropped.
type Running = Pin<Box<dyn Future<Output = i32> + Send>>;

/// Makes runs.
pub trait Runner: Debug + Send + Sync {
    /// Begins this run.
    fn run(&self, job: &Job, attempt: &Attempt, output: RunOutput) -> Running;
}

/// What a run writes to.
#[derive(Debug)]
pub struct RunOutput(PipeWriter);

impl RunOutput {
    /// Writes a line, which has to fit the pipe: nobody reads while this waits.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.0, "{text}")
    }
}

#[derive(Debug)]
struct Link(mpsc::UnboundedSender<Order>);

impl Told for Link {
    fn tell(&self, order: &Order) {
        // The run may have ended.
        self.0.send(order.clone()).ok();
    }
}

/// Has `runner` run `job` under `attempt`, its lease. Returns when it has ended and its output is in
/// the log; nothing if the lease was lost.
pub(crate) async fn command(
    context: Context,
    (job, attempt): (Arc<Job>, Attempt),
    action: Arc<Action>,
    runner: Arc<dyn Runner>,
    mut orders: watch::Receiver<Orders>,
) -> Option<Exit> {
    let now = Instant::now();
    let mut stop = Stop::new(now, run::deadline(&job), run::stop_timeout(&job));
    let standing = *orders.borrow_and_update();
    if standing != Orders::default() {
        standing.apply(now, &mut stop);
        stop.due(now);
        return (!standing.is_lost).then(|| Exit { cause: stop.cause(), code: 0, signal: None });
    }
    let mark = Mark { lease: attempt.lease, job: job.id };
    let (tell, told) = mpsc::unbounded_channel();
    let (_guarded, until) = context.lease.guard(mark, &Arc::new(Link(tell)))?;
    let (pipes, output) = match pipes() {
        Ok(pipes) => pipes,
        Err(error) => return Some(could_not_start(format!("there is no pipe: {error}"))),
    };
    let lines = match Output::new(pipes, action.output, job.line_count) {
        Ok(lines) => lines,
        Err(error) => return Some(could_not_start(format!("cannot read its output: {error}"))),
    };
    let channel = Channel {
        replica: context.replica.clone(),
        worker: attempt.worker,
        epoch: attempt.epoch,
        mark,
    };
    let (close, closed) = oneshot::channel();
    let mut lines = Lines::new(pump(channel, lines, job.line_count, closed));
    let left = until.since(context.lease.now());
    let guarded = Guarded { context: &context, told, killed_at: Instant::now() + left };
    let running = runner.run(&job, &attempt, output);
    let exit = guarded.supervise(running, &mut stop, &mut orders, &mut lines).await?;
    // That the receiver is gone means that everything is read already.
    close.send(()).ok();
    if lines.flush(&mut orders).await == Err(Lost) {
        return None;
    }
    Some(exit)
}

fn pipes() -> io::Result<(Pipes, RunOutput)> {
    let (out, writer) = io::pipe()?;
    let (err, _) = io::pipe()?;
    Ok((Pipes { out: out.into(), err: err.into() }, RunOutput(writer)))
}

/// What a guardian knows.
struct Guarded<'a> {
    context: &'a Context,
    told: mpsc::UnboundedReceiver<Order>,
    /// The end of the lease.
    killed_at: Instant,
}

impl Guarded<'_> {
    /// Lets it run until it ends, is told to, or its lease is over; how it ended, if that is ours.
    async fn supervise(
        mut self,
        mut running: Running,
        stop: &mut Stop,
        orders: &mut watch::Receiver<Orders>,
        lines: &mut Lines,
    ) -> Option<Exit> {
        loop {
            let until = match stop.due(Instant::now()) {
                Due::Nothing(until) => until,
                Due::Terminate | Due::Kill => {
                    return Some(Exit { cause: stop.cause(), code: 143, signal: Some(15) });
                }
            };
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(self.killed_at) => return None,
                order = self.told.recv() => match order {
                    Some(Order::Renew(until)) => {
                        let left = until.since(self.context.lease.now());
                        self.killed_at = Instant::now() + left;
                    }
                    Some(
                        Order::Terminate | Order::Kill | Order::Launch(_) | Order::Start,
                    )
                    | None => return None,
                },
                code = &mut running => {
                    return Some(Exit { cause: stop.cause(), code, signal: None });
                }
                new = orders::next(orders) => {
                    new.apply(Instant::now(), stop);
                    if new.is_lost {
                        return None;
                    }
                }
                Lost = lines.lost() => return None,
                () = sleep_until(until) => {}
            }
        }
    }
}
