//! What an agent makes of what it hears, one thing at a time.

use std::sync::Arc;
use std::time::Duration;

use stint_core::{Epoch, Exit, ExitCause, JobId};
use tempfile::TempDir;
use tokio::sync::watch;

use super::*;
use crate::clock::Boottime;
use crate::guardian::program::Program;
use crate::guardian::wire::Order;
use crate::lease::Lease;
use crate::limits::{DRAIN_GRACE, FAREWELL_MAX};
use crate::orders::Orders;
use crate::orphans::Notes;
use crate::testing::{heard, link, replica};

const MARK: Mark = Mark { lease: LeaseId(7), job: JobId::from_bytes([7; 16]) };
const LONG: Duration = Duration::from_mins(10);

/// An agent that lives in epoch 1, and is told of nothing but by the test.
struct Bench {
    _dir: TempDir,
    agent: Agent,
    _shutdown: oneshot::Sender<()>,
}

async fn bench() -> Bench {
    let (dir, replica) = replica().await;
    let notes = Arc::new(Notes::open(dir.path()).unwrap());
    let lease = Arc::new(Lease::new().unwrap());
    let program = Arc::new(Program::find());
    let context = Context { replica, lease, notes, program, ca: None, runner: None };
    let (shutdown, asked) = oneshot::channel();
    let mut config = Config::new(dir.path().to_owned());
    config.ttl = LONG;
    let (_, configs) = watch::channel(config);
    let mut agent = Agent::new(context, configs, asked);
    agent.life = Life::Living(Epoch(1));
    Bench { _dir: dir, agent, _shutdown: shutdown }
}

/// Has the agent run this, which says how it ended.
fn run(
    agent: &mut Agent,
    run: impl Future<Output = Option<Exit>> + Send + 'static,
) -> watch::Receiver<Orders> {
    let (sender, orders) = watch::channel(Orders::default());
    let task = agent.runs.spawn(run).id();
    agent.inventory.begin(MARK, sender, task, true);
    orders
}

async fn hear_run_end(agent: &mut Agent) {
    let (task, exit) = agent.runs.join_next_with_id().await.unwrap().unwrap();
    agent.hear(Wake::RunEnded(task, Ok(exit)));
}

#[tokio::test]
async fn what_ended_with_its_lease_is_not_reported() {
    let Bench { agent, .. } = &mut bench().await;
    agent.renewed(Boottime::now());
    // The lease runs out: its guardian kills the run, and the agent has not heard of that yet.
    agent.context.lease.end();
    let killed = Exit { cause: ExitCause::Own, code: 137, signal: Some(9) };
    run(agent, async { Some(killed) });
    hear_run_end(agent).await;
    assert_eq!(agent.life, Life::Settling);
    assert_eq!(agent.inventory.take_ended(), None);
}

#[tokio::test]
async fn a_result_under_a_valid_lease_is_reported() {
    let Bench { agent, .. } = &mut bench().await;
    agent.renewed(Boottime::now());
    let exit = Exit { cause: ExitCause::Own, code: 3, signal: None };
    let expected = exit.clone();
    // Something of it is left, as its note says.
    agent.context.notes.begin(MARK).unwrap();
    run(agent, async { Some(exit) });
    hear_run_end(agent).await;
    let reported = agent.inventory.take_ended().unwrap();
    assert_eq!(reported.first().map(|run| &run.exit), Some(&expected));
    assert_eq!(agent.ended_marks, BTreeSet::from([MARK]));
}

#[tokio::test]
async fn a_former_lease_that_ran_out_does_not_end_this_life() {
    let Bench { agent, .. } = &mut bench().await;
    agent.renewed(Boottime::now());
    agent.hear(Wake::LeaseLapsed);
    assert_eq!(agent.life, Life::Living(Epoch(1)));
    agent.context.lease.end();
    agent.hear(Wake::LeaseLapsed);
    assert_eq!(agent.life, Life::Settling);
}

#[tokio::test]
async fn a_lease_is_counted_from_before_its_renewal_was_sent() {
    let Bench { agent, .. } = &mut bench().await;
    agent.config.ttl = Duration::from_secs(1);
    let sent = Boottime::now();
    agent.renewed(sent);
    // The margin of a tenth is not the worker's to use.
    while Boottime::now() < sent.plus(Duration::from_millis(900)) {
        tokio::task::yield_now().await;
    }
    assert!(!agent.context.lease.is_valid());
    agent.renewed(sent);
    assert!(!agent.context.lease.is_valid(), "an old renewal gave it a lease");
}

#[tokio::test]
async fn a_run_that_cannot_be_killed_does_not_hold_up_the_farewell() {
    let Bench { agent, .. } = &mut bench().await;
    agent.renewed(Boottime::now());
    let orders = run(agent, std::future::pending());
    let drain_limit = agent.config.drain_limit;
    agent.begin_farewell();
    // Nothing else is due for a long time.
    agent.renewal.at = Instant::now() + LONG;
    let late = Instant::now() + drain_limit + DRAIN_GRACE;
    agent.leave(late);
    assert!(orders.borrow().is_lost, "what should be over goes on");
    assert!(!agent.is_done(late));
    assert!(agent.next_timer().unwrap() > late, "it would wake at once, again and again");
    assert!(agent.is_done(late + FAREWELL_MAX));
}

#[tokio::test]
async fn an_agent_that_crashes_kills_what_it_runs() {
    let Bench { mut agent, .. } = bench().await;
    agent.renewed(Boottime::now());
    let (link, guardian) = link();
    // As long as somebody has the lease, it is not dropped with the agent.
    let lease = Arc::clone(&agent.context.lease);
    let _guarded = lease.guard(MARK, &link).unwrap();
    drop(agent);
    assert_eq!(heard(&guardian), [Order::Kill]);
}
