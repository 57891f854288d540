//! openraft's view of the log on disk.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use openraft::entry::RaftEntry as _;
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{EntryPayload, OptionalSend, RaftLogReader};
use prost::Message as _;
use stint_core::Level;
use stint_failpoint::failpoint;
use stint_proto::log::v1 as pb;
use stint_storage::{Durable, LevelMark, Log};
use tokio::time::Instant;

use crate::blocking::blocking;
use crate::codec::{Garbled, level_of};
use crate::error::Error;
use crate::failure::Failure;
use crate::limits::{CACHE_BYTES_MAX, COMMITTED_MARK_INTERVAL, READ_BYTES_MAX};
use crate::types::{
    Entry, LogId, Types, Vote, decode_entry, encode_entry, log_id_of, log_id_to_wire, vote_of,
    vote_to_wire,
};

pub(crate) const VOTE: &str = "vote";
pub(crate) const COMMITTED: &str = "committed";

/// The log, with its last entries in memory. Clones share both.
#[derive(Clone)]
pub(crate) struct LogStore {
    log: Log,
    cache: Arc<Mutex<Cache>>,
    /// Since when each append waits for the disk, in their order.
    waiting: Arc<Mutex<VecDeque<Instant>>>,
    /// When it was last noted how far entries are committed.
    marked: Arc<Mutex<Option<Instant>>>,
    level: LevelMark,
    failure: Failure,
}

/// The last entries, decoded: what replication and apply read next.
#[derive(Default)]
struct Cache {
    entries: VecDeque<(Entry, usize)>,
    bytes: usize,
}

impl Cache {
    fn push(&mut self, entry: Entry, bytes: usize) {
        self.bytes += bytes;
        self.entries.push_back((entry, bytes));
        while self.bytes > CACHE_BYTES_MAX && self.entries.len() > 1 {
            if let Some((_, bytes)) = self.entries.pop_front() {
                self.bytes -= bytes;
            }
        }
    }

    fn truncate_from(&mut self, index: u64) {
        while self.entries.back().is_some_and(|(entry, _)| entry.index() >= index) {
            if let Some((_, bytes)) = self.entries.pop_back() {
                self.bytes -= bytes;
            }
        }
    }

    /// The entries of `start..end`, if the first of them is here.
    fn read(&self, start: u64, end: u64, bytes_max: usize) -> Option<Vec<Entry>> {
        let first = self.entries.front()?.0.index();
        let skip = usize::try_from(start.checked_sub(first)?).ok()?;
        if skip >= self.entries.len() {
            return None;
        }
        let mut bytes = 0;
        let mut found = Vec::new();
        for (entry, size) in self.entries.iter().skip(skip) {
            bytes += size;
            if entry.index() >= end || (bytes > bytes_max && !found.is_empty()) {
                break;
            }
            found.push(entry.clone());
        }
        Some(found)
    }
}

impl LogStore {
    pub(crate) fn new(log: Log, level: LevelMark, failure: Failure) -> Self {
        let (cache, waiting, marked) = (Arc::default(), Arc::default(), Arc::default());
        Self { log, cache, waiting, marked, level, failure }
    }

    /// Makes sure that this program knows what these entries need, and that one that does not is told
    /// so before it opens the log.
    async fn mark_level(&self, entries: &[Entry]) -> Result<(), io::Error> {
        let mut needed = Level::FIRST;
        for entry in entries {
            if let EntryPayload::Normal(payload) = &entry.payload {
                needed = needed.max(level_of(&payload.0)?);
            }
        }
        if needed > Level::NEWEST {
            let what = "an entry of the log".to_owned();
            self.failure.note(Error::TooOld { what, level: needed });
            return Err(io::Error::other(format!("an entry needs feature level {needed}")));
        }
        if needed == Level::FIRST || needed.get() <= self.level.get() {
            return Ok(());
        }
        let level = self.level.clone();
        let raise = blocking(move || level.raise(needed.get()));
        raise.await.map_err(io::Error::other)?.map_err(|error| self.fail(&error))
    }

    /// How long commits took.
    pub(crate) fn commits(&self) -> stint_measure::Distribution {
        self.log.commits()
    }

    /// How long the disk has not taken what was written first of what it has not taken yet.
    pub(crate) fn waits_for(&self) -> Duration {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.front().map_or(Duration::ZERO, Instant::elapsed)
    }

