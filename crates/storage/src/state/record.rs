//! A record of history: its fields, its stored form, and the index keys that lead to it.

use crate::{
    Error,
    checked::{Fields, put_bytes},
    limits::{ACTION_BYTES_MAX, RECORD_BYTES_MAX},
};

const LISTED: u8 = 1;
const HAS_WORKER: u8 = 2;

/// One finished job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The job's id.
    pub id: [u8; 16],
    /// When it was scheduled for, in milliseconds: what lists are ordered by.
    pub scheduled_at: u64,
    /// Its action, for lists by action.
    pub action: String,
    /// The worker that ran it last, for lists by worker.
    pub worker: Option<u64>,
    /// `false` for a tombstone: found by its id alone, in no list.
    pub listed: bool,
    /// The job, in its owner's encoding.
    pub body: Vec<u8>,
}

/// Where a record stands in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// When the job was scheduled for, in milliseconds.
    pub scheduled_at: u64,
    /// The job's id.
    pub id: [u8; 16],
}

/// Which records a list shows: those that match all that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this action.
    pub action: Option<String>,
    /// Only this worker.
    pub worker: Option<u64>,
}

/// The four ways to list history, each with an index of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Index {
    Time,
    Action,
    Worker,
    WorkerAction,
}

/// Refuses what would not fit the tables.
pub(crate) fn check(record: &Record) -> Result<(), Error> {
    let bounds = [
        ("a history record", record.body.len(), RECORD_BYTES_MAX),
        ("a record's action", record.action.len(), ACTION_BYTES_MAX),
    ];
    match bounds.into_iter().find(|(_, bytes, bytes_max)| bytes > bytes_max) {
        Some((what, bytes, bytes_max)) => Err(Error::TooLarge { what, bytes, bytes_max }),
        None => Ok(()),
    }
}

impl Record {
    /// All but the id.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + self.action.len() + self.body.len());
        let listed = if self.listed { LISTED } else { 0 };
        out.push(listed | if self.worker.is_some() { HAS_WORKER } else { 0 });
        out.extend_from_slice(&self.scheduled_at.to_le_bytes());
        out.extend_from_slice(&self.worker.unwrap_or(0).to_le_bytes());
        put_bytes(&mut out, self.action.as_bytes());
        out.extend_from_slice(&self.body);
        out
    }

    pub(crate) fn decode(id: [u8; 16], bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let flags = fields.u8()?;
        let scheduled_at = fields.u64()?;
        let worker = fields.u64()?;
        let action = String::from_utf8(fields.bytes()?.to_vec()).ok()?;
        if flags & !(LISTED | HAS_WORKER) != 0 {
            return None;
        }
        let worker = (flags & HAS_WORKER != 0).then_some(worker);
        let listed = flags & LISTED != 0;
        Some(Self { id, scheduled_at, action, worker, listed, body: fields.rest().to_vec() })
    }

    /// The keys of all indexes that this record is in.
    pub(super) fn keys(&self) -> Vec<(Index, Vec<u8>)> {
        if !self.listed {
            return Vec::new();
        }
        let key = Key { scheduled_at: self.scheduled_at, id: self.id }.encode();
        let action = Some(self.action.as_str());
        let mut keys = vec![prefix(None, None), prefix(action, None)];
        if self.worker.is_some() {
            keys.extend([prefix(None, self.worker), prefix(action, self.worker)]);
        }
        for (_, bytes) in &mut keys {
            bytes.extend_from_slice(&key);
        }
        keys
    }
}

impl Filter {
    /// The index that answers this filter, and what all of its keys start with.
    pub(super) fn prefix(&self) -> (Index, Vec<u8>) {
        prefix(self.action.as_deref(), self.worker)
    }
}

impl Key {
    pub(super) const BYTES: usize = 24;

    /// Big-endian, so that the order of bytes is the order of keys.
    pub(super) fn encode(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        let (time, id) = bytes.split_at_mut(8);
        time.copy_from_slice(&self.scheduled_at.to_be_bytes());
        id.copy_from_slice(&self.id);
        bytes
    }

    /// The key at the end of an index key.
    pub(super) fn decode(index_key: &[u8]) -> Option<Self> {
        let mut fields = Fields(index_key.last_chunk::<{ Self::BYTES }>()?);
        let scheduled_at = u64::from_be_bytes(fields.array()?);
        Some(Self { scheduled_at, id: fields.array()? })
    }
}

/// The action's length comes before it, so that no action's keys start with another's.
fn prefix(action: Option<&str>, worker: Option<u64>) -> (Index, Vec<u8>) {
    let mut bytes = Vec::new();
    if let Some(worker) = worker {
        bytes.extend_from_slice(&worker.to_be_bytes());
    }
    if let Some(action) = action {
        put_bytes(&mut bytes, action.as_bytes());
    }
    let index = match (action, worker) {
        (None, None) => Index::Time,
        (Some(_), None) => Index::Action,
        (None, Some(_)) => Index::Worker,
        (Some(_), Some(_)) => Index::WorkerAction,
    };
    (index, bytes)
}
