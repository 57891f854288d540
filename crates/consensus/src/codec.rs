//! Core types as the bytes of `stint.log.v1`, and back.
//!
//! Encoding cannot fail. Decoding checks everything: bytes that no encoder wrote are [`Garbled`],
//! and a replica that finds such bytes in its committed log stops.

mod audit;
mod command;
mod configuration;
mod cron;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod golden;
mod job;
mod members;
mod offer;
mod reply;
#[cfg(test)]
pub(crate) mod samples;
mod state;
mod token;

use stint_core::{CapacityMap, Epoch, JobId, LeaseId, Level, Parameters, Timestamp, WorkerId};
use stint_proto::log::v1 as pb;
use thiserror::Error;

use crate::level::{VERSION, too_new};

pub(crate) use audit::{decode_audit, encode_audit, with_origin};
#[cfg(test)]
pub(crate) use command::decode_proposal;
pub(crate) use command::{check_unstamped, decode_audited, encode_command, level_of, stamp};
pub(crate) use job::{
    decode_job, decode_lines, encode_job, encode_lines, kind_of_job, status_of_kind,
};
pub(crate) use members::disk_of;
pub(crate) use reply::{decode_answer, encode_answer};
pub(crate) use state::{decode_header, encode_chunks, encode_header, level_of_header, move_header};

/// Bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Garbled {
    /// No encoder wrote them.
    #[error("garbled {what}: {why}")]
    Wrong { what: &'static str, why: String },
    /// A later version wrote them, in a cluster of a level that this one does not know.
    #[error("{what}: {}", too_new(*.level))]
    TooNew { what: &'static str, level: Level },
}

impl Garbled {
    pub(crate) fn new(what: &'static str, why: impl std::fmt::Display) -> Self {
        let why = why.to_string();
        Self::Wrong { what, why }
    }
}

impl From<Garbled> for std::io::Error {
    fn from(garbled: Garbled) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, garbled)
    }
}

type Decoded<T> = Result<T, Garbled>;

fn missing(what: &'static str) -> Garbled {
    Garbled::new(what, "it is missing")
}

fn decode<M: prost::Message + Default>(what: &'static str, bytes: &[u8]) -> Decoded<M> {
    M::decode(bytes).map_err(|error| Garbled::new(what, error))
}

/// The same for what every replica has to understand alike. A field that is not known here would be
/// passed over, and then the states of two replicas would differ without anybody seeing it. Two guards
/// are against that. Whoever writes says which level is needed; and what is understood has to be as
/// long as what was there, should somebody have forgotten to say it.
fn decode_whole<M: prost::Message + Default>(
    what: &'static str,
    bytes: &[u8],
    level: fn(&M) -> u32,
) -> Decoded<M> {
    let message: M = decode(what, bytes)?;
    let needed = Level::new(level(&message));
    if needed > Level::NEWEST {
        return Err(Garbled::TooNew { what, level: needed });
    }
    let (understood, all) = (message.encoded_len(), bytes.len());
    if understood != all {
        let why = format!(
            "of {all} bytes only {understood} mean something to this version, {VERSION}: a later one \
             has written them, or none"
        );
        return Err(Garbled::new(what, why));
    }
    Ok(message)
}

fn job_id(bytes: &[u8]) -> Decoded<JobId> {
    uuid("job id", bytes).map(JobId::from_bytes)
}

/// Empty bytes are no job.
fn job_id_if_any(bytes: &[u8]) -> Decoded<Option<JobId>> {
    if bytes.is_empty() { Ok(None) } else { job_id(bytes).map(Some) }
}

fn uuid(what: &'static str, bytes: &[u8]) -> Decoded<[u8; 16]> {
    let wrong = |_| Garbled::new(what, format!("{} bytes, not 16", bytes.len()));
    <[u8; 16]>::try_from(bytes).map_err(wrong)
}

fn job_bytes(id: JobId) -> Vec<u8> {
    id.to_bytes().to_vec()
}

fn worker_id(number: u64) -> Decoded<WorkerId> {
    WorkerId::new(number).ok_or_else(|| Garbled::new("worker id", "more than 48 bits"))
}

fn worker_ref(worker: WorkerId, epoch: Epoch) -> pb::WorkerRef {
    pb::WorkerRef { worker: worker.get(), epoch: epoch.0 }
}

fn capacity(map: &CapacityMap) -> pb::CapacityMap {
    pb::CapacityMap { entries: map.iter().map(|(name, n)| (name.to_owned(), n)).collect() }
}

fn capacity_of(map: pb::CapacityMap) -> CapacityMap {
    map.entries.into_iter().collect()
}

fn strings(map: &Parameters) -> pb::StringMap {
    pb::StringMap { entries: map.clone() }
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_ms(ms)
}

/// As it is sent and stored: the first level goes without saying.
pub(crate) fn wire_level(level: Level) -> u32 {
    if level == Level::FIRST { 0 } else { level.get() }
}

fn lease(number: u64) -> LeaseId {
    LeaseId(number)
}
