//! Receiving: frames checked one by one and written to a fresh state file beside the real one.

use std::path::Path;

use stint_failpoint::failpoint;

use crate::{
    Audited, CheckpointHeader, Error, Record,
    checked::{Fields, unseal},
    database::{Commit, Database},
    directory::{check_reserve, remove_file},
    limits::{
        AUDIT_BYTES_MAX, CHUNK_BYTES_MAX, FRAME_BYTES_MAX, HEADER_BYTES_MAX, RECEIVE_STEP_BYTES,
        RECORD_BYTES_MAX,
    },
    state::{Kind, Slot, Tables, check, put_audit},
};

use super::{AUDITED, CHUNK, END, HEAD, ITEM_HEAD_BYTES, RECORD, Tally, VERSION};

/// No item is longer: the largest content and room for its fields.
const ITEM_BYTES_MAX: usize = 64 * 1024 + {
    assert!(CHUNK_BYTES_MAX <= RECORD_BYTES_MAX && HEADER_BYTES_MAX <= RECORD_BYTES_MAX);
    RECORD_BYTES_MAX
};

/// A snapshot that is coming in. Dropping it removes what has come.
///
/// After an error it is of no use: drop it and start again.
pub struct SnapshotWriter {
    incoming: Incoming,
    /// What its records are counted by.
    kind: Option<Kind>,
    tally: Tally,
    /// Bytes of the stream that are not a whole item yet.
    buffer: Vec<u8>,
    frames: u32,
    header: Option<CheckpointHeader>,
    records: Vec<Record>,
    audited: Vec<Audited>,
    unflushed_bytes: usize,
    last_id: Option<[u8; 16]>,
    last_audited: Option<u64>,
    is_ended: bool,
    is_broken: bool,
}

/// A snapshot that has come in whole: checked, and synced to the disk beside the state. Dropping
/// it removes it; [`StateStore::install`](crate::StateStore::install) puts it in force.
pub struct Received {
    incoming: Incoming,
    header: CheckpointHeader,
}

/// A state file that is being made, removed unless it takes the place of the state's.
pub(crate) struct Incoming {
    database: Option<Database>,
}

impl Incoming {
    pub(crate) fn new(database: Database) -> Self {
        Self { database: Some(database) }
    }

    /// The open database, after `move_it` has given its file another name.
    pub(crate) fn take(
        mut self,
        move_it: impl FnOnce(&Path) -> Result<(), Error>,
    ) -> Result<Database, Error> {
        move_it(self.database().path())?;
        Ok(self.database.take().expect("it was there one line above"))
    }

    pub(crate) fn database(&self) -> &Database {
        self.database.as_ref().expect("only `take` takes it, and consumes the rest")
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Some(database) = self.database.take()
            && let Err(error) = remove_file(database.path())
        {
            tracing::warn!(%error, "a state file that is not wanted stays until the next start");
        }
    }
}

impl Received {
    /// The checkpoint that was received.
    pub fn checkpoint(&self) -> &CheckpointHeader {
        &self.header
    }

    pub(crate) fn into_incoming(self) -> Incoming {
        self.incoming
    }
}

impl SnapshotWriter {
    pub(crate) fn new(database: Database, kind: Option<Kind>) -> Self {
        Self {
            incoming: Incoming::new(database),
            kind,
            tally: Tally::default(),
            buffer: Vec::new(),
            frames: 0,
            header: None,
            records: Vec::new(),
            audited: Vec::new(),
            unflushed_bytes: 0,
            last_id: None,
            last_audited: None,
            is_ended: false,
            is_broken: false,
        }
    }

    /// Takes the next frame.
    ///
    /// # Errors
    /// [`Error::BadSnapshot`] if it is damaged, not the next one, or not what must come here.
    pub fn write_frame(&mut self, frame: &[u8]) -> Result<(), Error> {
        if self.is_broken {
            return Err(bad("an earlier frame was refused"));
        }
        failpoint!("storage::snapshot::write")?;
        let result = self.take_frame(frame);
        self.is_broken = result.is_err();
        result
    }

    /// The checkpoint that is coming in, as soon as it has said what it is.
    pub fn checkpoint(&self) -> Option<&CheckpointHeader> {
        self.header.as_ref()
    }

    /// How many frames it has taken: the number of the next one.
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// Whether the last frame has come.
    pub fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Checks that all has come, and syncs it.
    ///
    /// # Errors
    /// [`Error::BadSnapshot`] if the stream is cut short.
    pub fn finish(self) -> Result<Received, Error> {
        self.finish_as(Ok)
    }

    /// The same, with another header in the place of the one that came.
    pub fn finish_as(
        mut self,
        other: impl FnOnce(CheckpointHeader) -> Result<CheckpointHeader, Error>,
    ) -> Result<Received, Error> {
        if self.is_broken {
            return Err(bad("an earlier frame was refused"));
        }
        let header = self.header.take().filter(|_| self.is_ended && self.buffer.is_empty());
        let header = other(header.ok_or_else(|| bad("the stream is cut short"))?)?;
        self.flush()?;
        failpoint!("storage::snapshot::finish")?;
        self.incoming.database().write(Commit::Checkpoint, |txn| {
            Slot::FIRST.finish(txn, self.tally.chunks, header.index, &header.header)
        })?;
        Ok(Received { incoming: self.incoming, header })
    }

