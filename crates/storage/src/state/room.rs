//! What removed records leave behind: output that may go, and room in the file that is not given back.

use std::collections::BTreeMap;

use crate::database::{
    Fault, ReadTransaction, ReadableTable as _, TableDefinition, TableError, WriteTransaction,
};

use super::record::Record;

/// Period of output to how many of its jobs are gone: since somebody has looked, and before that
/// since the period was last written anew.
const GONE: TableDefinition<'_, u32, (u64, u64)> = TableDefinition::new("gone with output");

/// Holds how many more records the file had once: the room of so many is free inside of it.
const SLACK: TableDefinition<'_, (), u64> = TableDefinition::new("room of removed records");

/// A period of output that has lines of jobs that are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// The period.
    pub period: u32,
    /// Jobs that are gone since [`StateStore::swept`](crate::StateStore::swept) was called last.
    pub unswept: u64,
    /// Jobs before them whose lines were deleted one by one.
    pub swept: u64,
}

/// What the changes of one transaction come to.
#[derive(Debug, Default)]
pub(super) struct Account {
    added: u64,
    removed: u64,
    gone: BTreeMap<u32, u64>,
}

impl Account {
    pub(super) fn put(&mut self, old: Option<&Record>, new: &Record) {
        self.added += u64::from(old.is_none());
        if let Some(period) = old.and_then(|old| old.output)
            && new.output.is_none()
        {
            *self.gone.entry(period).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, old: &Record) {
        self.removed += 1;
        if let Some(period) = old.output {
            *self.gone.entry(period).or_default() += 1;
        }
    }

    pub(super) fn settle(self, txn: &WriteTransaction) -> Result<(), Fault> {
        if self.added != self.removed {
            let mut table = txn.open_table(SLACK)?;
            let before = table.get(())?.map_or(0, |slack| slack.value());
            let slack = (before + self.removed).saturating_sub(self.added);
            if slack != before {
                table.insert((), slack)?;
            }
        }
        if !self.gone.is_empty() {
            let mut table = txn.open_table(GONE)?;
            for (period, count) in self.gone {
                let (unswept, swept) = table.get(period)?.map_or((0, 0), |gone| gone.value());
                table.insert(period, (unswept + count, swept))?;
            }
        }
        Ok(())
    }
}

/// The periods that have something to be swept, or had.
pub(super) fn gone(txn: &ReadTransaction) -> Result<Vec<Gone>, Fault> {
    let table = match txn.open_table(GONE) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut found = Vec::new();
    for entry in table.iter()? {
        let (period, counts) = entry?;
        let (unswept, swept) = counts.value();
        found.push(Gone { period: period.value(), unswept, swept });
    }
    Ok(found)
}

/// Counts jobs of a period as gone that nobody has counted.
pub(super) fn suspect(txn: &WriteTransaction, periods: &[u32]) -> Result<(), Fault> {
    let account =
        Account { gone: periods.iter().map(|period| (*period, 1)).collect(), ..Account::default() };
    account.settle(txn)
}

/// Takes note that what was `seen` is swept. Written anew, the period holds nothing else.
pub(super) fn swept(txn: &WriteTransaction, seen: Gone, is_anew: bool) -> Result<(), Fault> {
    let mut table = txn.open_table(GONE)?;
    let (unswept, _) = table.get(seen.period)?.map_or((0, 0), |gone| gone.value());
    let unswept = unswept.saturating_sub(seen.unswept);
    let swept = if is_anew { 0 } else { seen.swept + seen.unswept };
    if (unswept, swept) == (0, 0) {
        table.remove(seen.period)?;
    } else {
        table.insert(seen.period, (unswept, swept))?;
    }
    Ok(())
}

/// Copies what is still to be swept into a new file; there is no slack in it.
pub(super) fn carry_over(gone: &[Gone], txn: &WriteTransaction) -> Result<(), Fault> {
    let mut table = txn.open_table(GONE)?;
    for Gone { period, unswept, swept } in gone {
        table.insert(period, (*unswept, *swept))?;
    }
    Ok(())
}

/// The room of how many records is free inside of the file.
pub(super) fn slack(txn: &ReadTransaction) -> Result<u64, Fault> {
    match txn.open_table(SLACK) {
        Ok(table) => Ok(table.get(())?.map_or(0, |slack| slack.value())),
        Err(TableError::TableDoesNotExist(_)) => Ok(0),
        Err(error) => Err(error.into()),
    }
}
