//! The audit log: who changed what, by the number of the log's entry that did it. Bounded.

use crate::{
    checked::{seal, unseal},
    database::{
        AccessGuard, Fault, ReadOnlyTable, ReadTransaction, ReadableTable as _,
        ReadableTableMetadata as _, Table, TableDefinition, TableError, WriteTransaction,
    },
    limits::{AUDIT_RECORDS_MAX, AUDIT_STEP},
};

/// Index in the log to sealed body; the index is part of what the seal covers.
const AUDIT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("audit");

/// What is known of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// The entry of the log that made it.
    pub index: u64,
    /// Who, what, when and how it ended, in its owner's encoding.
    pub body: Vec<u8>,
}

/// Stores what is new over what an entry left before, and removes the oldest beyond the bound.
pub(crate) fn put(txn: &WriteTransaction, audited: &[Audited]) -> Result<(), Fault> {
    if audited.is_empty() {
        return Ok(());
    }
    let mut table = txn.open_table(AUDIT)?;
    for Audited { index, body } in audited {
        table.insert(index, seal(&index.to_be_bytes(), body).as_slice())?;
    }
    trim(&mut table)
}

/// Some at a time, so that most batches remove nothing.
fn trim(table: &mut Table<'_, u64, &'static [u8]>) -> Result<(), Fault> {
    let count = table.len()?;
    if count < AUDIT_RECORDS_MAX + AUDIT_STEP {
        return Ok(());
    }
    for _ in AUDIT_RECORDS_MAX..count {
        table.pop_first()?;
    }
    Ok(())
}

/// The latest before the entry `before`, or of all, the newest first.
pub(super) fn latest(
    txn: &ReadTransaction,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Audited>, Fault> {
    let Some(table) = open(txn)? else { return Ok(Vec::new()) };
    let range = table.range(..before.unwrap_or(u64::MAX))?;
    range.rev().take(limit).map(|entry| decode(&entry?)).collect()
}

/// The oldest behind the entry `after`, up to a number of bytes.
pub(crate) fn audit_page(
    txn: &ReadTransaction,
    after: Option<u64>,
    bytes_max: usize,
) -> Result<Vec<Audited>, Fault> {
    use std::ops::Bound::{Excluded, Unbounded};
    let Some(table) = open(txn)? else { return Ok(Vec::new()) };
    let mut page = Vec::new();
    let mut bytes = 0;
    for entry in table.range((after.map_or(Unbounded, Excluded), Unbounded))? {
        let audited = decode(&entry?)?;
        bytes += audited.body.len();
        page.push(audited);
        if bytes >= bytes_max {
            break;
        }
    }
    Ok(page)
}

/// Removes what is older than the oldest of `others`: they were trimmed meanwhile.
pub(super) fn trim_as(txn: &WriteTransaction, others: &ReadTransaction) -> Result<(), Fault> {
    let Some(others) = open(others)? else { return Ok(()) };
    let Some(first) = others.first()?.map(|(index, _)| index.value()) else { return Ok(()) };
    txn.open_table(AUDIT)?.retain(|index, _| index >= first)?;
    Ok(())
}

/// The table; a state that never had anything to keep has none.
fn open(txn: &ReadTransaction) -> Result<Option<ReadOnlyTable<u64, &'static [u8]>>, Fault> {
    match txn.open_table(AUDIT) {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn decode(
    (index, sealed): &(AccessGuard<'_, u64>, AccessGuard<'_, &'static [u8]>),
) -> Result<Audited, Fault> {
    let index = index.value();
    let body = unseal(&index.to_be_bytes(), sealed.value());
    let body = body.map(<[u8]>::to_vec).ok_or_else(|| {
        Fault::damaged(format!("the audit of entry {index} does not match its checksum"))
    })?;
    Ok(Audited { index, body })
}

#[cfg(test)]
mod tests {
    use super::super::tests::fresh;
    use super::*;

    fn audited(index: u64) -> Audited {
        Audited { index, body: index.to_le_bytes().to_vec() }
    }

    #[test]
    fn the_audit_is_read_from_the_newest_on_and_a_repetition_changes_nothing() {
        let (_place, state) = fresh();
        assert_eq!(state.audit(None, 5).unwrap(), []);
        let all = [audited(3), audited(7), audited(8)];
        state.put_batch(&[], &all).unwrap();
        state.put_batch(&[], &all[1..]).unwrap();
        assert_eq!(state.audit(None, 2).unwrap(), [audited(8), audited(7)]);
        assert_eq!(state.audit(Some(7), 5).unwrap(), [audited(3)]);
    }

    #[test]
    fn the_oldest_go_in_steps_and_never_more_stay_than_the_bound_and_a_step() {
        let (_place, state) = fresh();
        let end = AUDIT_RECORDS_MAX + AUDIT_STEP;
        let all: Vec<_> = (0..end - 1).map(audited).collect();
        state.put_batch(&[], &all).unwrap();
        let count = |state: &crate::StateStore| state.audit(None, usize::MAX).unwrap().len();
        assert_eq!(u64::try_from(count(&state)), Ok(end - 1));
        state.put_batch(&[], &[audited(end)]).unwrap();
        assert_eq!(u64::try_from(count(&state)), Ok(AUDIT_RECORDS_MAX));
        assert_eq!(state.audit(Some(AUDIT_STEP + 1), 5).unwrap(), [audited(AUDIT_STEP)]);
    }
}
