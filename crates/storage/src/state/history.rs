//! The tables of history: records by id, the four indexes that list them, and those that know
//! which ended first.

use crate::{
    Error,
    checked::{seal, unseal},
    database::{
        Database, Fault, ReadTransaction, ReadableTable, ReadableTableMetadata, Table,
        TableDefinition, TableError, WriteTransaction,
    },
};

use super::census::{self, Census, Counts, Kind, Stamp};
use super::record::{Ended, Filter, Index, Key, Record};
use super::room::Account;

/// Id to sealed record; the id is part of what the seal covers.
pub(super) const RECORDS: TableDefinition<'_, [u8; 16], &[u8]> = TableDefinition::new("records");

type IndexDefinition = TableDefinition<'static, &'static [u8], ()>;

const BY_TIME: IndexDefinition = TableDefinition::new("by time");
const BY_ACTION: IndexDefinition = TableDefinition::new("by action");
const BY_WORKER: IndexDefinition = TableDefinition::new("by worker");
const BY_WORKER_ACTION: IndexDefinition = TableDefinition::new("by worker and action");

const BY_END: IndexDefinition = TableDefinition::new("by end");
const TOMBSTONES: IndexDefinition = TableDefinition::new("tombstones by end");

/// All tables of history, open in one transaction.
pub(crate) struct Tables<'txn> {
    txn: &'txn WriteTransaction,
    account: Account,
    census: Census,
    records: Table<'txn, [u8; 16], &'static [u8]>,
    by_time: Table<'txn, &'static [u8], ()>,
    by_action: Table<'txn, &'static [u8], ()>,
    by_worker: Table<'txn, &'static [u8], ()>,
    by_worker_action: Table<'txn, &'static [u8], ()>,
    by_end: Table<'txn, &'static [u8], ()>,
    tombstones: Table<'txn, &'static [u8], ()>,
}

impl<'txn> Tables<'txn> {
    /// `kind` is what records are counted by.
    pub(crate) fn open(txn: &'txn WriteTransaction, kind: Option<Kind>) -> Result<Self, Fault> {
        Ok(Self {
            txn,
            account: Account::default(),
            census: Census::by(kind),
            records: txn.open_table(RECORDS)?,
            by_time: txn.open_table(BY_TIME)?,
            by_action: txn.open_table(BY_ACTION)?,
            by_worker: txn.open_table(BY_WORKER)?,
            by_worker_action: txn.open_table(BY_WORKER_ACTION)?,
            by_end: txn.open_table(BY_END)?,
            tombstones: txn.open_table(TOMBSTONES)?,
        })
    }

