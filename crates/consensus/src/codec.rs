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

use stint_core::{CapacityMap, Epoch, JobId, LeaseId, Parameters, Timestamp, WorkerId};
use stint_proto::log::v1 as pb;
use thiserror::Error;

pub(crate) use audit::{decode_audit, encode_audit, with_origin};
#[cfg(test)]
pub(crate) use command::decode_proposal;
pub(crate) use command::{check_unstamped, decode_audited, encode_command, stamp};
pub(crate) use job::{decode_job, decode_lines, encode_job, encode_lines};
pub(crate) use members::disk_of;
pub(crate) use reply::{decode_answer, encode_answer};
pub(crate) use state::{decode_header, encode_chunks, encode_header, move_header};

/// Bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("garbled {what}: {why}")]
pub(crate) struct Garbled {
    what: &'static str,
    why: String,
}

impl Garbled {
    pub(crate) fn new(what: &'static str, why: impl std::fmt::Display) -> Self {
        let why = why.to_string();
        Self { what, why }
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

fn lease(number: u64) -> LeaseId {
    LeaseId(number)
}
