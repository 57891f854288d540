//! What this worker has of the cluster's jobs: runs that go on, and runs that are to be reported.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use stint_core::{Exit, Finished, JobId, LeaseId};
use tokio::sync::watch;
use tokio::task::Id;

use crate::limits::{ENDED_MAX, FINISH_MAX};
use crate::orders::Orders;
use crate::proc::Mark;

/// The runs of one worker, by the lease that each has.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    running: BTreeMap<LeaseId, Running>,
    ended: VecDeque<Finished>,
    /// The leases of what is in `ended`, and of what is being reported.
    unreported: BTreeSet<LeaseId>,
}

#[derive(Debug)]
struct Running {
    job: JobId,
    orders: watch::Sender<Orders>,
    task: Id,
    has_process: bool,
}

/// A run that goes on no longer.
#[derive(Debug)]
pub(crate) struct Over {
    pub(crate) mark: Mark,
    pub(crate) has_process: bool,
    /// It was told that its lease is lost.
    pub(crate) is_lost: bool,
}

impl Inventory {
    /// A run goes on in `task`.
    pub(crate) fn begin(
        &mut self,
        mark: Mark,
        orders: watch::Sender<Orders>,
        task: Id,
        has_process: bool,
    ) {
        let run = Running { job: mark.job, orders, task, has_process };
        self.running.insert(mark.lease, run);
    }

    /// The run of `task` goes on no longer.
    pub(crate) fn end(&mut self, task: Id) -> Option<Over> {
        let lease = *self.running.iter().find(|(_, run)| run.task == task)?.0;
        let Running { job, orders, has_process, .. } = self.running.remove(&lease)?;
        let is_lost = orders.borrow().is_lost;
        Some(Over { mark: Mark { lease, job }, has_process, is_lost })
    }

    /// A run ended like this, which the cluster is to hear.
    pub(crate) fn report(&mut self, mark: Mark, exit: Exit) {
        self.unreported.insert(mark.lease);
        self.ended.push_back(Finished { job: mark.job, lease: mark.lease, exit });
    }

    /// What is to be reported next: few enough for one entry. `None` if there is nothing.
    pub(crate) fn take_ended(&mut self) -> Option<Vec<Finished>> {
        let count = self.ended.len().min(FINISH_MAX);
        (count > 0).then(|| self.ended.drain(..count).collect())
    }

    /// These could not be reported, and are to be reported first of all.
    pub(crate) fn put_back(&mut self, runs: Vec<Finished>) {
        runs.into_iter().rev().for_each(|run| self.ended.push_front(run));
    }

    /// The cluster has heard of these.
    pub(crate) fn forget(&mut self, runs: &[Finished]) {
        for run in runs {
            self.unreported.remove(&run.lease);
        }
    }

    /// Nothing is to be reported any more: the leases are lost.
    pub(crate) fn forget_all(&mut self) {
        self.ended.clear();
        self.unreported.clear();
    }

    /// Tells one run; one that goes on no longer need not be told.
    pub(crate) fn order(&self, lease: LeaseId, change: impl Fn(&mut Orders)) {
        if let Some(run) = self.running.get(&lease) {
            tell(run, change);
        }
    }

    /// Tells all runs.
    pub(crate) fn order_all(&self, change: impl Fn(&mut Orders)) {
        self.running.values().for_each(|run| tell(run, &change));
    }

    /// The leases of the runs that go on.
    pub(crate) fn running(&self) -> impl ExactSizeIterator<Item = LeaseId> {
        self.running.keys().copied()
    }

    /// Whether nothing goes on.
    pub(crate) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Whether the cluster has heard of all that has ended.
    pub(crate) fn is_reported(&self) -> bool {
        self.unreported.is_empty()
    }

    /// How many more jobs may be claimed if at most `runs_max` are to run at once, and the state
    /// says that this worker has `leases`: those that it has not heard of yet count too.
    pub(crate) fn room(&self, runs_max: usize, leases: impl Iterator<Item = LeaseId>) -> usize {
        let running = leases.filter(|lease| !self.unreported.contains(lease)).count();
        let unreported = ENDED_MAX.saturating_sub(self.unreported.len());
        runs_max.saturating_sub(running.max(self.running.len())).min(unreported)
    }
}

fn tell(run: &Running, change: impl Fn(&mut Orders)) {
    run.orders.send_if_modified(|orders| {
        let before = *orders;
        change(orders);
        *orders != before
    });
}
