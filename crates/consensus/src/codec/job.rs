//! Jobs and lines: what stands in checkpoints, in history and in output.

use std::collections::BTreeSet;

use prost::Message as _;
use stint_core::{
    Attempt, AttemptEnd, Children, CronId, CronLink, Ending, Epoch, Job, JobSpec, LeftOut, Line,
    Policy, Priority, Status, Stream, Timeout, Timestamp,
};
use stint_proto::log::v1 as pb;

use super::offer::{traits, traits_of};
use super::token::hash_of;
use super::{
    Decoded, Garbled, at, capacity, capacity_of, decode, job_bytes, job_id, job_id_if_any, lease,
    missing, strings, uuid, worker_id,
};

pub(crate) fn encode_job(job: &Job) -> Vec<u8> {
    to_wire(job).encode_to_vec()
}

pub(crate) fn decode_job(bytes: &[u8]) -> Decoded<Job> {
    from_wire(decode("job", bytes)?)
}

/// What a record of history is counted by: the number of its job's status, of which alone its bytes are
/// read. What cannot be read is counted as what no status is.
pub(crate) fn kind_of_job(bytes: &[u8]) -> u8 {
    let job = StatusAlone::decode(bytes).ok();
    job.and_then(|job| u8::try_from(job.status).ok()).unwrap_or(u8::MAX)
}

/// The status that [`kind_of_job`] means; `None` of what could not be read.
pub(crate) fn status_of_kind(kind: u8) -> Option<Status> {
    status_of(kind.into()).ok()
}

/// [`pb::Job`] without all that counting does not ask for.
#[derive(Clone, PartialEq, prost::Message)]
struct StatusAlone {
    #[prost(uint32, tag = "4")]
    status: u32,
}

pub(super) fn to_wire(job: &Job) -> pb::Job {
    pb::Job {
        id: job_bytes(job.id),
        retry_from: job_bytes(job.retry_from),
        spec: Some(spec(&job.spec)),
        status: status(job.status),
        sequence: job.sequence,
        created_at_ms: job.created_at.as_ms(),
        scheduled_at_ms: job.scheduled_at.as_ms(),
        last_updated_ms: job.last_updated.as_ms(),
        retries_left: job.retries_left,
        retries_total: job.retries_total,
        worker: job.worker.map(stint_core::WorkerId::get),
        delete_requested: job.delete_requested,
        cancel_requested: job.cancel_requested,
        reclaims: job.reclaims,
        attempt_count: job.attempt_count,
        attempts: job.attempts.iter().map(attempt).collect(),
        line_count: job.line_count,
        from_config: job.from_config.iter().cloned().collect(),
        parent: job.parent.map(job_bytes).unwrap_or_default(),
        children: (job.children != Children::default()).then(|| children(job.children)),
        ending: job.ending.map(ending),
        token: job.token.map(|hash| hash.0.to_vec()).unwrap_or_default(),
        left_out: job.left_out.iter().map(|what| left_out(*what)).collect(),
        cron: job.cron.map(cron_link),
        policy: policy(&job.policy),
        is_expired: job.is_expired,
        retried_by: job.retried_by.map(job_bytes).unwrap_or_default(),
    }
}

pub(super) fn from_wire(job: pb::Job) -> Decoded<Job> {
    Ok(Job {
        id: job_id(&job.id)?,
        retry_from: job_id(&job.retry_from)?,
        spec: spec_of(job.spec.ok_or_else(|| missing("job spec"))?)?,
        status: status_of(job.status)?,
        sequence: job.sequence,
        created_at: at(job.created_at_ms),
        scheduled_at: at(job.scheduled_at_ms),
        last_updated: at(job.last_updated_ms),
        retries_left: job.retries_left,
        retries_total: job.retries_total,
        worker: job.worker.map(worker_id).transpose()?,
        delete_requested: job.delete_requested,
        cancel_requested: job.cancel_requested,
        reclaims: job.reclaims,
        attempt_count: job.attempt_count,
        attempts: job.attempts.into_iter().map(attempt_of).collect::<Decoded<_>>()?,
        line_count: job.line_count,
        from_config: names_of(job.from_config)?,
        parent: some(&job.parent).map(job_id).transpose()?,
        children: job.children.map(children_of).unwrap_or_default(),
        ending: job.ending.map(ending_of).transpose()?,
        token: some(&job.token).map(hash_of).transpose()?,
        left_out: all_left_out(&job.left_out)?,
        cron: job.cron.as_ref().map(cron_link_of).transpose()?,
        policy: policy_of(job.policy)?,
        is_expired: job.is_expired,
        retried_by: job_id_if_any(&job.retried_by)?,
    })
}

