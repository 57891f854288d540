//! How a batch lies in the database: cut into pieces, since sled must not see large values.

use crate::{
    checked::{Fields, seal, unseal},
    limits::PIECE_BYTES_MAX,
};

/// A batch of lines as it was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The number of its first line.
    pub first_line: u64,
    /// How many lines it has.
    pub line_count: u32,
    /// The lines, in their owner's encoding.
    pub bytes: Vec<u8>,
}

/// Bytes of a piece's key: job, first line and number of the piece, in an order that sorts.
pub(super) const KEY_BYTES: usize = 26;

pub(super) fn key(job: &[u8; 16], first_line: u64, number: u16) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    let (head, tail) = key.split_at_mut(16);
    head.copy_from_slice(job);
    let (line, piece) = tail.split_at_mut(8);
    line.copy_from_slice(&first_line.to_be_bytes());
    piece.copy_from_slice(&number.to_be_bytes());
    key
}

/// A piece of a batch, read back.
pub(super) struct Piece {
    pub(super) first_line: u64,
    pub(super) number: u16,
    /// The number of the sync that covers it.
    pub(super) sync: u64,
    pub(super) line_count: u32,
    pub(super) pieces: u16,
    pub(super) bytes: Vec<u8>,
}

/// The pieces of a batch; an empty one has one too. No sync covers them yet.
pub(super) fn cut(first_line: u64, line_count: u32, batch: &[u8]) -> Vec<Piece> {
    let mut parts: Vec<&[u8]> = batch.chunks(PIECE_BYTES_MAX).collect();
    if parts.is_empty() {
        parts.push(&[]);
    }
    let pieces = u16::try_from(parts.len()).expect("a batch is at most 1 MiB, a piece 2 KiB");
    let piece = |(number, part): (u16, &[u8])| Piece {
        first_line,
        number,
        sync: 0,
        line_count,
        pieces,
        bytes: part.to_vec(),
    };
    (0..pieces).zip(parts).map(piece).collect()
}

impl Piece {
    /// Whether this is a piece of the same batch with the same bytes, whatever sync covers it.
    pub(super) fn says(&self, other: &Self) -> bool {
        (self.line_count, self.pieces, &self.bytes)
            == (other.line_count, other.pieces, &other.bytes)
    }

    pub(super) fn value(&self, key: &[u8]) -> Vec<u8> {
        let mut body = self.sync.to_le_bytes().to_vec();
        body.extend_from_slice(&self.line_count.to_le_bytes());
        body.extend_from_slice(&self.pieces.to_le_bytes());
        body.extend_from_slice(&self.bytes);
        seal(key, &body)
    }
}

/// A stored piece, or `None` if it is damaged.
pub(super) fn parse(key: &[u8], sealed: &[u8]) -> Option<Piece> {
    let mut fields = Fields(key);
    fields.array::<16>()?;
    let first_line = u64::from_be_bytes(fields.array()?);
    let number = u16::from_be_bytes(fields.array()?);
    let mut fields = Fields(unseal(key, sealed)?);
    let sync = fields.u64()?;
    let line_count = fields.u32()?;
    let pieces = u16::from_le_bytes(fields.array()?);
    Some(Piece { first_line, number, sync, line_count, pieces, bytes: fields.rest().to_vec() })
}

/// Puts pieces together that come in the order of their keys.
#[derive(Default)]
pub(super) struct Assembly {
    batch: Option<Batch>,
    next: u16,
    pieces: u16,
}

impl Assembly {
    /// The batch that this piece completes, if it does. `Err` if the piece does not follow: the
    /// batch was never written whole.
    pub(super) fn add(&mut self, piece: &Piece) -> Result<Option<Batch>, Incomplete> {
        if self.batch.is_none() {
            let Piece { first_line, line_count, pieces, .. } = *piece;
            self.batch = Some(Batch { first_line, line_count, bytes: Vec::new() });
            (self.next, self.pieces) = (0, pieces);
        }
        let Some(batch) = self.batch.as_mut() else { return Err(Incomplete) };
        let follows = piece.number == self.next && piece.first_line == batch.first_line;
        if !follows || piece.pieces != self.pieces {
            return Err(Incomplete);
        }
        batch.bytes.extend_from_slice(&piece.bytes);
        self.next += 1;
        Ok(if self.next == self.pieces { self.batch.take() } else { None })
    }
}

/// A batch that was cut short when it was written.
pub(super) struct Incomplete;
