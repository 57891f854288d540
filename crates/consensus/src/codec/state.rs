//! Checkpoints: a header with what is small, and chunks of jobs and of what clients have set.

use prost::Message as _;
use stint_core::{
    Draining, Epoch, Generation, Incarnation, LeaseId, Level, ListKey, Parts, QueuePause, Span,
    State, Timestamp, Worker, WorkerStatus,
};
use stint_proto::log::v1 as pb;

use super::configuration::{action_config, action_config_of, settings, settings_of};
use super::cron::{cron, cron_of};
use super::job::{from_wire, to_wire};
use super::members::{invitation, invitation_of};
use super::offer::{offers, offers_of};
use super::token::{token, token_of};
use super::{
    Decoded, Garbled, at, capacity, capacity_of, decode_whole, job_bytes, job_id, lease,
    wire_level, worker_id,
};
use crate::limits::CHUNK_BYTES;

/// The header of a checkpoint taken at `applied` under `membership`.
pub(crate) fn encode_header(
    parts: &Parts,
    applied: Option<pb::LogId>,
    membership: pb::StoredMembership,
) -> Vec<u8> {
    pb::Checkpoint {
        now_ms: parts.now.as_ms(),
        sequence: parts.sequence,
        last_lease: parts.last_lease.0,
        last_job: parts.last_job,
        due_mark_ms: parts.due_mark.scheduled_at.as_ms(),
        due_mark_job: job_bytes(parts.due_mark.id),
        workers: parts.workers.iter().map(|worker| worker_to_wire(worker)).collect(),
        recently_ended_floor: parts.recently_ended_floor,
        applied,
        membership: Some(membership),
        last_generation: parts.last_generation.0,
        settings: Some(settings(&parts.settings)),
        is_closed: parts.is_closed,
        invitations: parts.invitations.iter().map(invitation).collect(),
        removed: parts.removed.iter().map(|replica| replica.get()).collect(),
        level: wire_level(parts.level),
        #[cfg(feature = "next-level")]
        notches: parts.notches,
    }
    .encode_to_vec()
}

/// What a header says: the parts without what is in chunks, and where in the log it stands.
pub(crate) fn decode_header(
    bytes: &[u8],
) -> Decoded<(Restored, Option<pb::LogId>, pb::StoredMembership)> {
    let header: pb::Checkpoint = decode_header_whole(bytes)?;
    let workers = header
        .workers
        .into_iter()
        .map(|worker| worker_of(worker).map(std::sync::Arc::new))
        .collect::<Decoded<_>>()?;
    let parts = Parts {
        now: at(header.now_ms),
        sequence: header.sequence,
        last_lease: LeaseId(header.last_lease),
        last_job: header.last_job,
        due_mark: ListKey {
            scheduled_at: at(header.due_mark_ms),
            id: job_id(&header.due_mark_job)?,
        },
        workers,
        recently_ended_floor: header.recently_ended_floor,
        last_generation: Generation(header.last_generation),
        settings: settings_of(&header.settings.unwrap_or_default())?,
        is_closed: header.is_closed,
        invitations: header.invitations.iter().map(invitation_of).collect::<Decoded<_>>()?,
        removed: header.removed.into_iter().map(worker_id).collect::<Decoded<_>>()?,
        level: Level::new(header.level),
        #[cfg(feature = "next-level")]
        notches: header.notches,
        ..Parts::default()
    };
    Ok((Restored { parts }, header.applied, header.membership.unwrap_or_default()))
}

fn decode_header_whole(bytes: &[u8]) -> Decoded<pb::Checkpoint> {
    decode_whole("checkpoint", bytes, |header: &pb::Checkpoint| header.level)
}

/// The level of the state that a checkpoint is of.
pub(crate) fn level_of_header(bytes: &[u8]) -> Decoded<Level> {
    decode_header_whole(bytes).map(|header| Level::new(header.level))
}

/// The same header for a checkpoint that stands elsewhere in a log, under another membership.
pub(crate) fn move_header(
    bytes: &[u8],
    applied: pb::LogId,
    membership: pb::StoredMembership,
) -> Decoded<Vec<u8>> {
    let header = decode_header_whole(bytes)?;
    let (applied, membership) = (Some(applied), Some(membership));
    Ok(pb::Checkpoint { applied, membership, ..header }.encode_to_vec())
}

/// A state that is being put together from the chunks of its checkpoint.
#[derive(Debug)]
pub(crate) struct Restored {
    parts: Parts,
}

impl Restored {
    /// The time of the state.
    pub(crate) fn now(&self) -> Timestamp {
        self.parts.now
    }

