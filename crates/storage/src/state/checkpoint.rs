//! The checkpoint: a header and numbered chunks, replaced by writing the next one beside it.

use crate::{
    Error,
    checked::{Fields, seal, unseal},
    database::{Commit, Database, Fault, ReadTransaction, TableDefinition, WriteTransaction},
    limits::CLEAR_STEP_CHUNKS,
};

/// Generation and number to sealed chunk.
const CHUNKS: TableDefinition<'_, (u64, u32), &[u8]> = TableDefinition::new("checkpoint chunks");

/// Holds the one sealed row that names the current generation.
const CURRENT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("checkpoint");

const ROW: &str = "current";

/// What a checkpoint says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointHeader {
    /// The last log index that the checkpoint contains.
    pub index: u64,
    /// The owner's own words.
    pub header: Vec<u8>,
}

/// A checkpoint as it lies in the file.
pub(crate) struct Stored {
    pub(crate) header: CheckpointHeader,
    pub(crate) chunks: u32,
    generation: u64,
}

/// The place of a checkpoint that is being written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    generation: u64,
}

impl Slot {
    /// The place of the first checkpoint in a new file.
    pub(crate) const FIRST: Self = Self { generation: 0 };

    /// A clean place beside the current checkpoint.
    pub(super) fn next(database: &Database) -> Result<Self, Error> {
        clear_others(database)?;
        let current = database.read(stored)?;
        Ok(current.map_or(Self::FIRST, |stored| Self { generation: stored.generation + 1 }))
    }

    pub(crate) fn put_chunk(
        self,
        txn: &WriteTransaction,
        number: u32,
        chunk: &[u8],
    ) -> Result<(), Fault> {
        let key = (self.generation, number);
        txn.open_table(CHUNKS)?.insert(key, seal(&context(key), chunk).as_slice())?;
        Ok(())
    }

    /// Makes this the current checkpoint.
    pub(crate) fn finish(
        self,
        txn: &WriteTransaction,
        chunks: u32,
        index: u64,
        header: &[u8],
    ) -> Result<(), Fault> {
        let mut row = self.generation.to_le_bytes().to_vec();
        row.extend_from_slice(&chunks.to_le_bytes());
        row.extend_from_slice(&index.to_le_bytes());
        row.extend_from_slice(header);
        txn.open_table(CURRENT)?.insert(ROW, seal(ROW.as_bytes(), &row).as_slice())?;
        Ok(())
    }
}

pub(super) fn create(txn: &WriteTransaction) -> Result<(), Fault> {
    txn.open_table(CHUNKS)?;
    txn.open_table(CURRENT)?;
    Ok(())
}

pub(super) fn header(database: &Database) -> Result<Option<CheckpointHeader>, Error> {
    database.read(|txn| Ok(stored(txn)?.map(|stored| stored.header)))
}

pub(crate) fn stored(txn: &ReadTransaction) -> Result<Option<Stored>, Fault> {
    let Some(sealed) = txn.open_table(CURRENT)?.get(ROW)? else { return Ok(None) };
    let decode = || {
        let mut fields = Fields(unseal(ROW.as_bytes(), sealed.value())?);
        let (generation, chunks, index) = (fields.u64()?, fields.u32()?, fields.u64()?);
        let header = CheckpointHeader { index, header: fields.rest().to_vec() };
        Some(Stored { header, chunks, generation })
    };
    decode().map(Some).ok_or_else(|| Fault::damaged("the checkpoint's header is damaged"))
}

pub(crate) fn chunk(txn: &ReadTransaction, stored: &Stored, number: u32) -> Result<Vec<u8>, Fault> {
    let key = (stored.generation, number);
    let sealed = txn.open_table(CHUNKS)?.get(key)?;
    let chunk = sealed.as_ref().and_then(|sealed| unseal(&context(key), sealed.value()));
    chunk.map(<[u8]>::to_vec).ok_or_else(|| {
        Fault::damaged(format!("chunk {number} of the checkpoint is damaged or missing"))
    })
}

/// Removes the chunks of former and of unfinished checkpoints, some at a time.
pub(super) fn clear_others(database: &Database) -> Result<(), Error> {
    loop {
        let others = database.read(|txn| {
            let current = stored(txn)?.map(|stored| stored.generation);
            let mut keys = Vec::new();
            let table = txn.open_table(CHUNKS)?;
            let before = table.range(..(current.unwrap_or(0), 0))?;
            let behind = table.range((current.map_or(0, |current| current + 1), 0)..)?;
            for entry in before.chain(behind).take(CLEAR_STEP_CHUNKS) {
                keys.push(entry?.0.value());
            }
            Ok(keys)
        })?;
        if others.is_empty() {
            return Ok(());
        }
        database.write(Commit::Lazy, |txn| {
            let mut table = txn.open_table(CHUNKS)?;
            for key in others {
                table.remove(key)?;
            }
            Ok(())
        })?;
    }
}

fn context((generation, number): (u64, u32)) -> Vec<u8> {
    [generation.to_be_bytes().as_slice(), &number.to_be_bytes()].concat()
}

#[cfg(test)]
pub(super) mod damage {
    //! What only a broken disk does.

    use super::{CHUNKS, Commit, Database, Error};
    use crate::database::ReadableTable as _;

    /// Flips a bit inside of a chunk of the first checkpoint.
    pub(crate) fn flip(database: &Database, number: u32) -> Result<(), Error> {
        database.write(Commit::Durable, |txn| {
            let mut table = txn.open_table(CHUNKS)?;
            let mut bytes = table.get((0, number))?.expect("the chunk is there").value().to_vec();
            *bytes.last_mut().expect("it has a checksum") ^= 1;
            table.insert((0, number), bytes.as_slice())?;
            Ok(())
        })
    }
}