    pub(crate) fn put(&mut self, record: &Record) -> Result<(), Fault> {
        let sealed = seal(&record.id, &record.encode());
        let old = self.records.insert(record.id, sealed.as_slice())?;
        let old = old.map(|old| decode(record.id, old.value())).transpose()?;
        self.account.put(old.as_ref(), record);
        self.census.put(old.as_ref(), record);
        let keys = record.keys();
        let old_keys = old.map(|old| old.keys()).unwrap_or_default();
        for (index, key) in old_keys.iter().filter(|key| !keys.contains(key)) {
            self.index(*index).remove(key.as_slice())?;
        }
        for (index, key) in keys.iter().filter(|key| !old_keys.contains(key)) {
            self.index(*index).insert(key.as_slice(), ())?;
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, id: &[u8; 16]) -> Result<(), Fault> {
        let old = self.records.remove(id)?;
        let Some(old) = old.map(|old| decode(*id, old.value())).transpose()? else { return Ok(()) };
        self.account.remove(&old);
        self.census.remove(&old);
        for (index, key) in old.keys() {
            self.index(index).remove(key.as_slice())?;
        }
        Ok(())
    }

    /// Notes what the changes of this transaction mean for the counts and for the room on the disk.
    pub(super) fn finish(mut self) -> Result<(), Fault> {
        std::mem::take(&mut self.account).settle(self.txn)?;
        self.finish_copy()
    }

    /// The same of a file that is being made, in which no room is free.
    pub(crate) fn finish_copy(self) -> Result<(), Fault> {
        let stamp = stamp(&self.by_end, &self.records)?;
        self.census.settle(self.txn, stamp)
    }

    /// Begins to count in a file that is empty.
    pub(super) fn begin(self) -> Result<(), Fault> {
        census::begin(self.txn, stamp(&self.by_end, &self.records)?, &Counts::new())
    }

    /// Begins to count, with all that is there.
    pub(super) fn count(&self, kind: Kind) -> Result<(), Fault> {
        let mut counts = Counts::new();
        for entry in self.records.iter()? {
            let (id, sealed) = entry?;
            let record = decode(id.value(), sealed.value())?;
            if record.listed {
                *counts.entry(kind(&record.body)).or_default() += 1;
            }
        }
        census::begin(self.txn, stamp(&self.by_end, &self.records)?, &counts)
    }

    /// Fills the indexes that a file of the first format does not have.
    pub(super) fn index_ends(&mut self) -> Result<(), Fault> {
        let mut ends = Vec::new();
        for entry in self.records.iter()? {
            let (id, sealed) = entry?;
            let record = decode(id.value(), sealed.value())?;
            ends.push((record.listed, Ended { at: record.ended_at, id: record.id }));
        }
        for (is_listed, end) in ends {
            let table = if is_listed { &mut self.by_end } else { &mut self.tombstones };
            table.insert(end.encode().as_slice(), ())?;
        }
        Ok(())
    }

    fn index(&mut self, index: Index) -> &mut Table<'txn, &'static [u8], ()> {
        match index {
            Index::Time => &mut self.by_time,
            Index::Action => &mut self.by_action,
            Index::Worker => &mut self.by_worker,
            Index::WorkerAction => &mut self.by_worker_action,
            Index::End => &mut self.by_end,
            Index::Tombstone => &mut self.tombstones,
        }
    }
}

fn decode(id: [u8; 16], sealed: &[u8]) -> Result<Record, Fault> {
    unseal(&id, sealed).and_then(|bytes| Record::decode(id, bytes)).ok_or_else(|| {
        let id = u128::from_be_bytes(id);
        Fault::damaged(format!("record {id:032x} does not match its checksum"))
    })
}

/// By what it is seen later whether all changes were counted.
fn stamp(
    ends: &impl ReadableTable<&'static [u8], ()>,
    records: &impl ReadableTableMetadata,
) -> Result<Stamp, Fault> {
    let last = ends.last()?.and_then(|(key, _)| Ended::decode(key.value()));
    Ok(Stamp { last: last.map_or([0; Key::BYTES], Ended::encode), all: records.len()? })
}

/// How many records there are of each kind; `None` where nobody has counted, or somebody has changed
/// records who does not count.
pub(super) fn counted(txn: &ReadTransaction) -> Result<Option<Counts>, Fault> {
    let Some((then, counts)) = census::counted(txn)? else { return Ok(None) };
    let now = stamp(&txn.open_table(BY_END)?, &txn.open_table(RECORDS)?)?;
    let is_whole = counts.values().sum::<u64>() == count(txn)?;
    Ok((then == now && is_whole).then_some(counts))
}

/// The same without these records.
pub(super) fn counted_without(
    txn: &ReadTransaction,
    ids: &[[u8; 16]],
    kind: Kind,
) -> Result<Option<Counts>, Fault> {
    let Some((_, mut counts)) = census::counted(txn)? else { return Ok(None) };
    let table = txn.open_table(RECORDS)?;
    for id in ids {
        let sealed = table.get(id)?;
        let record = sealed.map(|sealed| decode(*id, sealed.value())).transpose()?;
        let Some(record) = record.filter(|record| record.listed) else { continue };
        if let Some(count) = counts.get_mut(&kind(&record.body)) {
            *count = count.saturating_sub(1);
        }
    }
    counts.retain(|_, count| *count > 0);
    Ok(Some(counts))
}

pub(super) fn is_blank(database: &Database) -> Result<bool, Error> {
    database.read(|txn| Ok(txn.open_table(RECORDS)?.is_empty()?))
}

pub(super) fn body(txn: &ReadTransaction, id: &[u8; 16]) -> Result<Option<Vec<u8>>, Fault> {
    Ok(record(txn, id)?.map(|record| record.body))
}

pub(super) fn record(txn: &ReadTransaction, id: &[u8; 16]) -> Result<Option<Record>, Fault> {
    let sealed = txn.open_table(RECORDS)?.get(id)?;
    sealed.map(|sealed| decode(*id, sealed.value())).transpose()
}

/// The number of records, tombstones included.
pub(super) fn all(txn: &ReadTransaction) -> Result<u64, Fault> {
    Ok(txn.open_table(RECORDS)?.len()?)
}

pub(super) fn count(txn: &ReadTransaction) -> Result<u64, Fault> {
    Ok(txn.open_table(BY_TIME)?.len()?)
}

pub(super) fn list(
    txn: &ReadTransaction,
    filter: &Filter,
    after: Option<Key>,
    limit: usize,
    is_oldest_first: bool,
) -> Result<Vec<Key>, Fault> {
    use std::ops::Bound::{Excluded, Included};
    let (index, prefix) = filter.prefix();
    let table = txn.open_table(match index {
        Index::Time => BY_TIME,
        Index::Action => BY_ACTION,
        Index::Worker => BY_WORKER,
        Index::WorkerAction => BY_WORKER_ACTION,
        Index::End => BY_END,
        Index::Tombstone => TOMBSTONES,
    })?;
    let lowest = [prefix.as_slice(), &[0; Key::BYTES]].concat();
    // One byte longer than any key of this prefix.
    let beyond = [prefix.as_slice(), &[u8::MAX; Key::BYTES + 1]].concat();
    let after = after.map(|key| [prefix.as_slice(), &key.encode()].concat());
    let after = after.as_deref();
    let mut keys = Vec::new();
    let mut keep = |index_key: &[u8]| {
        let key = Key::decode(index_key);
        keys.push(key.ok_or_else(|| Fault::damaged("an index key is too short"))?);
        Ok::<_, Fault>(())
    };
    if is_oldest_first {
        let from = after.map_or(Included(lowest.as_slice()), Excluded);
        let range = table.range::<&[u8]>((from, Excluded(beyond.as_slice())))?;
        range.take(limit).try_for_each(|entry| keep(entry?.0.value()))?;
    } else {
        let range = table.range(lowest.as_slice()..after.unwrap_or(&beyond))?;
        range.rev().take(limit).try_for_each(|entry| keep(entry?.0.value()))?;
    }
    Ok(keys)
}

/// Whether the file was made before there was an order of ends.
pub(super) fn lacks_ends(txn: &ReadTransaction) -> Result<bool, Fault> {
    match txn.open_table(BY_END) {
        Ok(_) => Ok(false),
        Err(TableError::TableDoesNotExist(_)) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Those that ended first, and how many there are in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Oldest {
    /// The number of all of their kind.
    pub count: u64,
    /// Some of them, the first to end first.
    pub first: Vec<Ended>,
}

/// The oldest jobs, or the oldest tombstones.
pub(super) fn oldest(
    txn: &ReadTransaction,
    are_tombstones: bool,
    limit: usize,
) -> Result<Oldest, Fault> {
    let table = txn.open_table(if are_tombstones { TOMBSTONES } else { BY_END })?;
    let mut first = Vec::new();
    for entry in table.iter()?.take(limit) {
        let end = Ended::decode(entry?.0.value());
        first.push(end.ok_or_else(|| Fault::damaged("an index key is too short"))?);
    }
    Ok(Oldest { count: table.len()?, first })
}

/// Which of these jobs have a record that is no tombstone.
pub(super) fn are_listed(txn: &ReadTransaction, ids: &[[u8; 16]]) -> Result<Vec<bool>, Fault> {
    let table = txn.open_table(RECORDS)?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let sealed = table.get(id)?;
        let record = sealed.map(|sealed| decode(*id, sealed.value())).transpose()?;
        found.push(record.is_some_and(|record| record.listed));
    }
    Ok(found)
}

/// The stored records behind `after`, in the order of their ids, about `bytes_max` of them but at
/// least one.
pub(crate) fn page(
    txn: &ReadTransaction,
    after: Option<[u8; 16]>,
    bytes_max: usize,
) -> Result<Vec<Record>, Fault> {
    use std::ops::Bound::{Excluded, Unbounded};
    let table = txn.open_table(RECORDS)?;
    let mut records = Vec::new();
    let mut bytes = 0;
    for entry in table.range((after.map_or(Unbounded, Excluded), Unbounded))? {
        let (id, sealed) = entry?;
        let record = decode(id.value(), sealed.value())?;
        bytes += record.body.len();
        records.push(record);
        if bytes >= bytes_max {
            break;
        }
    }
    Ok(records)
}

#[cfg(test)]
pub(super) mod damage {
    //! What only a broken disk does.

    use super::{Database, Error, RECORDS};
    use crate::database::{Commit, ReadableTable as _};

    /// Flips a bit inside of a stored record.
    pub(crate) fn flip(database: &Database, id: [u8; 16]) -> Result<(), Error> {
        database.write(Commit::Durable, |txn| {
            let mut table = txn.open_table(RECORDS)?;
            let mut bytes = table.get(id)?.expect("the record is there").value().to_vec();
            *bytes.last_mut().expect("it has a checksum") ^= 1;
            table.insert(id, bytes.as_slice())?;
            Ok(())
        })
    }
}
