//! Which entries the log shows: its bounds, and the latest entries themselves.

use std::{collections::VecDeque, sync::Arc};

use crate::{Error, limits::RECENT_BYTES_MAX};

/// An entry's bytes, shared between the queue, the window and its readers.
pub(super) type Entry = (u64, Arc<Vec<u8>>);

/// Where the log starts and ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    /// First and last entry.
    pub(super) span: Option<(u64, u64)>,
    /// The last purged index and its marker.
    pub(super) purged: Option<(u64, Vec<u8>)>,
}

impl Bounds {
    /// The index that comes next, if only one may.
    pub(super) fn next(&self) -> Option<u64> {
        let purged = self.purged.as_ref().map(|(index, _)| *index);
        self.span.map(|(_, last)| last).or(purged).map(|last| last + 1)
    }

    pub(super) fn push(&mut self, index: u64) {
        let first = self.span.map_or(index, |(first, _)| first);
        self.span = Some((first, index));
    }

    pub(super) fn truncate_from(&mut self, index: u64) {
        self.span = self.span.and_then(|(first, last)| {
            (first < index).then(|| (first, last.min(index.saturating_sub(1))))
        });
    }

    /// Whether this changes anything.
    pub(super) fn purge_to(&mut self, index: u64, marker: &[u8]) -> bool {
        if self.purged.as_ref().is_some_and(|(purged, _)| *purged >= index) {
            return false;
        }
        self.purged = Some((index, marker.to_vec()));
        self.span = self
            .span
            .and_then(|(first, last)| (last > index).then(|| (first.max(index + 1), last)));
        true
    }
}

/// What readers see, and what of it is on the disk.
#[derive(Debug)]
pub(super) struct Window {
    seen: Bounds,
    stored: Bounds,
    /// The latest entries, contiguous up to the last one seen; all that are not stored are here.
    recent: VecDeque<Entry>,
    recent_bytes: usize,
    /// Changes when entries vanish, so that a reader can tell a hole from a purge under its feet.
    version: u64,
}

impl Window {
    pub(super) fn new(stored: Bounds) -> Self {
        let seen = stored.clone();
        Self { seen, stored, recent: VecDeque::new(), recent_bytes: 0, version: 0 }
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.seen.span.map(|(first, _)| first)
    }

    pub(super) fn last(&self) -> Option<u64> {
        self.seen.span.map(|(_, last)| last)
    }

    pub(super) fn purged(&self) -> Option<&(u64, Vec<u8>)> {
        self.seen.purged.as_ref()
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn stored(&self) -> &Bounds {
        &self.stored
    }

    /// Shows entries that are queued.
    pub(super) fn push(&mut self, entries: &[Entry]) -> Result<(), Error> {
        let mut next = self.seen.next();
        for (index, _) in entries {
            let expected = next.unwrap_or(*index);
            if *index != expected {
                return Err(Error::NotContiguous { expected, found: *index });
            }
            next = Some(index.saturating_add(1));
        }
        for (index, entry) in entries {
            self.seen.push(*index);
            self.recent_bytes += entry.len();
            self.recent.push_back((*index, Arc::clone(entry)));
        }
        Ok(())
    }

    pub(super) fn truncate_from(&mut self, index: u64) -> Result<(), Error> {
        if let Some((upto, _)) = self.purged().filter(|(upto, _)| *upto >= index) {
            return Err(Error::Purged { upto: *upto });
        }
        self.version += 1;
        self.seen.truncate_from(index);
        while let Some((_, entry)) = self.recent.pop_back_if(|(at, _)| *at >= index) {
            self.recent_bytes -= entry.len();
        }
        Ok(())
    }

    /// Whether this changes anything.
    pub(super) fn purge_to(&mut self, index: u64, marker: &[u8]) -> bool {
        let changes = self.seen.purge_to(index, marker);
        if changes {
            self.version += 1;
            while let Some((_, entry)) = self.recent.pop_front_if(|(at, _)| *at <= index) {
                self.recent_bytes -= entry.len();
            }
        }
        changes
    }

    /// Remembers what a commit has stored, and lets go of entries that can be read from the disk.
    pub(super) fn store(&mut self, stored: Bounds) {
        let last = stored.span.map_or(0, |(_, last)| last);
        self.stored = stored;
        while self.recent_bytes > RECENT_BYTES_MAX
            && let Some((_, entry)) = self.recent.pop_front_if(|(at, _)| *at <= last)
        {
            self.recent_bytes -= entry.len();
        }
    }

    /// Shows what is stored and nothing else: what was queued has failed.
    pub(super) fn reset(&mut self, stored: Bounds) {
        let version = self.version + 1;
        *self = Self { version, ..Self::new(stored) };
    }

    /// The index from which on all entries seen are in memory, and those of `from..to` among
    /// them, as many as fit `bytes_max` but at least one.
    pub(super) fn recent(&self, from: u64, to: u64, bytes_max: usize) -> (u64, Vec<Entry>) {
        let Some((start, _)) = self.recent.front() else { return (to, Vec::new()) };
        let skip = usize::try_from(from.saturating_sub(*start)).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let entries = self
            .recent
            .iter()
            .skip(skip)
            .take_while(|(index, entry)| {
                let is_first = bytes == 0;
                bytes += entry.len().max(1);
                *index < to && (is_first || bytes <= bytes_max)
            })
            .cloned()
            .collect();
        (*start, entries)
    }
}
