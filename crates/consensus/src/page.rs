//! One page of a list: live jobs and history as one, newest first.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use stint_core::{Filter, Job, JobId, ListKey, Timestamp};
use stint_storage::{Error, Key, StateStore};

use crate::limits::{LIST_STEP, PAGE_STEP_BYTES};
use crate::read::decoded;

/// A job of the page, as it was found.
pub(crate) enum Found {
    /// In the state, or on its way out of it.
    Live(Arc<Job>),
    /// In history, under this id.
    Over([u8; 16]),
}

/// A page of a list, of which records are read as they are wanted: those of a thousand jobs may have a
/// quarter of a gigabyte.
pub struct JobPage {
    state: StateStore,
    left: VecDeque<Found>,
}

impl JobPage {
    pub(crate) fn new(state: StateStore, found: impl IntoIterator<Item = Found>) -> Self {
        Self { state, left: found.into_iter().collect() }
    }

    /// Whether all of it has been given.
    pub fn is_at_end(&self) -> bool {
        self.left.is_empty()
    }

    /// The next jobs of it, which have about as many bytes as are given at a time; none at the end.
    pub async fn next(&mut self) -> Result<Vec<Arc<Job>>, crate::Error> {
        let (state, mut left) = (self.state.clone(), std::mem::take(&mut self.left));
        let step = tokio::task::spawn_blocking(move || {
            let jobs = take(&state, &mut left)?;
            Ok::<_, crate::Error>((jobs, left))
        });
        let (jobs, left) = step.await.map_err(|_| crate::Error::ShuttingDown)??;
        self.left = left;
        Ok(jobs)
    }
}

/// The records of the first jobs, at least one if any of them is still there.
fn take(state: &StateStore, left: &mut VecDeque<Found>) -> Result<Vec<Arc<Job>>, crate::Error> {
    let (mut jobs, mut bytes) = (Vec::new(), 0);
    while bytes < PAGE_STEP_BYTES {
        let Some(found) = left.pop_front() else { break };
        let job = match found {
            Found::Live(job) => {
                // It is in memory as it is; what is bounded is what is made of it.
                let parameters = job.spec.parameters.iter().flatten();
                bytes += parameters.map(|(name, value)| name.len() + value.len()).sum::<usize>();
                job
            }
            // It may have been deleted since its key was read.
            Found::Over(id) => {
                let body =
                    state.get(&id).map_err(|error| crate::Error::Failed(error.to_string()))?;
                let Some(body) = body else { continue };
                bytes += body.len();
                decoded(&body)?
            }
        };
        bytes += size_of::<Job>();
        jobs.push(job);
    }
    Ok(jobs)
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
            live.next().map(Found::Live)
        } else {
            history.buffer.pop_front();
            over.map(|key| Found::Over(key.id))
        };
        let Some(place) = found else { break };
        if let Found::Over(id) = &place
            && is_live.contains(&JobId::from_bytes(*id))
        {
            continue;
        }
        if skipped < start {
            skipped += 1;
            continue;
        }
        page.push(place);
    }
    Ok(page)
}
