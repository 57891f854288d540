//! One page of a list: live jobs and history as one, in the order that is asked for.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use stint_core::{Filter, Job, JobId, ListKey, Order, Scan, Timestamp, WorkerId};
use stint_storage::{Error as StorageError, Key, StateStore};

use crate::blocking::blocking;
use crate::error::Error;
use crate::limits::{LIST_BYTES_MAX, LIST_RECORDS_MAX, LIST_STEP, PAGE_STEP_BYTES};
use crate::read::decoded;

/// Where a page begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Behind this job; `None` is the beginning of the list.
    pub after: Option<ListKey>,
    /// So many that match are left out first.
    pub skip: usize,
}

/// Which part of which list.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// The jobs that it has.
    pub filter: Filter,
    /// From which end it is read.
    pub order: Order,
    /// Where the page begins.
    pub from: Place,
    /// At most so many.
    pub limit: usize,
}

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
    rest: Option<Place>,
}

impl JobPage {
    pub(crate) fn new(state: StateStore, (found, rest): (VecDeque<Found>, Option<Place>)) -> Self {
        Self { state, left: found, rest }
    }

    /// Where the list goes on; `None` if nothing is left. A page may be short, or empty, and go on:
    /// no more than a bounded number of jobs is looked at for one.
    pub fn rest(&self) -> Option<Place> {
        self.rest
    }

    /// Whether all of it has been given.
    pub fn is_at_end(&self) -> bool {
        self.left.is_empty()
    }

    /// The next jobs of it, which have about as many bytes as are given at a time; none at the end.
    pub async fn next(&mut self) -> Result<Vec<Arc<Job>>, Error> {
        self.next_made(|jobs| jobs).await
    }

    /// What is made of them, on a thread that nobody waits for: of some hundred jobs that is
    /// milliseconds of work.
    pub async fn next_made<T: Send + 'static>(
        &mut self,
        make: impl FnOnce(Vec<Arc<Job>>) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (state, mut left) = (self.state.clone(), std::mem::take(&mut self.left));
        let step = blocking(move || {
            let jobs = take(&state, &mut left)?;
            Ok::<_, Error>((make(jobs), left))
        });
        let (what, left) = step.await.map_err(|_| Error::ShuttingDown)??;
        self.left = left;
        Ok(what)
    }
}

/// The records of the first jobs, at least one if any of them is still there.
fn take(state: &StateStore, left: &mut VecDeque<Found>) -> Result<Vec<Arc<Job>>, Error> {
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
                let body = state.get(&id).map_err(|error| failed(&error))?;
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

/// The keys of one list of history, some at a time: what is skipped is never held.
struct History<'a> {
    state: &'a StateStore,
    filter: stint_storage::Filter,
    order: Order,
    since: u64,
    until: u64,
    buffer: VecDeque<Key>,
    after: Option<Key>,
    is_at_end: bool,
}

impl<'a> History<'a> {
    fn new(state: &'a StateStore, list: &List) -> Self {
        let key = |place: ListKey| Key {
            scheduled_at: place.scheduled_at.as_ms(),
            id: place.id.to_bytes(),
        };
        let filter = &list.filter;
        let since = filter.since.map_or(0, Timestamp::as_ms);
        // No run of a job begins before it is due.
        let until = [filter.until, filter.started_until].into_iter().flatten().min();
        let until = until.map_or(u64::MAX, Timestamp::as_ms);
        let after = list.from.after.map(key);
        // The last place before all that may be in it:
        let after = match list.order {
            Order::NewestFirst => {
                let beyond = until.checked_add(1).map(|ms| Key { scheduled_at: ms, id: [0; 16] });
                [after, beyond].into_iter().flatten().min()
            }
            Order::OldestFirst => {
                let below = since.checked_sub(1).map(|ms| Key { scheduled_at: ms, id: [0xff; 16] });
                [after, below].into_iter().flatten().max()
            }
        };
        Self {
            state,
            filter: stint_storage::Filter {
                action: filter.action.clone(),
                worker: filter.worker.map(WorkerId::get),
            },
            order: list.order,
            since,
            until,
            buffer: VecDeque::new(),
            after,
            is_at_end: filter.is_of_state(),
        }
    }

