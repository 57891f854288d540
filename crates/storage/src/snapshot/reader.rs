//! Sending: frames made from one pinned view, a little at a time.

use std::sync::Arc;

use stint_failpoint::failpoint;

use crate::{
    CheckpointHeader, Error, Record,
    checked::put_bytes,
    database::{Database, Pinned},
    limits::FRAME_BYTES_MAX,
    state::{Stored, audit_page, chunk, page, stored},
};

use super::{AUDITED, CHUNK, END, FRAME_HEAD_BYTES, HEAD, RECORD, Tally, VERSION};

/// A consistent snapshot, read as frames. It never holds more than a few items in memory, and
/// keeps the disk space of its view until it is dropped.
pub struct SnapshotReader {
    pinned: Pinned,
    source: Source,
    at: At,
    tally: Tally,
    /// Bytes of the stream that are not in a frame yet.
    buffer: Vec<u8>,
    frames: u32,
}

/// Where the checkpoint comes from; records and the audit log are those of the view.
enum Source {
    /// The one that lies in the file.
    Stored(Stored),
    /// One that fits the view better: of the moment at which it was pinned.
    Given(CheckpointHeader, Box<dyn Iterator<Item = Vec<u8>> + Send>),
}

/// What comes next in the stream.
enum At {
    Head,
    Chunk(u32),
    Records { after: Option<[u8; 16]> },
    Audit { after: Option<u64> },
    End,
    Over,
}

impl SnapshotReader {
    pub(crate) fn new(database: &Arc<Database>) -> Result<Option<Self>, Error> {
        let pinned = database.pin()?;
        let Some(stored) = pinned.read(stored)? else { return Ok(None) };
        Ok(Some(Self::of(pinned, Source::Stored(stored))))
    }

    pub(crate) fn given(
        database: &Arc<Database>,
        header: CheckpointHeader,
        chunks: Box<dyn Iterator<Item = Vec<u8>> + Send>,
    ) -> Result<Self, Error> {
        Ok(Self::of(database.pin()?, Source::Given(header, chunks)))
    }

    fn of(pinned: Pinned, source: Source) -> Self {
        let (tally, buffer) = (Tally::default(), Vec::new());
        Self { pinned, source, at: At::Head, tally, buffer, frames: 0 }
    }

    /// The checkpoint that this snapshot holds.
    pub fn checkpoint(&self) -> &CheckpointHeader {
        match &self.source {
            Source::Stored(stored) => &stored.header,
            Source::Given(header, _) => header,
        }
    }

    /// Records of the same view in the order of their ids, from behind `after` on: about as many as
    /// a frame has room for, and none at the end.
    pub fn records(&self, after: Option<[u8; 16]>) -> Result<Vec<Record>, Error> {
        self.pinned.read(|txn| page(txn, after, FRAME_BYTES_MAX))
    }

    /// The next frame, at most [`FRAME_BYTES_MAX`] long; `None` after the last one.
    pub fn next_frame(&mut self) -> Result<Option<Vec<u8>>, Error> {
        failpoint!("storage::snapshot::read")?;
        let payload_max = FRAME_BYTES_MAX - FRAME_HEAD_BYTES;
        while self.buffer.len() < payload_max && !matches!(self.at, At::Over) {
            self.fill()?;
        }
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let rest = self.buffer.split_off(payload_max.min(self.buffer.len()));
        let payload = std::mem::replace(&mut self.buffer, rest);
        let mut body = self.frames.to_le_bytes().to_vec();
        body.extend_from_slice(&payload);
        self.frames += 1;
        Ok(Some(crate::checked::seal(&[], &body)))
    }

    fn fill(&mut self) -> Result<(), Error> {
        self.at = match self.at {
            At::Head => {
                let mut head = VERSION.to_le_bytes().to_vec();
                let CheckpointHeader { index, header } = self.checkpoint();
                head.extend_from_slice(&index.to_le_bytes());
                head.extend_from_slice(header);
                self.put(HEAD, &head);
                At::Chunk(0)
            }
            At::Chunk(number) => match self.next_chunk(number)? {
                Some(chunk) => {
                    self.put(CHUNK, &chunk);
                    At::Chunk(number + 1)
                }
                None => At::Records { after: None },
            },
            At::Records { after } => {
                let records = self.pinned.read(|txn| page(txn, after, FRAME_BYTES_MAX))?;
                for record in &records {
                    let mut item = record.id.to_vec();
                    item.extend_from_slice(&record.encode());
                    self.put(RECORD, &item);
                }
                match records.last() {
                    Some(last) => At::Records { after: Some(last.id) },
                    None => At::Audit { after: None },
                }
            }
            At::Audit { after } => {
                let page = self.pinned.read(|txn| audit_page(txn, after, FRAME_BYTES_MAX))?;
                for audited in &page {
                    let mut item = audited.index.to_le_bytes().to_vec();
                    item.extend_from_slice(&audited.body);
                    self.put(AUDITED, &item);
                }
                page.last().map_or(At::End, |last| At::Audit { after: Some(last.index) })
            }
            At::End => {
                let end = self.tally.encode();
                self.put(END, &end);
                At::Over
            }
            At::Over => At::Over,
        };
        Ok(())
    }

    fn next_chunk(&mut self, number: u32) -> Result<Option<Vec<u8>>, Error> {
        match &mut self.source {
            Source::Stored(stored) if number < stored.chunks => {
                self.pinned.read(|txn| chunk(txn, stored, number)).map(Some)
            }
            Source::Stored(_) => Ok(None),
            Source::Given(_, chunks) => Ok(chunks.next()),
        }
    }

    fn put(&mut self, kind: u8, content: &[u8]) {
        let start = self.buffer.len();
        self.buffer.push(kind);
        put_bytes(&mut self.buffer, content);
        let (_, item) = self.buffer.split_at(start);
        self.tally.add(kind, item);
    }
}
