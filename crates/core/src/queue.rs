//! The jobs that can be claimed, ordered so that a claim never walks over what cannot run.
//!
//! Jobs of one action and one capacity map have one shape: if the first of them does not fit, none
//! does. A claim looks at the first job of each shape, so its cost does not grow with the queue.

use std::collections::BTreeMap;

use crate::capacity::CapacityMap;
use crate::id::JobId;
use crate::job::Job;
use crate::time::Timestamp;

/// The order of claims: [`Job::place`], which is the time with the head start of the priority, and
/// then the order of creation.
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
        shapes.entry(job.need()).or_default().insert(job.place(), job.id);
    }

    /// Takes the job out, and says whether it was in.
    pub(crate) fn remove(&mut self, job: &Job) -> bool {
        let Some(shapes) = self.shapes.get_mut(&job.spec.action) else { return false };
        let need = job.need();
        let Some(line) = shapes.get_mut(&need) else { return false };
        let was_in = line.remove(&job.place()).is_some();
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
            .is_some_and(|line| line.contains_key(&job.place()))
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

    /// The actions that have jobs here.
    pub(crate) fn actions(&self) -> impl Iterator<Item = &str> {
        self.shapes.keys().map(String::as_str)
    }

    /// Each action with the shapes of its jobs, and how many jobs have each.
    pub(crate) fn shapes(&self) -> impl Iterator<Item = (&str, &CapacityMap, usize)> {
        self.shapes.iter().flat_map(|(action, shapes)| {
            shapes.iter().map(move |(need, line)| (action.as_str(), need, line.len()))
        })
    }

    /// How many jobs of the action there are.
    pub(crate) fn len_of(&self, action: &str) -> usize {
        self.shapes.get(action).map_or(0, |shapes| shapes.values().map(BTreeMap::len).sum())
    }

    pub(crate) fn len(&self) -> usize {
        self.shapes.values().flat_map(BTreeMap::values).map(BTreeMap::len).sum()
    }
}
