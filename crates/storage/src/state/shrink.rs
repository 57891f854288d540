//! The state file written anew, without the room of removed records, beside those who use it.
//!
//! The engine gives room back only at the end of its file, and only to one who has the file for
//! himself. So what is there is copied, a little at a time, into a new file that then takes the
//! place of the old one, as a received snapshot does.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Instant,
};

use crate::{
    Error, Record, StateStore,
    database::{Commit, Database},
    directory::{check_reserve, held},
    limits::SHRINK_STEP_BYTES,
    snapshot::Incoming,
};

use super::{
    INCOMING, Slot, Tables, audit, audit_page, checkpoint, create, history, page, put_audit, room,
};

/// A copy that is being made.
struct Copy<'a> {
    store: &'a StateStore,
    _watch: Watch<'a>,
    old: Arc<Database>,
    new: Incoming,
    /// Records up to here have been copied; if they change, they are copied again.
    copied: Option<[u8; 16]>,
    audit_copied: Option<u64>,
}

/// For as long as it is there, it is noted which records change.
struct Watch<'a>(&'a StateStore);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.writer().touched = None;
    }
}

impl StateStore {
    /// How many listed records and tombstones there are, and the room of how many more is free
    /// inside of the file.
    pub fn slack(&self) -> Result<(u64, u64), Error> {
        self.database().read(|txn| Ok((history::all(txn)?, room::slack(txn)?)))
    }

    /// Writes the file anew, as small as it can be, and says whether it is in force: not if a
    /// snapshot has taken its place meanwhile, or if it was told to stop. Whoever writes waits for a few milliseconds at a
    /// time, and at the end until what is new is synced. Takes the room of both until then.
    pub fn shrink(&self, goes_on: impl Fn() -> bool) -> Result<bool, Error> {
        check_reserve(&self.inner.path)?;
        let number = self.inner.incoming.fetch_add(1, Ordering::Relaxed);
        let path = self.inner.path.with_file_name(format!("{INCOMING}{number}.redb"));
        let new = Incoming::new(create(&path, self.inner.tap.clone())?);
        let old = {
            let mut writer = self.writer();
            writer.touched = Some(BTreeSet::new());
            self.database()
        };
        let mut copy =
            Copy { store: self, _watch: Watch(self), old, new, copied: None, audit_copied: None };
        if copy.copy_most(goes_on)? { copy.put_in_force() } else { Ok(false) }
    }
}

impl Copy<'_> {
    /// Copies until little is missing. `false` if it was time to stop.
    fn copy_most(&mut self, goes_on: impl Fn() -> bool) -> Result<bool, Error> {
        while goes_on() {
            let start = Instant::now();
            check_reserve(&self.store.inner.path)?;
            let has_more = self.copy_records()?;
            self.copy_touched(self.take_touched())?;
            if !self.copy_audit()? && !has_more {
                return Ok(true);
            }
            // Others use the same disk and the same cores.
            thread::sleep(start.elapsed());
        }
        Ok(false)
    }

    fn put_in_force(mut self) -> Result<bool, Error> {
        let store = self.store;
        let _alone = held(&store.inner.checkpoint);
        if !Arc::ptr_eq(&store.database(), &self.old) {
            return Ok(false);
        }
        let current = self.old.read(checkpoint::stored)?;
        let chunks = current.as_ref().map_or(0, |current| current.chunks);
        for number in 0..chunks {
            let Some(current) = &current else { break };
            check_reserve(&store.inner.path)?;
            let chunk = self.old.read(|txn| checkpoint::chunk(txn, current, number))?;
            let new = self.new.database();
            new.write(Commit::Durable, |txn| Slot::FIRST.put_chunk(txn, number, &chunk))?;
        }
        let mut writer = store.writer();
        while self.copy_records()? {}
        self.copy_touched(writer.touched.take().unwrap_or_default())?;
        while self.copy_audit()? {}
        let gone = self.old.read(room::gone)?;
        self.old.read(|old| {
            let finish = self.new.database().write(Commit::Checkpoint, |txn| {
                audit::trim_as(txn, old)?;
                room::carry_over(&gone, txn)?;
                match &current {
                    Some(stored) => {
                        let header = &stored.header;
                        Slot::FIRST.finish(txn, chunks, header.index, &header.header)
                    }
                    None => Ok(()),
                }
            });
            Ok(finish?)
        })?;
        store.replace(&mut writer, self.new)?;
        Ok(true)
    }

    /// Copies the next records, and says whether there may be more.
    fn copy_records(&mut self) -> Result<bool, Error> {
        let records = self.old.read(|txn| page(txn, self.copied, SHRINK_STEP_BYTES))?;
        self.put(&records, &[])?;
        self.copied = records.last().map(|record| record.id).or(self.copied);
        let bytes: usize = records.iter().map(|record| record.body.len()).sum();
        Ok(bytes >= SHRINK_STEP_BYTES)
    }

    /// Copies the next of the audit log, and says whether there may be more.
    fn copy_audit(&mut self) -> Result<bool, Error> {
        let after = self.audit_copied;
        let audited = self.old.read(|txn| audit_page(txn, after, SHRINK_STEP_BYTES))?;
        if !audited.is_empty() {
            self.new.database().write(Commit::Durable, |txn| put_audit(txn, &audited))?;
        }
        self.audit_copied = audited.last().map(|last| last.index).or(after);
        let bytes: usize = audited.iter().map(|audited| audited.body.len()).sum();
        Ok(bytes >= SHRINK_STEP_BYTES)
    }

    /// What has changed of that which was copied already; the rest is yet to come.
    fn copy_touched(&mut self, mut touched: BTreeSet<[u8; 16]>) -> Result<(), Error> {
        touched.retain(|id| Some(*id) <= self.copied);
        let mut records = Vec::new();
        let mut removed = Vec::new();
        for id in touched {
            match self.old.read(|txn| history::record(txn, &id))? {
                Some(record) => records.push(record),
                None => removed.push(id),
            }
        }
        self.put(&records, &removed)
    }

    fn put(&self, records: &[Record], removed: &[[u8; 16]]) -> Result<(), Error> {
        if records.is_empty() && removed.is_empty() {
            return Ok(());
        }
        self.new.database().write(Commit::Durable, |txn| {
            let mut tables = Tables::open(txn, self.store.kind())?;
            records.iter().try_for_each(|record| tables.put(record))?;
            removed.iter().try_for_each(|id| tables.remove(id))?;
            tables.finish_copy()
        })
    }

    fn take_touched(&self) -> BTreeSet<[u8; 16]> {
        self.store.writer().touched.as_mut().map(std::mem::take).unwrap_or_default()
    }
}