    /// Takes in the next chunk.
    pub(crate) fn add(&mut self, chunk: &[u8]) -> Decoded<()> {
        let chunk: pb::CheckpointChunk = decode_whole("checkpoint chunk", chunk, |_| 0)?;
        for job in chunk.jobs {
            self.parts.jobs.push(std::sync::Arc::new(from_wire(job)?));
        }
        for ended in chunk.recently_ended {
            self.parts.recently_ended.push((ended.sequence, job_id(&ended.job)?));
        }
        for cron in chunk.crons {
            self.parts.crons.push(std::sync::Arc::new(cron_of(cron)?));
        }
        for config in chunk.action_configs {
            self.parts.action_configs.push(std::sync::Arc::new(action_config_of(config)?));
        }
        for paused in chunk.paused {
            let pause = QueuePause { at: at(paused.at_ms), by: paused.by, reason: paused.reason };
            self.parts.paused.push((paused.action, pause));
        }
        for token in chunk.tokens {
            self.parts.tokens.push(std::sync::Arc::new(token_of(token)?));
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn parts(&self) -> Parts {
        self.parts.clone()
    }

    /// The state, if it is one that can be.
    pub(crate) fn finish(self) -> Decoded<State> {
        State::from_parts(self.parts).map_err(|violation| Garbled::new("checkpoint", violation))
    }
}

/// The chunks of a checkpoint, encoded one by one as they are asked for.
pub(crate) fn encode_chunks(parts: Parts) -> impl Iterator<Item = Vec<u8>> + Send {
    let mut jobs = parts.jobs.into_iter().map(|job| to_wire(&job));
    let mut ended = parts
        .recently_ended
        .into_iter()
        .map(|(sequence, id)| pb::EndedJob { sequence, job: job_bytes(id) });
    let mut paused = parts.paused.into_iter().map(|(action, pause)| pb::PausedQueue {
        action,
        at_ms: pause.at.as_ms(),
        by: pause.by,
        reason: pause.reason,
    });
    let mut tokens = parts.tokens.into_iter().map(|record| token(&record));
    let mut crons = parts.crons.into_iter().map(|record| cron(&record));
    let mut configs = parts.action_configs.into_iter().map(|record| action_config(&record));
    std::iter::from_fn(move || {
        let mut chunk = pb::CheckpointChunk::default();
        let mut room = Room::default();
        room.fill(&mut chunk.jobs, &mut jobs);
        room.fill(&mut chunk.recently_ended, &mut ended);
        room.fill(&mut chunk.crons, &mut crons);
        room.fill(&mut chunk.action_configs, &mut configs);
        room.fill(&mut chunk.tokens, &mut tokens);
        room.fill(&mut chunk.paused, &mut paused);
        (room.bytes > 0).then(|| chunk.encode_to_vec())
    })
}

/// How much a chunk has already.
#[derive(Default)]
struct Room {
    bytes: usize,
}

impl Room {
    /// Takes records until the chunk is full or there are no more.
    fn fill<T: prost::Message>(
        &mut self,
        into: &mut Vec<T>,
        records: &mut impl Iterator<Item = T>,
    ) {
        while self.bytes < CHUNK_BYTES
            && let Some(record) = records.next()
        {
            self.bytes += record.encoded_len();
            into.push(record);
        }
    }
}

fn worker_to_wire(worker: &Worker) -> pb::Worker {
    let (actions, offers) = offers(&worker.actions);
    pb::Worker {
        id: worker.id.get(),
        epoch: worker.epoch.0,
        incarnation: worker.incarnation.0,
        status: match worker.status {
            WorkerStatus::Running => 0,
            WorkerStatus::Dead => 1,
            WorkerStatus::Shutdown => 2,
        },
        is_confirmed: worker.is_confirmed,
        actions,
        offers,
        offer_number: worker.offer_number,
        capacity_declared: Some(capacity(&worker.capacity_declared)),
        capacity_set: worker.capacity_set.as_ref().map(capacity),
        capacity_in_use: Some(capacity(&worker.capacity_in_use)),
        runs: worker
            .runs
            .iter()
            .map(|(job, lease)| pb::Run { job: job_bytes(*job), lease: lease.0 })
            .collect(),
        ttl_ms: worker.ttl.as_ms(),
        renewal: worker.renewal,
        heartbeat_expiration_ms: worker.heartbeat_expiration.as_ms(),
        draining: worker.draining.map(|draining| pb::Draining {
            since_ms: draining.since.as_ms(),
            stops_at_ms: draining.stops_at.map(Timestamp::as_ms),
        }),
    }
}

fn worker_of(worker: pb::Worker) -> Decoded<Worker> {
    Ok(Worker {
        id: worker_id(worker.id)?,
        epoch: Epoch(worker.epoch),
        incarnation: Incarnation(worker.incarnation),
        status: match worker.status {
            0 => WorkerStatus::Running,
            1 => WorkerStatus::Dead,
            2 => WorkerStatus::Shutdown,
            other => return Err(Garbled::new("status of a worker", other)),
        },
        is_confirmed: worker.is_confirmed,
        actions: offers_of((worker.actions, worker.offers))?,
        offer_number: worker.offer_number,
        capacity_declared: capacity_of(worker.capacity_declared.unwrap_or_default()),
        capacity_set: worker.capacity_set.map(capacity_of),
        capacity_in_use: capacity_of(worker.capacity_in_use.unwrap_or_default()),
        runs: worker
            .runs
            .into_iter()
            .map(|run| Ok((job_id(&run.job)?, lease(run.lease))))
            .collect::<Decoded<_>>()?,
        ttl: Span::from_ms(worker.ttl_ms),
        renewal: worker.renewal,
        heartbeat_expiration: at(worker.heartbeat_expiration_ms),
        draining: worker.draining.map(|draining| Draining {
            since: at(draining.since_ms),
            stops_at: draining.stops_at_ms.map(at),
        }),
    })
}
