//! A backup on its way into a file: blocks, each numbered and checked, behind a head that says which
//! format they are. What is in them is their owner's.
//!
//! ```text
//! head   "STINTBAK" ‖ format ‖ crc32 of both
//! block  length ‖ number ‖ kind ‖ crc32 of number, kind and content ‖ content
//! end    a block of the kind 0: how many blocks and bytes came before it, and their crc32
//! ```
//!
//! Numbers are little-endian. A file that was cut off has no end, at whichever byte that was.

use std::io::{self, Read};

use crate::{Error, checked::Fields, limits::BLOCK_BYTES_MAX};

/// The format that this version writes, and the newest that it reads.
const FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"STINTBAK";
const HEAD_BYTES: usize = 16;

/// Bytes of a block before its content.
const BLOCK_HEAD_BYTES: usize = 13;

/// The kind of the last block. Owners begin with 1.
const END: u8 = 0;

/// Makes the bytes of a backup, which the caller sends on in this order.
#[derive(Debug)]
pub struct BackupEncoder {
    number: u32,
    bytes: u64,
    hasher: crc32fast::Hasher,
}

impl BackupEncoder {
    /// The encoder, and the first bytes of the file.
    pub fn new() -> (Self, Vec<u8>) {
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&FORMAT.to_le_bytes());
        head.extend_from_slice(&crc32fast::hash(&head).to_le_bytes());
        let mut encoder = Self { number: 0, bytes: 0, hasher: crc32fast::Hasher::new() };
        encoder.count(&head);
        (encoder, head)
    }

    /// The next block, of a kind above 0.
    ///
    /// # Errors
    /// [`Error::TooLarge`]: a block is held in memory by whoever reads it.
    pub fn block(&mut self, kind: u8, content: &[u8]) -> Result<Vec<u8>, Error> {
        if content.len() > BLOCK_BYTES_MAX {
            let (bytes, bytes_max) = (content.len(), BLOCK_BYTES_MAX);
            return Err(Error::TooLarge { what: "a block of a backup", bytes, bytes_max });
        }
        let block = block(self.number, kind, content);
        self.number += 1;
        self.count(&block);
        Ok(block)
    }

    /// The last block.
    pub fn end(self) -> Vec<u8> {
        block(self.number, END, &end(self.number, self.bytes, self.hasher))
    }

    fn count(&mut self, bytes: &[u8]) {
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.hasher.update(bytes);
    }
}

fn block(number: u32, kind: u8, content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).expect("a block has a bound far below 4 GiB");
    let mut bytes = Vec::with_capacity(BLOCK_HEAD_BYTES + content.len());
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(&crc(number, kind, content).to_le_bytes());
    bytes.extend_from_slice(content);
    bytes
}

fn crc(number: u32, kind: u8, content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&[kind]);
    hasher.update(content);
    hasher.finalize()
}

fn end(blocks: u32, bytes: u64, hasher: crc32fast::Hasher) -> Vec<u8> {
    let mut content = blocks.to_le_bytes().to_vec();
    content.extend_from_slice(&bytes.to_le_bytes());
    content.extend_from_slice(&hasher.finalize().to_le_bytes());
    content
}

/// Reads a backup, block by block, and believes none of it before it is checked.
#[derive(Debug)]
pub struct BackupReader<R> {
    from: R,
    number: u32,
    bytes: u64,
    hasher: crc32fast::Hasher,
}

impl<R: Read> BackupReader<R> {
    /// Reads the head.
    ///
    /// # Errors
    /// [`Error::BadBackup`] if it is no backup, [`Error::NewerBackup`] if a later version made it.
    pub fn new(mut from: R) -> Result<Self, Error> {
        let mut head = [0; HEAD_BYTES];
        let found = fill(&mut from, &mut head)?;
        let (text, sum) = head.split_at(HEAD_BYTES - 4);
        if found < MAGIC.len() || !head.starts_with(MAGIC) {
            return Err(bad("it does not begin as a backup of stint does"));
        }
        if found < HEAD_BYTES || crc32fast::hash(text).to_le_bytes() != sum {
            return Err(bad("its head, the first 16 bytes, does not match its checksum"));
        }
        let mut fields = Fields(text.get(MAGIC.len()..).unwrap_or_default());
        let format = fields.u32().unwrap_or(0);
        if format > FORMAT {
            return Err(Error::NewerBackup { found: format, known: FORMAT });
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&head);
        Ok(Self { from, number: 0, bytes: u64::try_from(HEAD_BYTES).unwrap_or(0), hasher })
    }

    /// The next block, its kind and its content; `None` once the end was there and is right.
    ///
    /// # Errors
    /// [`Error::BadBackup`], which says which block is not whole, and at which byte it begins.
    pub fn next_block(&mut self) -> Result<Option<(u8, Vec<u8>)>, Error> {
        let mut head = [0; BLOCK_HEAD_BYTES];
        if fill(&mut self.from, &mut head)? < BLOCK_HEAD_BYTES {
            return Err(self.bad("the file is cut off before it"));
        }
        let mut fields = Fields(&head);
        let parsed = (|| Some((fields.u32()?, fields.u32()?, fields.u8()?, fields.u32()?)))();
        let (len, number, kind, sum) = parsed.expect("the head was filled");
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len > BLOCK_BYTES_MAX {
            return Err(self.bad("its length is damaged"));
        }
        let mut content = vec![0; len];
        if fill(&mut self.from, &mut content)? < len {
            return Err(self.bad("the file is cut off inside of it"));
        }
        if crc(number, kind, &content) != sum {
            return Err(self.bad("it does not match its checksum"));
        }
        if number != self.number {
            return Err(self.bad(&format!("block {number} stands in its place")));
        }
        if kind == END {
            return self.finish(&content).map(|()| None);
        }
        self.number += 1;
        for part in [&head[..], &content] {
            self.bytes += u64::try_from(part.len()).unwrap_or(u64::MAX);
            self.hasher.update(part);
        }
        Ok(Some((kind, content)))
    }

    /// How many bytes came before the next block.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn finish(&mut self, content: &[u8]) -> Result<(), Error> {
        if content != end(self.number, self.bytes, self.hasher.clone()) {
            return Err(self.bad("the whole does not match the checksum at the end"));
        }
        if fill(&mut self.from, &mut [0])? > 0 {
            return Err(self.bad("there are bytes behind the end"));
        }
        Ok(())
    }

    fn bad(&self, what: &str) -> Error {
        bad(&format!("block {}, at byte {}: {what}", self.number, self.bytes))
    }
}

fn bad(detail: &str) -> Error {
    Error::BadBackup { detail: detail.into() }
}

/// Reads until the buffer is full or the file ends, and says how far that was.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> Result<usize, Error> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(bad(&format!("it cannot be read: {error}"))),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
