//! What only the leader does by itself: the passing of time, and the end of leases.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use stint_core::{Command, Epoch, Timestamp, WorkerId, WorkerStatus};
use tokio::sync::watch;

use crate::inner::Inner;
use crate::limits::LEASE_LOOK;

/// The last renewal of each live worker, and when this leader saw it first, on its own clock.
type Seen = BTreeMap<WorkerId, (Epoch, u64, Instant)>;

/// Runs until the replica stops. While this replica does not lead, it forgets what it has seen:
/// a new leader grants every worker a full lease.
pub(crate) async fn run(inner: Arc<Inner>, mut stopping: watch::Receiver<bool>) {
    let mut seen = Seen::new();
    let mut last_look = Instant::now();
    let mut progress = inner.applied.progress();
    loop {
        let leads = inner.raft.is_leader();
        let pause = if leads {
            if last_look.elapsed() >= LEASE_LOOK {
                last_look = Instant::now();
                expire(&inner, &mut seen).await;
            }
            tick(&inner).await
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
async fn tick(inner: &Inner) -> Duration {
    let due = inner.applied.read().state.next_deadline();
    let Some(due) = due else { return LEASE_LOOK };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let now = Timestamp::from_ms(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
    if due <= now {
        if let Err(error) = inner.propose(Command::Tick, None).await {
            tracing::warn!(%error, "time could not be proposed");
        }
        return Duration::from_millis(1);
    }
    LEASE_LOOK.min(Duration::from_millis(due.as_ms() - now.as_ms()))
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
        tracing::warn!(%worker, %epoch, "no renewal: the worker's lease is over");
        match inner.propose(Command::Expire { worker, epoch, renewal }, None).await {
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => tracing::info!(%refusal, "an expiry was void"),
            Err(error) => tracing::warn!(%error, "an expiry could not be proposed"),
        }
    }
}
