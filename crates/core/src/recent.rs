//! The ids of the jobs that ended last, so that a submission proposed twice is still one job.

use std::collections::{BTreeSet, VecDeque};

use crate::id::JobId;
use crate::limits::RECENTLY_ENDED_MAX;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Recent {
    /// Oldest first, each with the number of the command that ended it.
    ended: VecDeque<(u64, JobId)>,
    ids: BTreeSet<JobId>,
    /// The command that ended the last id that was forgotten.
    floor: u64,
}

impl Recent {
    pub(crate) fn from_parts(floor: u64, ended: Vec<(u64, JobId)>) -> Self {
        let ids = ended.iter().map(|(_, id)| *id).collect();
        Self { ended: ended.into(), ids, floor }
    }

    pub(crate) fn push(&mut self, sequence: u64, id: JobId) {
        self.ended.push_back((sequence, id));
        self.ids.insert(id);
        while self.ended.len() > RECENTLY_ENDED_MAX {
            if let Some((sequence, id)) = self.ended.pop_front() {
                self.ids.remove(&id);
                self.floor = sequence;
            }
        }
    }

    pub(crate) fn contains(&self, id: JobId) -> bool {
        self.ids.contains(&id)
    }

    /// Whether every job that has ended since command `drawn` is remembered.
    pub(crate) fn reaches_back_to(&self, drawn: u64) -> bool {
        drawn >= self.floor
    }

    pub(crate) const fn floor(&self) -> u64 {
        self.floor
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, JobId)> {
        self.ended.iter().copied()
    }
}
