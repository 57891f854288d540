//! How many records of history there are of each kind: counted as they come and go, in the transaction
//! that writes them.

use std::collections::BTreeMap;

use crate::{
    Error,
    checked::{Fields, seal, unseal},
    database::{
        Fault, Pinned, ReadTransaction, ReadableTable as _, TableDefinition, TableError,
        WriteTransaction,
    },
};

use super::{
    history,
    record::{Key, Record},
};

/// Tells records apart by their bodies, of which storage knows nothing else.
pub type Kind = fn(&[u8]) -> u8;

/// How many listed records there are, by kind; a kind of which there is none is not there.
pub type Counts = BTreeMap<u8, u64>;

/// The counts of one moment.
pub struct Counted {
    pub(super) view: Pinned,
    pub(super) kind: Kind,
}

impl Counted {
    /// How many records are listed, by kind, leaving out these; `None` if that is not known. Costs what
    /// is left out, however long the history is.
    pub fn without(&self, ids: &[[u8; 16]]) -> Result<Option<Counts>, Error> {
        self.view.read(|txn| history::counted_without(txn, ids, self.kind))
    }
}

/// Holds the counts, sealed: the place of the record that ended last, how many records there are with
/// the tombstones, and by kind how many are listed. It is absent where nobody has counted. Nothing but
/// what people are shown rests on it, so a damaged one stops nobody, and is counted anew.
const COUNTS: TableDefinition<'_, (), &[u8]> = TableDefinition::new("records by kind");

/// By what it is seen that somebody has changed records who does not count: a version that knew
/// nothing of counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// The key of the record that ended last.
    pub(super) last: [u8; Key::BYTES],
    /// All records, tombstones included.
    pub(super) all: u64,
}

/// What the changes of one transaction come to. Without a kind nothing is counted, and what was
/// counted before is not true any more.
#[derive(Debug, Default)]
pub(crate) struct Census {
    kind: Option<Kind>,
    gained: Counts,
    lost: Counts,
}

impl Census {
    pub(crate) fn by(kind: Option<Kind>) -> Self {
        Self { kind, ..Self::default() }
    }

    pub(super) fn put(&mut self, old: Option<&Record>, new: &Record) {
        if let Some(old) = old {
            self.remove(old);
        }
        let Some(kind) = self.kind.filter(|_| new.listed) else { return };
        *self.gained.entry(kind(&new.body)).or_default() += 1;
    }

    pub(super) fn remove(&mut self, old: &Record) {
        let Some(kind) = self.kind.filter(|_| old.listed) else { return };
        *self.lost.entry(kind(&old.body)).or_default() += 1;
    }

    /// Brings the counts up to date, if there are any that can be.
    pub(super) fn settle(self, txn: &WriteTransaction, stamp: Stamp) -> Result<(), Fault> {
        let mut table = txn.open_table(COUNTS)?;
        let Some(before) = table.get(())?.map(|sealed| sealed.value().to_vec()) else {
            return Ok(());
        };
        let counts = self.kind.and_then(|_| self.applied_to(decode(&before)?.1));
        match counts.map(|counts| encode(stamp, &counts)) {
            Some(after) if after == before => {}
            Some(after) => {
                table.insert((), after.as_slice())?;
            }
            // Whoever counts next begins anew.
            None => {
                table.remove(())?;
            }
        }
        Ok(())
    }

    /// The counts after these changes; `None` if they cannot have been right before.
    fn applied_to(&self, mut counts: Counts) -> Option<Counts> {
        for (kind, gained) in &self.gained {
            *counts.entry(*kind).or_default() += gained;
        }
        for (kind, lost) in &self.lost {
            let left = counts.remove(kind).unwrap_or(0).checked_sub(*lost)?;
            if left > 0 {
                counts.insert(*kind, left);
            }
        }
        Some(counts)
    }
}

/// Begins to count, with what there is.
pub(super) fn begin(txn: &WriteTransaction, stamp: Stamp, counts: &Counts) -> Result<(), Fault> {
    txn.open_table(COUNTS)?.insert((), encode(stamp, counts).as_slice())?;
    Ok(())
}

/// What was counted, and when; `None` where nobody counts.
pub(super) fn counted(txn: &ReadTransaction) -> Result<Option<(Stamp, Counts)>, Fault> {
    let table = match txn.open_table(COUNTS) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(table.get(())?.and_then(|sealed| decode(sealed.value())))
}

fn encode(stamp: Stamp, counts: &Counts) -> Vec<u8> {
    let mut body = stamp.last.to_vec();
    body.extend_from_slice(&stamp.all.to_le_bytes());
    for (kind, count) in counts {
        body.push(*kind);
        body.extend_from_slice(&count.to_le_bytes());
    }
    seal(&[], &body)
}

fn decode(sealed: &[u8]) -> Option<(Stamp, Counts)> {
    let mut fields = Fields(unseal(&[], sealed)?);
    let stamp = Stamp { last: fields.array()?, all: fields.u64()? };
    let mut counts = Counts::new();
    while let Some(kind) = fields.u8() {
        counts.insert(kind, fields.u64()?);
    }
    Some((stamp, counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_back_as_they_were_and_damaged_ones_do_not() {
        let stamp = Stamp { last: [7; Key::BYTES], all: 12 };
        let counts = Counts::from([(0, 1), (5, u64::MAX), (255, 3)]);
        let mut sealed = encode(stamp, &counts);
        assert_eq!(decode(&sealed), Some((stamp, counts)));
        sealed[9] ^= 1;
        assert_eq!(decode(&sealed), None);
    }
}
