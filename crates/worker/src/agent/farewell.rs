//! Stopping: nothing new is claimed, what runs is ended, and the cluster is told. Draining, which is
//! less: the worker stays, and what runs may have as long as it takes.

use std::time::Duration;

use stint_core::{Command, Worker};
use stint_failpoint::failpoint;
use tokio::time::Instant;

use crate::limits::{DRAIN_GRACE, FAREWELL_MAX};

use super::Agent;
use super::answers::Ask;
use super::life::Life;

/// A worker that is being stopped.
#[derive(Debug)]
pub(super) struct Farewell {
    /// By then the last run has been killed and has handed in its lines, or is given up.
    runs_end_by: Instant,
    /// From the end of the last run on there is so long to say goodbye. A run that nothing can end,
    /// one whose process waits for a dead disk, holds this up no longer than until it was given up.
    give_up_at: Option<Instant>,
    has_left: bool,
}

impl Farewell {
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.has_left || self.give_up_at.is_some_and(|at| at <= now)
    }
}

impl Agent {
    /// An operator wants this worker to take no more jobs, which the log sees to, or wants that no
    /// more. What it runs goes on; there may be an end to that.
    pub(super) fn hear_of_drain(&mut self, worker: &Worker) {
        let stops_at = worker.draining.and_then(|draining| draining.stops_at);
        self.drained_at = stops_at.map(|at| {
            let left = at.as_ms().saturating_sub(self.replica().now().as_ms());
            Instant::now() + Duration::from_millis(left)
        });
    }

    /// Stops what runs, if a drain has taken as long as it may.
    pub(super) fn end_drain(&mut self, now: Instant) {
        if self.drained_at.is_none_or(|at| at > now) {
            return;
        }
        self.drained_at = None;
        let runs = self.inventory.running().len();
        tracing::info!(runs, "the time to drain is over: what still runs is stopped");
        let kill_at = now + self.config.drain_limit;
        self.inventory.order_all(|orders| {
            orders.end_by.get_or_insert(kill_at);
        });
    }

    pub(super) fn begin_farewell(&mut self) {
        let runs = self.inventory.running().len();
        tracing::info!(runs, "the worker stops");
        let kill_at = Instant::now() + self.config.drain_limit;
        self.inventory.order_all(|orders| orders.end_by = Some(kill_at));
        self.farewell = Some(Farewell {
            runs_end_by: kill_at + DRAIN_GRACE,
            give_up_at: None,
            has_left: false,
        });
    }

    /// Says goodbye once nothing runs and everything has been said.
    pub(super) fn leave(&mut self, now: Instant) {
        let is_idle = self.inventory.is_idle();
        let is_quiet = !self.in_flight.is_life && self.paused_until.is_none();
        let is_settled =
            self.inventory.is_reported() && self.ended_marks.is_empty() && !self.in_flight.is_claim;
        let Some(farewell) = &mut self.farewell else { return };
        if !is_idle {
            if farewell.runs_end_by <= now {
                farewell.give_up_at.get_or_insert(now + FAREWELL_MAX);
                self.inventory.order_all(|orders| orders.is_lost = true);
            }
            return;
        }
        farewell.give_up_at.get_or_insert(now + FAREWELL_MAX);
        match self.life {
            Life::Absent => farewell.has_left |= !self.in_flight.is_life,
            Life::Arrived(epoch) | Life::Living(epoch) if is_quiet && is_settled => {
                self.in_flight.is_life = true;
                let place = failpoint!("worker::farewell::leave");
                self.propose(place, Ask::Leave, Command::Leave { worker: self.me, epoch });
            }
            // What a former life left is ended first, though it was not this one's doing.
            Life::Settling | Life::Arrived(_) | Life::Living(_) => {}
        }
    }

    /// The cluster knows that the worker is gone.
    pub(super) fn left(&mut self) {
        self.context.lease.end();
        if let Some(farewell) = &mut self.farewell {
            farewell.has_left = true;
        }
    }

    pub(super) fn farewell_due(&self) -> Option<Instant> {
        let farewell = self.farewell.as_ref()?;
        farewell.give_up_at.or(Some(farewell.runs_end_by))
    }
}
