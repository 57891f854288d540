//! How the log lies in its file.

use crate::{
    Error,
    checked::{Fields, seal, unseal},
    database::{
        Commit, Database, Fault, ReadTransaction, ReadableTable, ReadableTableMetadata as _,
        TableDefinition, WriteTransaction,
    },
    limits::PURGE_STEP_ENTRIES,
};

use super::window::Bounds;

/// Index to sealed entry; the index is part of what the seal covers.
const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");

/// Name to sealed value.
const VALUES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");

/// The named value that holds the purged index and its marker. No caller's name has a space.
const PURGED: &str = "log purged";

pub(super) fn create(database: &Database) -> Result<(), Error> {
    database.write(Commit::Durable, |txn| {
        txn.open_table(ENTRIES)?;
        txn.open_table(VALUES)?;
        Ok(())
    })
}

pub(super) fn is_blank(database: &Database) -> Result<bool, Error> {
    database
        .read(|txn| Ok(txn.open_table(ENTRIES)?.is_empty()? && txn.open_table(VALUES)?.is_empty()?))
}

/// The bounds of the log, and that nothing is missing between its start and its purged part.
pub(super) fn bounds(database: &Database) -> Result<Bounds, Error> {
    database.read(|txn| {
        let purged = match value(txn, PURGED)? {
            Some(bytes) => Some(decode_purged(&bytes)?),
            None => None,
        };
        let start = purged.as_ref().map(|(index, _)| index + 1);
        let entries = txn.open_table(ENTRIES)?;
        let first = entries.range(start.unwrap_or(0)..)?.next().transpose()?;
        let first = first.map(|(index, _)| index.value());
        let last = entries.last()?.map(|(index, _)| index.value());
        if let (Some(first), Some(start)) = (first, start)
            && first != start
        {
            return Err(Error::Hole { index: start }.into());
        }
        Ok(Bounds { span: first.zip(last), purged })
    })
}

fn decode_purged(bytes: &[u8]) -> Result<(u64, Vec<u8>), Fault> {
    let mut fields = Fields(bytes);
    let index = fields.u64().ok_or_else(|| Fault::damaged("the purge mark is too short"))?;
    Ok((index, fields.rest().to_vec()))
}

pub(super) fn insert(txn: &WriteTransaction, entries: &[(u64, &[u8])]) -> Result<(), Fault> {
    let mut table = txn.open_table(ENTRIES)?;
    for (index, entry) in entries {
        table.insert(index, seal(&index.to_be_bytes(), entry).as_slice())?;
    }
    Ok(())
}

pub(super) fn truncate_from(txn: &WriteTransaction, index: u64) -> Result<(), Fault> {
    txn.open_table(ENTRIES)?.retain_in(index.., |_, _| false)?;
    Ok(())
}

pub(super) fn mark_purged(txn: &WriteTransaction, index: u64, marker: &[u8]) -> Result<(), Fault> {
    let mut bytes = index.to_le_bytes().to_vec();
    bytes.extend_from_slice(marker);
    put(txn, PURGED, &bytes)
}

/// Removes some of the entries up to `index`; whether all are gone.
pub(super) fn sweep_to(txn: &WriteTransaction, index: u64) -> Result<bool, Fault> {
    let mut table = txn.open_table(ENTRIES)?;
    let mut last = None;
    let mut count = 0;
    for entry in table.range(..=index)?.take(PURGE_STEP_ENTRIES) {
        last = Some(entry?.0.value());
        count += 1;
    }
    if let Some(last) = last {
        table.retain_in(..=last, |_, _| false)?;
    }
    Ok(count < PURGE_STEP_ENTRIES)
}

pub(super) fn put(txn: &WriteTransaction, key: &str, value: &[u8]) -> Result<(), Fault> {
    txn.open_table(VALUES)?.insert(key, seal(key.as_bytes(), value).as_slice())?;
    Ok(())
}

pub(super) fn value(txn: &ReadTransaction, key: &str) -> Result<Option<Vec<u8>>, Fault> {
    let Some(sealed) = txn.open_table(VALUES)?.get(key)? else { return Ok(None) };
    let value = unseal(key.as_bytes(), sealed.value())
        .ok_or_else(|| Fault::damaged(format!("the value {key} does not match its checksum")))?;
    Ok(Some(value.to_vec()))
}

/// The stored entries of `from..to`, as many as fit `bytes_max` but at least one. A damaged or
/// missing entry ends the list; it is an error when it is the first.
pub(super) fn read(
    database: &Database,
    from: u64,
    to: u64,
    bytes_max: usize,
) -> Result<Vec<(u64, Vec<u8>)>, Error> {
    database.read(|txn| {
        let table = txn.open_table(ENTRIES)?;
        let mut entries = Vec::new();
        let mut bytes = 0;
        for (expected, stored) in (from..).zip(table.range(from..to)?) {
            let (index, sealed) = stored?;
            if index.value() != expected {
                break;
            }
            let Some(entry) = unseal(&expected.to_be_bytes(), sealed.value()) else {
                if entries.is_empty() {
                    return Err(Error::Corrupt { index: expected }.into());
                }
                return Ok(entries);
            };
            bytes += entry.len();
            if bytes > bytes_max && !entries.is_empty() {
                return Ok(entries);
            }
            entries.push((expected, entry.to_vec()));
        }
        if entries.is_empty() && from < to {
            return Err(Error::Hole { index: from }.into());
        }
        Ok(entries)
    })
}

#[cfg(test)]
pub(super) mod damage {
    //! What only a broken disk does.

    use super::{Commit, Database, ENTRIES, Error};
    use crate::database::ReadableTable as _;

    /// Flips a bit inside of a stored entry.
    pub(crate) fn flip(database: &Database, index: u64) -> Result<(), Error> {
        database.write(Commit::Durable, |txn| {
            let mut table = txn.open_table(ENTRIES)?;
            let mut bytes = table.get(index)?.expect("the entry is there").value().to_vec();
            *bytes.last_mut().expect("it has a checksum") ^= 1;
            table.insert(index, bytes.as_slice())?;
            Ok(())
        })
    }

    /// Removes an entry from the middle.
    pub(crate) fn remove(database: &Database, index: u64) -> Result<(), Error> {
        database.write(Commit::Durable, |txn| {
            txn.open_table(ENTRIES)?.remove(index)?;
            Ok(())
        })
    }
}