    /// Whether this is the only clone.
    pub(crate) fn is_unshared(&self) -> bool {
        Arc::strong_count(&self.cache) == 1
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last_log_id(&self) -> Result<Option<LogId>, io::Error> {
        let Some(last) = self.log.last_index() else { return Ok(None) };
        let mut found = self.log.read(last, last + 1, 0).map_err(|error| self.fail(&error))?;
        let (_, bytes) = found.pop().ok_or_else(|| io::Error::other("the last entry is gone"))?;
        Ok(Some(decode_entry(Bytes::from(bytes))?.log_id))
    }

    fn fail(&self, error: &stint_storage::Error) -> io::Error {
        self.failure.report("the log", error)
    }

    /// Entries of `start..end`: at least one if there is one, at most so many bytes.
    async fn read(&self, start: u64, end: u64, bytes_max: usize) -> Result<Vec<Entry>, io::Error> {
        if start >= end {
            return Ok(Vec::new());
        }
        if let Some(found) = self.cache().read(start, end, bytes_max) {
            return Ok(found);
        }
        let (log, failure) = (self.log.clone(), self.failure.clone());
        let read = blocking(move || {
            let found = log.read(start, end, bytes_max);
            let found = found.map_err(|error| failure.report("the log", &error))?;
            let decoded = found.into_iter().map(|(_, bytes)| decode_entry(Bytes::from(bytes)));
            decoded.collect::<Result<Vec<_>, Garbled>>().map_err(io::Error::from)
        });
        read.await.map_err(io::Error::other)?
    }
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        let (mut start, end) = bounds(&range);
        let mut all = Vec::new();
        while start < end {
            let found = self.read(start, end, READ_BYTES_MAX).await?;
            let Some(last) = found.last() else { break };
            start = last.index() + 1;
            all.extend(found);
        }
        Ok(all)
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        let Some(bytes) = self.log.get(VOTE).map_err(|error| self.fail(&error))? else {
            return Ok(None);
        };
        let vote = pb::Vote::decode(bytes.as_slice()).map_err(io::Error::other)?;
        Ok(Some(vote_of(&vote)))
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> Result<Vec<Entry>, io::Error> {
        self.read(start, end, READ_BYTES_MAX).await
    }
}

fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(start) => start.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(end) => end.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    (start, end)
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        let purged = match self.log.purged() {
            Some((_, marker)) => {
                let id = pb::LogId::decode(marker.as_slice()).map_err(io::Error::other)?;
                Some(log_id_of(&id))
            }
            None => None,
        };
        let last = self.last_log_id()?.or(purged);
        Ok(LogState { last_purged_log_id: purged, last_log_id: last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        failpoint!("consensus::vote::save")?;
        let (log, bytes) = (self.log.clone(), vote_to_wire(vote).encode_to_vec());
        let put = blocking(move || log.put(VOTE, &bytes, Durable::Now));
        put.await.map_err(io::Error::other)?.map_err(|error| self.fail(&error))?;
        Ok(failpoint!("consensus::vote::saved")?)
    }

    /// How far entries are committed is kept so that a replica that starts again need not wait to be told. A
    /// mark that is a little behind serves that as well, and each costs a page of the next commit.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        {
            let mut marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
            if marked.is_some_and(|at| at.elapsed() < COMMITTED_MARK_INTERVAL) {
                return Ok(());
            }
            *marked = Some(Instant::now());
        }
        let bytes = committed.as_ref().map(|id| log_id_to_wire(id).encode_to_vec());
        let bytes = bytes.unwrap_or_default();
        self.log.put(COMMITTED, &bytes, Durable::Later).map_err(|error| self.fail(&error))
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        let bytes = self.log.get(COMMITTED).map_err(|error| self.fail(&error))?;
        match bytes.filter(|bytes| !bytes.is_empty()) {
            Some(bytes) => {
                let id = pb::LogId::decode(bytes.as_slice()).map_err(io::Error::other)?;
                Ok(Some(log_id_of(&id)))
            }
            None => Ok(None),
        }
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        failpoint!("consensus::log::append")?;
        let entries: Vec<Entry> = entries.into_iter().collect();
        self.mark_level(&entries).await?;
        let mut encoded = Vec::with_capacity(entries.len());
        {
            let mut cache = self.cache();
            for entry in entries {
                let bytes = encode_entry(&entry);
                let size = bytes.len();
                encoded.push((entry.index(), bytes));
                cache.push(entry, size);
            }
        }
        let (failure, waiting) = (self.failure.clone(), Arc::clone(&self.waiting));
        waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(Instant::now());
        self.log.append(encoded, move |outcome| {
            // They are answered in the order in which they were queued.
            waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            callback.io_completed(outcome.map_err(|error| failure.report("the log", &error)));
        });
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        let from = last.map_or(0, |id| id.index + 1);
        self.cache().truncate_from(from);
        let log = self.log.clone();
        let truncate = blocking(move || log.truncate_from(from));
        truncate.await.map_err(io::Error::other)?.map_err(|error| self.fail(&error))
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        {
            let mut cache = self.cache();
            while cache.entries.front().is_some_and(|(entry, _)| entry.index() <= upto.index) {
                if let Some((_, bytes)) = cache.entries.pop_front() {
                    cache.bytes -= bytes;
                }
            }
        }
        let (log, marker) = (self.log.clone(), log_id_to_wire(&upto).encode_to_vec());
        let purge = blocking(move || log.purge_to(upto.index, &marker));
        purge.await.map_err(io::Error::other)?.map_err(|error| self.fail(&error))
    }
}

#[cfg(test)]
mod tests {
    use openraft::vote::RaftLeaderId as _;
    use stint_core::WorkerId;
    use stint_storage::{Identity, Store};

    use super::*;
    use crate::types::LeaderId;

    const IDENTITY: Identity = Identity { replica: 7, cluster: [7; 16] };

    fn log_store(store: &Store) -> LogStore {
        let failure = Failure::new(WorkerId::new(7).unwrap());
        LogStore::new(store.log.clone(), store.level().clone(), failure)
    }

    /// Whoever promises a vote and forgets it in a crash may promise another one in the same term.
    #[tokio::test]
    async fn a_vote_is_in_the_file_when_it_counts_as_saved() {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [live, crashed] = dirs.each_ref().map(tempfile::TempDir::path);
        let store = Store::open(live, IDENTITY).unwrap();
        drop(Store::open(crashed, IDENTITY).unwrap());
        let vote = Vote { leader_id: LeaderId::new(3, 7), committed: false };
        log_store(&store).save_vote(&vote).await.unwrap();
        // The file as a crash finds it, at this moment.
        std::fs::copy(live.join("log.redb"), crashed.join("log.redb")).unwrap();
        let found = Store::open(crashed, IDENTITY).unwrap();
        assert_eq!(log_store(&found).read_vote().await.unwrap(), Some(vote));
    }
}
