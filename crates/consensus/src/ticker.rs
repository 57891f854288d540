//! What only the leader does by itself: the passing of time, ticks of crons, the end of leases.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::WatchReceiver as _;
use stint_core::{Command, Epoch, WorkerId, WorkerStatus};
use stint_failpoint::failpoint;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::inner::Inner;
use crate::limits::{DUE_LOOK, LEASE_LOOK};

mod crons;

/// The last renewal of each live worker, and when this leader saw it first, on its own clock.
type Seen = BTreeMap<WorkerId, (Epoch, u64, Instant)>;

/// What a leader knows of leases, and when it looks again.
struct Leases {
    seen: Seen,
    looked: Instant,
    /// The last entry that was applied before it looked.
    applied: Option<u64>,
    /// When the first of those that it knows may be over.
    end: Option<Instant>,
}

impl Leases {
    fn new() -> Self {
        Self { seen: Seen::new(), looked: Instant::now(), applied: None, end: None }
    }

    /// A new leader grants every worker a full lease.
    fn forget(&mut self) {
        self.seen.clear();
        (self.applied, self.end) = (None, None);
    }

    /// When to look: soon after anything was applied, which may be a renewal, and otherwise when a lease
    /// may be over.
    fn next_look(&self, applied: Option<u64>) -> Option<Instant> {
        if applied == self.applied { self.end } else { Some(self.looked + LEASE_LOOK) }
    }
}

/// Runs until the replica stops. While this replica does not lead, or hears of too few
/// others to do so, it forgets what it has seen:
/// a new leader grants every worker a full lease.
pub(crate) async fn run(inner: Arc<Inner>, mut stopping: watch::Receiver<bool>) {
    let mut leases = Leases::new();
    let mut strange = crons::Strange::new();
    let mut progress = inner.applied.progress();
    let mut server = inner.raft.server_metrics();
    loop {
        let is_leader = server.borrow_and_update().state.is_leader();
        let leads = is_leader && inner.silence().is_none();
        let pause = if leads {
            let applied = *progress.borrow_and_update();
            let now = Instant::now();
            if leases.next_look(applied).is_some_and(|at| at <= now) {
                (leases.looked, leases.applied) = (now, applied);
                leases.end = expire(&inner, &mut leases.seen).await;
            }
            let until_look = leases.next_look(applied).map(|at| at.saturating_duration_since(now));
            tick(&inner, &mut strange).await.min(until_look.unwrap_or(DUE_LOOK))
        } else {
            leases.forget();
            if is_leader { LEASE_LOOK } else { Duration::MAX }
        };
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = tokio::time::sleep(pause) => {}
            // What was applied may be due sooner than all that was known.
            changed = progress.changed(), if leads => if changed.is_err() { return },
            changed = server.changed() => if changed.is_err() { return },
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
    let mut most = DUE_LOOK;
    if cron_due.is_some_and(|due| due <= now) {
        most = crons::fire(inner, strange, now).await;
        if most.is_zero() {
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
            next.map_or(most, |due| most.min(Duration::from_millis(wait(due))))
        }
    }
}

/// Proposes the end of leases that are over; when the next of the others may be.
async fn expire(inner: &Inner, seen: &mut Seen) -> Option<Instant> {
    let now = Instant::now();
    let mut over = Vec::new();
    let mut ends = Vec::new();
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
            }
            if now.duration_since(last.2) >= lease {
                over.push((worker.id, worker.epoch, worker.renewal));
                // Unless it is over now, which is worth another try.
                ends.push(now + LEASE_LOOK);
            } else {
                ends.push(last.2 + lease);
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
    ends.into_iter().min()
}
