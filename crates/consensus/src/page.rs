//! One page of a list: live jobs and history as one, newest first.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use stint_core::{Filter, Job, JobId, ListKey, Timestamp};
use stint_storage::{Error, Key, StateStore};

use crate::limits::LIST_STEP;

/// A job of the page, as it was found.
pub(crate) enum Found {
    /// In the state, or on its way out of it.
    Live(Arc<Job>),
    /// In history: its record.
    Over(Vec<u8>),
}

/// The keys of history that match, some at a time: what is skipped is never held.
struct History<'a> {
    state: &'a StateStore,
    filter: stint_storage::Filter,
    buffer: VecDeque<Key>,
    after: Option<Key>,
    is_at_end: bool,
}

impl History<'_> {
    fn peek(&mut self) -> Result<Option<Key>, Error> {
        if self.buffer.is_empty() && !self.is_at_end {
            let more = self.state.list(&self.filter, self.after, LIST_STEP)?;
            self.is_at_end = more.len() < LIST_STEP;
            self.after = more.last().copied().or(self.after);
            self.buffer = more.into();
        }
        Ok(self.buffer.front().copied())
    }
}

/// The jobs from place `start` on, at most `limit`, of `live` (newest first) and history.
///
/// A job that stands in both is live: history has it already because entries are being applied
/// again after a restart.
pub(crate) fn read(
    state: &StateStore,
    filter: &Filter,
    live: Vec<Arc<Job>>,
    start: usize,
    limit: usize,
) -> Result<Vec<Found>, Error> {
    let is_live: BTreeSet<JobId> = live.iter().map(|job| job.id).collect();
    let mut live = live.into_iter().peekable();
    let mut history = History {
        state,
        filter: stint_storage::Filter {
            action: filter.action.clone(),
            worker: filter.worker.map(stint_core::WorkerId::get),
        },
        buffer: VecDeque::new(),
        after: None,
        is_at_end: false,
    };
    let mut skipped = 0;
    let mut page = Vec::new();
    while page.len() < limit {
        let over = history.peek()?;
        let over_place = over.map(|key| ListKey {
            scheduled_at: Timestamp::from_ms(key.scheduled_at),
            id: JobId::from_bytes(key.id),
        });
        let is_live_next = live.peek().is_some_and(|job| Some(ListKey::of(job)) >= over_place);
        let found = if is_live_next {
            live.next().map(Place::Live)
        } else {
            history.buffer.pop_front();
            over.map(|key| Place::Over(key.id))
        };
        let Some(place) = found else { break };
        if let Place::Over(id) = &place
            && is_live.contains(&JobId::from_bytes(*id))
        {
            continue;
        }
        if skipped < start {
            skipped += 1;
            continue;
        }
        page.extend(match place {
            Place::Live(job) => Some(Found::Live(job)),
            // It may have been deleted since its key was read.
            Place::Over(id) => state.get(&id)?.map(Found::Over),
        });
    }
    Ok(page)
}

/// A job whose turn it is.
enum Place {
    Live(Arc<Job>),
    Over([u8; 16]),
}