    fn take_frame(&mut self, frame: &[u8]) -> Result<(), Error> {
        if frame.len() > FRAME_BYTES_MAX {
            return Err(bad("a frame is too long"));
        }
        let body = unseal(&[], frame).ok_or_else(|| bad("a frame does not match its checksum"))?;
        let mut fields = Fields(body);
        if fields.u32() != Some(self.frames) {
            return Err(bad("a frame is missing or comes twice"));
        }
        self.frames += 1;
        self.buffer.extend_from_slice(fields.rest());
        let buffer = std::mem::take(&mut self.buffer);
        let mut rest = buffer.as_slice();
        while let Some((item, behind)) = split_item(rest)? {
            self.take_item(item)?;
            rest = behind;
        }
        self.buffer = rest.to_vec();
        Ok(())
    }

    fn take_item(&mut self, item: &[u8]) -> Result<(), Error> {
        let (kind, content) = (item.first().copied(), item.get(ITEM_HEAD_BYTES..));
        let kind = kind.filter(|_| !self.is_ended).ok_or_else(|| bad("bytes behind the end"))?;
        let content = content.unwrap_or_default();
        match (kind, &self.header) {
            (HEAD, None) => self.header = Some(head(content)?),
            (CHUNK, Some(_)) if self.last_id.is_none() && self.last_audited.is_none() => {
                self.take_chunk(content)?;
            }
            (RECORD, Some(_)) if self.last_audited.is_none() => self.take_record(content)?,
            (AUDITED, Some(_)) => self.take_audited(content)?,
            (END, Some(_)) if content == self.tally.encode() => self.is_ended = true,
            (END, Some(_)) => return Err(bad("the whole does not match its checksum")),
            _ => return Err(bad("an item of unknown kind or in the wrong place")),
        }
        self.tally.add(kind, item);
        Ok(())
    }

    fn take_chunk(&mut self, chunk: &[u8]) -> Result<(), Error> {
        let database = self.incoming.database();
        check_reserve(database.path())?;
        let number = self.tally.chunks;
        database.write(Commit::Lazy, |txn| Slot::FIRST.put_chunk(txn, number, chunk))
    }

    fn take_record(&mut self, content: &[u8]) -> Result<(), Error> {
        let mut fields = Fields(content);
        let record = fields.array().and_then(|id| Record::decode(id, fields.rest()));
        let record = record.ok_or_else(|| bad("a record cannot be read"))?;
        check(&record).map_err(|error| bad(&error.to_string()))?;
        if self.last_id.is_some_and(|last| last >= record.id) {
            return Err(bad("the records are out of order"));
        }
        self.last_id = Some(record.id);
        self.records.push(record);
        self.flush_if_full(content.len())
    }

    fn take_audited(&mut self, content: &[u8]) -> Result<(), Error> {
        let mut fields = Fields(content);
        let index = fields.u64().ok_or_else(|| bad("a record of the audit log cannot be read"))?;
        let body = fields.rest().to_vec();
        if body.len() > AUDIT_BYTES_MAX {
            return Err(bad("a record of the audit log is too long"));
        }
        if self.last_audited.is_some_and(|last| last >= index) {
            return Err(bad("the audit log is out of order"));
        }
        self.last_audited = Some(index);
        self.audited.push(Audited { index, body });
        self.flush_if_full(content.len())
    }

    fn flush_if_full(&mut self, bytes: usize) -> Result<(), Error> {
        self.unflushed_bytes += bytes;
        if self.unflushed_bytes >= RECEIVE_STEP_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let database = self.incoming.database();
        check_reserve(database.path())?;
        let records = std::mem::take(&mut self.records);
        let audited = std::mem::take(&mut self.audited);
        let kind = self.kind;
        self.unflushed_bytes = 0;
        database.write(Commit::Lazy, |txn| {
            let mut tables = Tables::open(txn, kind)?;
            records.iter().try_for_each(|record| tables.put(record))?;
            tables.finish_copy()?;
            put_audit(txn, &audited)
        })
    }
}

/// An item and what is behind it.
type Split<'a> = (&'a [u8], &'a [u8]);

/// The first item and what is behind it, or `None` if it is not there whole.
fn split_item(bytes: &[u8]) -> Result<Option<Split<'_>>, Error> {
    let mut fields = Fields(bytes);
    let Some((_, len)) = fields.u8().zip(fields.u32()) else { return Ok(None) };
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    if len > ITEM_BYTES_MAX {
        return Err(bad("an item is too long"));
    }
    Ok(bytes.split_at_checked(ITEM_HEAD_BYTES + len))
}

fn head(content: &[u8]) -> Result<CheckpointHeader, Error> {
    let mut fields = Fields(content);
    let version = fields.u32().ok_or_else(|| bad("the head is too short"))?;
    if version != VERSION {
        return Err(bad(&format!("its version is {version}, this replica reads {VERSION}")));
    }
    let index = fields.u64().ok_or_else(|| bad("the head is too short"))?;
    let header = fields.rest().to_vec();
    if header.len() > HEADER_BYTES_MAX {
        return Err(bad("the head is too long"));
    }
    Ok(CheckpointHeader { index, header })
}

fn bad(detail: &str) -> Error {
    Error::BadSnapshot { detail: detail.into() }
}
