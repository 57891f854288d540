//! The jobs that can be claimed, ordered so that a claim never walks over what cannot run.
//!
//! Jobs of one action and one capacity map have one shape: if the first of them does not fit, none
//! does. A claim looks at the first job of each shape, so its cost does not grow with the queue.

use std::collections::BTreeMap;

use crate::capacity::CapacityMap;
use crate::id::JobId;
use crate::job::Job;
use crate::time::Timestamp;

/// The order of claims: earliest scheduled first, then in order of creation.
pub(crate) type Order = (Timestamp, u64);
type Line = BTreeMap<Order, JobId>;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Queue {
    shapes: BTreeMap<String, BTreeMap<CapacityMap, Line>>,
}

impl Queue {
    pub(crate) fn insert(&mut self, job: &Job) {
        let shapes = match self.shapes.get_mut(&job.spec.action) {
            Some(shapes) => shapes,
            None => self.shapes.entry(job.spec.action.clone()).or_default(),
        };
        shapes.entry(job.need()).or_default().insert((job.scheduled_at, job.sequence), job.id);
    }

    /// Takes the job out, and says whether it was in.
    pub(crate) fn remove(&mut self, job: &Job) -> bool {
        let Some(shapes) = self.shapes.get_mut(&job.spec.action) else { return false };
        let need = job.need();
        let Some(line) = shapes.get_mut(&need) else { return false };
        let was_in = line.remove(&(job.scheduled_at, job.sequence)).is_some();
        if line.is_empty() {
            shapes.remove(&need);
        }
        if shapes.is_empty() {
            self.shapes.remove(&job.spec.action);
        }
        was_in
    }

    pub(crate) fn contains(&self, job: &Job) -> bool {
        self.shapes
            .get(&job.spec.action)
            .and_then(|shapes| shapes.get(&job.need()))
            .is_some_and(|line| line.contains_key(&(job.scheduled_at, job.sequence)))
    }

    /// The jobs that a claim takes: at most `max`, in order, of these actions, all fitting
    /// together into what `in_use` leaves of `capacity`.
    pub(crate) fn pick<'a>(
        &'a self,
        actions: impl Iterator<Item = &'a str>,
        capacity: &CapacityMap,
        mut in_use: CapacityMap,
        max: usize,
    ) -> Vec<JobId> {
        let mut heads = BTreeMap::new();
        for shapes in actions.filter_map(|action| self.shapes.get(action)) {
            for (need, line) in shapes {
                let mut rest = line.iter();
                if capacity.fits(&in_use, need)
                    && let Some((order, id)) = rest.next()
                {
                    heads.insert(*order, (*id, need, rest));
                }
            }
        }
        let mut picked = Vec::new();
        while picked.len() < max
            && let Some((_, (id, need, mut rest))) = heads.pop_first()
        {
            // What does not fit now does not fit later in this claim: use only grows.
            if !capacity.fits(&in_use, need) {
                continue;
            }
            in_use.take(need);
            picked.push(id);
            if let Some((order, id)) = rest.next() {
                heads.insert(*order, (*id, need, rest));
            }
        }
        picked
    }

    /// Each action with how many of its jobs wait, and since when the first of them does.
    pub(crate) fn by_action(&self) -> impl Iterator<Item = (&str, usize, Timestamp)> {
        self.shapes.iter().map(|(action, shapes)| {
            let count = shapes.values().map(BTreeMap::len).sum();
            let first = shapes.values().filter_map(|line| line.keys().next()).min();
            (action.as_str(), count, first.map_or(Timestamp::ZERO, |order| order.0))
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.shapes.values().flat_map(BTreeMap::values).map(BTreeMap::len).sum()
    }
}