/// Bytes that are absent if there are none.
fn some(bytes: &[u8]) -> Option<&[u8]> {
    (!bytes.is_empty()).then_some(bytes)
}

fn children(children: Children) -> pb::Children {
    let Children { total, left, failed } = children;
    pb::Children { total, left, failed }
}

fn children_of(children: pb::Children) -> Children {
    let pb::Children { total, left, failed } = children;
    Children { total, left, failed }
}

fn ending(ending: Ending) -> pb::Ending {
    let (kind, number) = match ending {
        Ending::Success => (0, 0),
        Ending::Failure => (1, 0),
        Ending::Over(as_what) => (2, status(as_what)),
    };
    pb::Ending { kind, status: number }
}

fn ending_of(ending: pb::Ending) -> Decoded<Ending> {
    Ok(match ending.kind {
        0 => Ending::Success,
        1 => Ending::Failure,
        2 => Ending::Over(status_of(ending.status)?),
        other => return Err(Garbled::new("what a job ends as", other)),
    })
}

fn cron_link(link: CronLink) -> pb::CronLink {
    pb::CronLink { cron: link.id.to_bytes().to_vec(), tick_ms: link.tick.map(Timestamp::as_ms) }
}

fn cron_link_of(link: &pb::CronLink) -> Decoded<CronLink> {
    Ok(CronLink {
        id: uuid("cron id", &link.cron).map(CronId::from_bytes)?,
        tick: link.tick_ms.map(at),
    })
}

/// Absent where nobody asked for anything, as in most jobs.
pub(super) fn policy(policy: &Policy) -> Option<pb::Policy> {
    let default = Policy::default();
    let level = |priority: Priority| u32::from(priority.level());
    (*policy != default).then(|| pb::Policy {
        priority: Some(policy.priority).filter(|p| *p != default.priority).map(level),
        unique_key: policy.unique_key.clone(),
        expires_at_ms: policy.expires_at.map(Timestamp::as_ms),
    })
}

pub(super) fn policy_of(policy: Option<pb::Policy>) -> Decoded<Policy> {
    let policy = policy.unwrap_or_default();
    let priority =
        |level: u32| Priority::new(level.into()).ok_or_else(|| Garbled::new("priority", level));
    Ok(Policy {
        priority: policy.priority.map(priority).transpose()?.unwrap_or_default(),
        unique_key: policy.unique_key,
        expires_at: policy.expires_at_ms.map(at),
    })
}

pub(super) fn spec(spec: &JobSpec) -> pb::JobSpec {
    let text = |timeout: &Option<Timeout>| timeout.as_ref().map(ToString::to_string);
    pb::JobSpec {
        action: spec.action.clone(),
        parameters: spec.parameters.as_ref().map(strings),
        capacity_map: spec.capacity_map.as_ref().map(capacity),
        deadline: text(&spec.deadline).unwrap_or_default(),
        stop_timeout: text(&spec.stop_timeout).unwrap_or_default(),
    }
}

pub(super) fn spec_of(spec: pb::JobSpec) -> Decoded<JobSpec> {
    Ok(JobSpec {
        deadline: timeout_of(&spec.deadline)?,
        stop_timeout: timeout_of(&spec.stop_timeout)?,
        action: spec.action,
        parameters: spec.parameters.map(|map| map.entries),
        capacity_map: spec.capacity_map.map(capacity_of),
    })
}

pub(super) fn timeout_of(text: &str) -> Decoded<Option<Timeout>> {
    Timeout::parse(text).map_err(|error| Garbled::new("duration", error))
}

/// Names in their order, each once.
fn names_of(names: Vec<String>) -> Decoded<BTreeSet<String>> {
    if names.is_sorted_by(|former, latter| former < latter) {
        Ok(names.into_iter().collect())
    } else {
        Err(Garbled::new("names of parameters", "they are not in order"))
    }
}

fn left_out(what: LeftOut) -> u32 {
    match what {
        LeftOut::Deadline => 0,
        LeftOut::StopTimeout => 1,
        LeftOut::CapacityMap => 2,
        LeftOut::Retries => 3,
    }
}