    fn peek(&mut self) -> Result<Option<Key>, Error> {
        if self.buffer.is_empty() && !self.is_at_end {
            let more = match self.order {
                Order::NewestFirst => self.state.list(&self.filter, self.after, LIST_STEP),
                Order::OldestFirst => {
                    self.state.list_oldest_first(&self.filter, self.after, LIST_STEP)
                }
            };
            let more = more.map_err(|error| failed(&error))?;
            self.is_at_end = more.len() < LIST_STEP;
            self.after = more.last().copied().or(self.after);
            self.buffer = more.into();
        }
        let next = self.buffer.front().copied();
        if next.is_some_and(|key| !(self.since..=self.until).contains(&key.scheduled_at)) {
            (self.is_at_end, self.buffer) = (true, VecDeque::new());
            return Ok(None);
        }
        Ok(next)
    }
}

/// What has been looked into for one page.
#[derive(Default)]
struct Look {
    records: usize,
    bytes: usize,
}

impl Look {
    const fn is_enough(&self) -> bool {
        self.records >= LIST_RECORDS_MAX || self.bytes >= LIST_BYTES_MAX
    }

    /// Whether the filter has this job of history. Its keys alone say so of a plain one.
    fn matches(&mut self, state: &StateStore, filter: &Filter, id: JobId) -> Result<bool, Error> {
        let body = state.get(&id.to_bytes()).map_err(|error| failed(&error))?;
        // It may have been removed since its key was read.
        let Some(body) = body else { return Ok(false) };
        self.records += 1;
        self.bytes += body.len();
        Ok(filter.matches(&*decoded(&body)?))
    }
}

/// The page of what was found alive (in the order of the list) and history, and where it goes on.
///
/// A job that stands in both is live: history has it already because entries are being applied
/// again after a restart.
pub(crate) fn read(
    state: &StateStore,
    list: &List,
    live: Scan,
) -> Result<(VecDeque<Found>, Option<Place>), Error> {
    let is_live: BTreeSet<JobId> = live.jobs.iter().map(|job| job.id).collect();
    let mut alive = live.jobs.into_iter().peekable();
    let is_plain = list.filter.is_plain();
    let mut history = History::new(state, list);
    let mut look = Look::default();
    let mut page = VecDeque::new();
    let mut from = list.from;
    loop {
        let over = history.peek()?.map(place_of);
        let live_place = alive.peek().map(|job| ListKey::of(job));
        // Behind where the look at the live jobs ended there may be more of them.
        let places = [live_place, over].into_iter().flatten();
        let next = places
            .min_by(|a, b| list.order.compare(a, b))
            .filter(|next| live.stopped.is_none_or(|end| list.order.compare(next, &end).is_le()));
        let Some(place) = next else {
            let rest = live.stopped.map(|end| Place { after: Some(end), ..from });
            return Ok((page, rest));
        };
        if page.len() >= list.limit || look.is_enough() {
            return Ok((page, Some(from)));
        }
        from.after = Some(place);
        let found = if live_place == Some(place) {
            alive.next().map(Found::Live)
        } else {
            history.buffer.pop_front();
            let is_other = is_live.contains(&place.id)
                || !is_plain && !look.matches(state, &list.filter, place.id)?;
            (!is_other).then(|| Found::Over(place.id.to_bytes()))
        };
        let Some(found) = found else { continue };
        if from.skip > 0 {
            from.skip -= 1;
        } else {
            page.push_back(found);
        }
    }
}

fn place_of(key: Key) -> ListKey {
    ListKey { scheduled_at: Timestamp::from_ms(key.scheduled_at), id: JobId::from_bytes(key.id) }
}

fn failed(error: &StorageError) -> Error {
    if error.is_damage() {
        return Error::Unavailable(format!("{error}; ask another replica"));
    }
    Error::Failed(error.to_string())
}

#[cfg(test)]
mod tests;
