//! A snapshot on the wire: checkpoint and history as a stream of bounded, checked frames.
//!
//! A frame is `crc32 ‖ number ‖ payload`; the payloads, one after the other, are a sequence of
//! items `kind ‖ length ‖ bytes`: one head, the checkpoint's chunks, the records in the order of
//! their ids, the audit log in the order of its entries, one end. The end counts the items and carries the checksum of all bytes before it.

mod reader;
mod writer;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

pub(crate) use self::writer::Incoming;
pub use self::{
    reader::SnapshotReader,
    writer::{Received, SnapshotWriter},
};

/// The version of the stream.
const VERSION: u32 = 1;

/// Bytes of a frame before its payload.
const FRAME_HEAD_BYTES: usize = 8;

/// Bytes of an item before its content.
const ITEM_HEAD_BYTES: usize = 5;

const HEAD: u8 = 1;
const CHUNK: u8 = 2;
const RECORD: u8 = 3;
const END: u8 = 4;
const AUDITED: u8 = 5;

/// What the end of a stream says about all that came before.
#[derive(Debug, Clone, Default)]
struct Tally {
    chunks: u32,
    records: u64,
    bytes: u64,
    hasher: crc32fast::Hasher,
}

impl Tally {
    /// Takes an item's bytes into account, its head included.
    fn add(&mut self, kind: u8, item: &[u8]) {
        self.chunks += u32::from(kind == CHUNK);
        self.records += u64::from(kind == RECORD);
        self.bytes += u64::try_from(item.len()).unwrap_or(u64::MAX);
        self.hasher.update(item);
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.chunks.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.records.to_le_bytes());
        bytes.extend_from_slice(&self.bytes.to_le_bytes());
        bytes.extend_from_slice(&self.hasher.clone().finalize().to_le_bytes());
        bytes
    }
}