/// What was left out, in its order, each once.
fn all_left_out(numbers: &[u32]) -> Decoded<BTreeSet<LeftOut>> {
    let known = [LeftOut::Deadline, LeftOut::StopTimeout, LeftOut::CapacityMap, LeftOut::Retries];
    let all: BTreeSet<_> =
        known.into_iter().filter(|what| numbers.contains(&left_out(*what))).collect();
    if all.iter().map(|what| left_out(*what)).eq(numbers.iter().copied()) {
        Ok(all)
    } else {
        Err(Garbled::new("what a submission left out", format!("{numbers:?}")))
    }
}

fn status(status: Status) -> u32 {
    match status {
        Status::Waiting => 0,
        Status::Running => 1,
        Status::Done => 2,
        Status::Error => 3,
        Status::CancelRequest => 4,
        Status::Cancel => 5,
        Status::Deleted => 6,
        Status::WorkerDead => 7,
        Status::WorkerShutdown => 8,
        Status::WorkerResurrection => 9,
    }
}

fn status_of(number: u32) -> Decoded<Status> {
    Status::ALL
        .into_iter()
        .find(|known| status(*known) == number)
        .ok_or_else(|| Garbled::new("status", number))
}

fn attempt(attempt: &Attempt) -> pb::Attempt {
    pb::Attempt {
        number: attempt.number,
        worker: attempt.worker.get(),
        epoch: attempt.epoch.0,
        lease: attempt.lease.0,
        traits: Some(traits(attempt.traits)),
        started_at_ms: attempt.started_at.as_ms(),
        end: attempt.end.as_ref().map(|(at, end)| {
            let (kind, number, reason) = match end {
                AttemptEnd::Exited(code) => (0, *code, ""),
                AttemptEnd::Signaled(signal) => (1, *signal, ""),
                AttemptEnd::DeadlineExceeded => (2, 0, ""),
                AttemptEnd::Canceled => (3, 0, ""),
                AttemptEnd::CouldNotStart(reason) => (4, 0, reason.as_str()),
                AttemptEnd::WorkerDead => (5, 0, ""),
                AttemptEnd::WorkerShutdown => (6, 0, ""),
            };
            pb::AttemptEnd { at_ms: at.as_ms(), kind, number, reason: reason.to_owned() }
        }),
    }
}

fn attempt_of(attempt: pb::Attempt) -> Decoded<Attempt> {
    let end = attempt.end.map(|end| {
        let kind = match end.kind {
            0 => AttemptEnd::Exited(end.number),
            1 => AttemptEnd::Signaled(end.number),
            2 => AttemptEnd::DeadlineExceeded,
            3 => AttemptEnd::Canceled,
            4 => AttemptEnd::CouldNotStart(end.reason),
            5 => AttemptEnd::WorkerDead,
            6 => AttemptEnd::WorkerShutdown,
            other => return Err(Garbled::new("end of an attempt", other)),
        };
        Ok((at(end.at_ms), kind))
    });
    Ok(Attempt {
        number: attempt.number,
        worker: worker_id(attempt.worker)?,
        epoch: Epoch(attempt.epoch),
        lease: lease(attempt.lease),
        traits: traits_of(attempt.traits.unwrap_or_default())?,
        started_at: at(attempt.started_at_ms),
        end: end.transpose()?,
    })
}

/// The value under which output storage keeps lines that were appended together.
pub(crate) fn encode_lines(lines: &[Line]) -> Vec<u8> {
    pb::LineBatch { lines: lines.iter().map(line).collect() }.encode_to_vec()
}

pub(crate) fn decode_lines(bytes: &[u8]) -> Decoded<Vec<Line>> {
    let batch: pb::LineBatch = decode("line batch", bytes)?;
    batch.lines.into_iter().map(line_of).collect()
}

pub(super) fn line(line: &Line) -> pb::Line {
    let stream = match line.stream {
        Stream::Out => 0,
        Stream::Err => 1,
        Stream::Note => 2,
    };
    pb::Line { stream, text: line.text.clone() }
}

pub(super) fn line_of(line: pb::Line) -> Decoded<Line> {
    let stream = match line.stream {
        0 => Stream::Out,
        1 => Stream::Err,
        2 => Stream::Note,
        other => return Err(Garbled::new("stream of a line", other)),
    };
    Ok(Line { stream, text: line.text })
}
