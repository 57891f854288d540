//! A record of history: its fields, its stored form, and the index keys that lead to it.

use crate::{
    Error,
    checked::{Fields, put_bytes},
    limits::{ACTION_BYTES_MAX, RECORD_BYTES_MAX},
};

const LISTED: u8 = 1;
const HAS_WORKER: u8 = 2;
/// It says when it ended; the first format did not.
const HAS_END: u8 = 4;
const HAS_OUTPUT: u8 = 8;

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
    /// When the job ended, in milliseconds: what history is compacted by.
    pub ended_at: u64,
    /// The period of its output, if it has any.
    pub output: Option<u32>,
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

/// A place in the order in which jobs ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ended {
    /// When it ended, in milliseconds.
    pub at: u64,
    /// The job's id.
    pub id: [u8; 16],
}

/// The ways to list history, each with an index of its own: four for those who ask, and the order
/// of ends, of jobs and of tombstones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Index {
    Time,
    Action,
    Worker,
    WorkerAction,
    End,
    Tombstone,
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
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        out.push(
            HAS_END
                | flag(self.listed, LISTED)
                | flag(self.worker.is_some(), HAS_WORKER)
                | flag(self.output.is_some(), HAS_OUTPUT),
        );
        out.extend_from_slice(&self.scheduled_at.to_le_bytes());
        out.extend_from_slice(&self.worker.unwrap_or(0).to_le_bytes());
        put_bytes(&mut out, self.action.as_bytes());
        out.extend_from_slice(&self.ended_at.to_le_bytes());
        if let Some(period) = self.output {
            out.extend_from_slice(&period.to_le_bytes());
        }
        out.extend_from_slice(&self.body);
        out
    }

    pub(crate) fn decode(id: [u8; 16], bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let flags = fields.u8()?;
        let scheduled_at = fields.u64()?;
        let worker = fields.u64()?;
        let action = String::from_utf8(fields.bytes()?.to_vec()).ok()?;
        if flags & !(LISTED | HAS_WORKER | HAS_END | HAS_OUTPUT) != 0 {
            return None;
        }
        let ended_at = if flags & HAS_END != 0 { fields.u64()? } else { scheduled_at };
        let output = if flags & HAS_OUTPUT != 0 { Some(fields.u32()?) } else { None };
        let worker = (flags & HAS_WORKER != 0).then_some(worker);
        let listed = flags & LISTED != 0;
        let body = fields.rest().to_vec();
        Some(Self { id, scheduled_at, action, worker, ended_at, output, listed, body })
    }

    /// The keys of all indexes that this record is in.
    pub(super) fn keys(&self) -> Vec<(Index, Vec<u8>)> {
        let end = Ended { at: self.ended_at, id: self.id }.encode().to_vec();
        if !self.listed {
            return vec![(Index::Tombstone, end)];
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
        keys.push((Index::End, end));
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

impl Ended {
    /// In an order that sorts.
    pub(super) fn encode(self) -> [u8; Key::BYTES] {
        Key { scheduled_at: self.at, id: self.id }.encode()
    }

    pub(super) fn decode(index_key: &[u8]) -> Option<Self> {
        Key::decode(index_key).map(|key| Self { at: key.scheduled_at, id: key.id })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_and_so_does_one_of_the_first_format() {
        let record = Record {
            id: [1; 16],
            scheduled_at: 7,
            action: "scan".into(),
            worker: Some(9),
            ended_at: 8,
            output: Some(20_000),
            listed: true,
            body: b"body".to_vec(),
        };
        assert_eq!(Record::decode([1; 16], &record.encode()).as_ref(), Some(&record));
        let first = [&[3][..], &7_u64.to_le_bytes(), &9_u64.to_le_bytes(), b"\x04\0\0\0scanbody"];
        let decoded = Record::decode([1; 16], &first.concat());
        assert_eq!(decoded, Some(Record { ended_at: 7, output: None, ..record }));
        assert_eq!(Record::decode([1; 16], &[0xff; 64]), None);
    }
}
