//! What only the leader does by itself: the passing of time, ticks of crons, the end of leases.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stint_core::{Command, Epoch, WorkerId, WorkerStatus};
use stint_failpoint::failpoint;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::inner::Inner;
use crate::limits::LEASE_LOOK;

mod crons;

/// The last renewal of each live worker, and when this leader saw it first, on its own clock.
type Seen = BTreeMap<WorkerId, (Epoch, u64, Instant)>;

/// Runs until the replica stops. While this replica does not lead, or hears of too few
/// others to do so, it forgets what it has seen:
/// a new leader grants every worker a full lease.
pub(crate) async fn run(inner: Arc<Inner>, mut stopping: watch::Receiver<bool>) {
    let mut seen = Seen::new();
    let mut strange = crons::Strange::new();
    let mut last_look = Instant::now();
    let mut progress = inner.applied.progress();
    loop {
        let leads = inner.raft.is_leader() && inner.silence().is_none();
        let pause = if leads {
            if last_look.elapsed() >= LEASE_LOOK {
                last_look = Instant::now();
                expire(&inner, &mut seen).await;
            }
            tick(&inner, &mut strange).await
        } else {
            seen.clear();
            LEASE_LOOK
        };
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = tokio::time::sleep(pause) => {}
            // What was applied may be due sooner than all that was known.
            changed = progress.changed(), if leads => if changed.is_err() { return },
        }
    }
}

/// Proposes that time has passed, if something is due; says how long to look away at most.
async fn tick(inner: &Inner, strange: &mut crons::Strange) -> Duration {
    let (due, cron_due, reached) = {
        let view = inner.applied.read();
        (view.state.next_deadline(), view.state.next_cron_due(), view.state.now())
    };
    let Some(now) = inner.clock.now() else { return LEASE_LOOK };
    // Where most clocks went back, the log's time has not: what it has reached is due, and does not
    // wait for the clocks.
    let now = now.max(reached);
    if cron_due.is_some_and(|due| due <= now) {
        let pause = crons::fire(inner, strange, now).await;
        if pause.is_zero() {
            return Duration::ZERO;
        }
    }
    match due {
        Some(due) if due <= now => {
            if failpoint!("consensus::ticker::tick").is_err() {
                return LEASE_LOOK;
            }
            if let Err(error) = inner.propose(Command::Tick, None).await {
                tracing::warn!(%error, "time could not be proposed");
                return LEASE_LOOK;
            }
            Duration::from_millis(1)
        }
        Some(_) | None => {
            let next = due.into_iter().chain(cron_due).filter(|due| *due > now).min();
            let wait = |due: stint_core::Timestamp| due.as_ms() - now.as_ms();
            next.map_or(LEASE_LOOK, |due| LEASE_LOOK.min(Duration::from_millis(wait(due))))
        }
    }
}

async fn expire(inner: &Inner, seen: &mut Seen) {
    let now = Instant::now();
    let mut over = Vec::new();
    {
        let view = inner.applied.read();
        seen.retain(|id, _| view.state.worker(*id).is_some());
        for worker in view.state.workers() {
            if worker.status != WorkerStatus::Running {
                seen.remove(&worker.id);
                continue;
            }
            let lease = Duration::from_millis(worker.ttl.as_ms()) + inner.timing.lease_margin;
            let last = seen.entry(worker.id).or_insert((worker.epoch, worker.renewal, now));
            if (last.0, last.1) != (worker.epoch, worker.renewal) {
                *last = (worker.epoch, worker.renewal, now);
            } else if now.duration_since(last.2) >= lease {
                over.push((worker.id, worker.epoch, worker.renewal));
            }
        }
    }
    for (worker, epoch, renewal) in over {
        if failpoint!("consensus::ticker::expire").is_err() {
            continue;
        }
        tracing::warn!(%worker, %epoch, "no renewal: the worker's lease is over");
        match inner.propose(Command::Expire { worker, epoch, renewal }, None).await {
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => tracing::info!(%refusal, "an expiry was void"),
            Err(error) => tracing::warn!(%error, "an expiry could not be proposed"),
        }
    }
}
