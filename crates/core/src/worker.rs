//! A worker as the log knows it: alive, dead or gone, with its capacity and what it runs.

use std::collections::BTreeMap;

use crate::action::ActionOffer;
use crate::capacity::CapacityMap;
use crate::id::{Epoch, Incarnation, JobId, LeaseId, WorkerId};
use crate::time::{Span, Timestamp};

/// Whether a worker can be relied upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerStatus {
    /// It renews its lease.
    Running,
    /// Its lease expired.
    Dead,
    /// It said goodbye.
    Shutdown,
}

impl WorkerStatus {
    /// The name in the v0 API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Dead => "dead",
            Self::Shutdown => "shutdown",
        }
    }
}

/// A worker as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its name, which is its replica's.
    pub id: WorkerId,
    /// Its current or last life.
    pub epoch: Epoch,
    /// The registration that began this life.
    pub incarnation: Incarnation,
    /// Whether it lives.
    pub status: WorkerStatus,
    /// Whether nothing of its former lives runs any more; it claims nothing before.
    pub is_confirmed: bool,
    /// The actions that it offers.
    pub actions: BTreeMap<String, ActionOffer>,
    /// The number of the offer that they are from; 0 for those that it registered with.
    pub offer_number: u64,
    /// What it said that it has.
    pub capacity_declared: CapacityMap,
    /// What an operator has set instead.
    pub capacity_set: Option<CapacityMap>,
    /// What its running jobs hold.
    pub capacity_in_use: CapacityMap,
    /// What it runs, and under which lease.
    pub runs: BTreeMap<JobId, LeaseId>,
    /// How long its lease lasts after a renewal.
    pub ttl: Span,
    /// How many renewals this worker has had in all its lives, registrations counted.
    pub renewal: u64,
    /// When its lease ends unless it renews it, in log time.
    pub heartbeat_expiration: Timestamp,
    /// Since when it takes no more jobs, if an operator wants that; in its next life, too.
    pub draining: Option<Draining>,
}

/// A worker that takes no more jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draining {
    /// Since when.
    pub since: Timestamp,
    /// What it runs then is stopped; `None` is never.
    pub stops_at: Option<Timestamp>,
}

impl Worker {
    /// What it has.
    pub fn capacity(&self) -> &CapacityMap {
        self.capacity_set.as_ref().unwrap_or(&self.capacity_declared)
    }

    /// Whether it may claim and speak for jobs in `epoch`.
    pub fn is_alive_in(&self, epoch: Epoch) -> bool {
        self.status == WorkerStatus::Running && self.epoch == epoch
    }

    /// Whether a job that takes `need` fits beside what it runs.
    pub fn fits(&self, need: &CapacityMap) -> bool {
        self.capacity().fits(&self.capacity_in_use, need)
    }

    pub(crate) fn renew(&mut self, now: Timestamp) {
        self.renewal += 1;
        self.heartbeat_expiration = now.plus(self.ttl);
    }
}
