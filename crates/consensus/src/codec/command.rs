//! Commands: the payload of a log entry.

use bytes::Bytes;
use prost::Message as _;
use stint_core::{
    Bulk, Command, Compaction, Epoch, Exit, ExitCause, Finished, Incarnation, JobId, LeaseId,
    Level, NewJob, Offer, Parent, Registration, Retention, Span, Timestamp, TokenHash, WorkerId,
};
use stint_proto::log::v1 as pb;
use stint_proto::log::v1::proposal::Command as Wire;

use super::audit::origin_of;
use super::configuration::{action_config, action_config_of, change, change_of};
use super::cron::{delete_cron, delete_cron_of, fire, fire_of, new_cron, new_cron_of};
use super::job::{line, line_of, policy, policy_of, spec, spec_of};
use super::offer::{offers, offers_of};
use super::token::{hash_of, new_token, new_token_of, token_id, token_ref};
use super::{
    Decoded, Garbled, at, capacity, capacity_of, decode, decode_whole, job_bytes, job_id,
    job_id_if_any, lease, members, missing, wire_level, worker_id, worker_ref,
};
use crate::audit::Origin;
use crate::limits::PROPOSAL_BYTES_MAX;

/// A command without its time, which only the leader knows.
pub(crate) fn encode_command(command: &Command) -> Bytes {
    let level = wire_level(needed_to_keep(command));
    pb::Proposal { command: Some(to_wire(command)), level, ..pb::Proposal::default() }
        .encode_to_vec()
        .into()
}

/// The level that a replica has to know to have this command in its log.
fn needed_to_keep(command: &Command) -> Level {
    if let Command::RaiseLevel { to } = command { *to } else { command.needs_level() }
}

/// The level that a replica has to know to have this entry in its log, of which it reads no more.
pub(crate) fn level_of(proposal: &[u8]) -> Decoded<Level> {
    let proposal: pb::ProposalLevel = decode("proposal", proposal)?;
    Ok(Level::new(proposal.level))
}

/// Puts the time before an encoded command. Messages of protobuf that stand one after the other
/// are one message.
pub(crate) fn stamp(at: Timestamp, command: &Bytes) -> Bytes {
    let time = pb::Proposal { at_ms: at.as_ms(), ..pb::Proposal::default() };
    let mut bytes = Vec::with_capacity(time.encoded_len() + command.len());
    bytes.extend(time.encode_to_vec());
    bytes.extend_from_slice(command);
    bytes.into()
}

/// Whether the bytes of a peer are a command that every replica can apply, within bounds and
/// without a time of its own: the time is the leader's to say. Answers the command.
pub(crate) fn check_unstamped(bytes: &[u8]) -> Decoded<Command> {
    let size = bytes.len();
    if size > PROPOSAL_BYTES_MAX {
        let why = format!("{size} bytes, more than {PROPOSAL_BYTES_MAX}");
        return Err(Garbled::new("proposal", why));
    }
    let (brought, command, _) = decode_audited(bytes)?;
    // A time that is spelled out as zero would win over the one that stands before it.
    let leaders = Timestamp::from_ms(u64::MAX);
    let (kept, _, _) = decode_audited(&stamp(leaders, &Bytes::copy_from_slice(bytes)))?;
    if brought == Timestamp::from_ms(0) && kept == leaders {
        return Ok(command);
    }
    Err(Garbled::new("proposal", "it brings a time of its own"))
}

/// When, what, and who asked for it.
pub(crate) fn decode_audited(bytes: &[u8]) -> Decoded<(Timestamp, Command, Option<Origin>)> {
    let proposal = decode_whole("proposal", bytes, |proposal: &pb::Proposal| proposal.level)?;
    let command = proposal.command.ok_or_else(|| missing("command"))?;
    let origin = proposal.origin.map(origin_of).transpose()?;
    let command = from_wire(command)?;
    // Whatever the proposal says of itself.
    let level = needed_to_keep(&command);
    if level > Level::NEWEST {
        return Err(Garbled::TooNew { what: "proposal", level });
    }
    Ok((at(proposal.at_ms), command, origin))
}

/// The same, but for who asked.
#[cfg(test)]
pub(crate) fn decode_proposal(bytes: &[u8]) -> Decoded<(Timestamp, Command)> {
    decode_audited(bytes).map(|(at, command, _)| (at, command))
}

fn to_wire(command: &Command) -> Wire {
    match command {
        Command::Tick => Wire::Tick(pb::Tick {}),
        Command::Submit(new) => Wire::Submit(submit(new)),
        Command::Bulk(jobs) => Wire::Bulk(bulk(jobs)),
        Command::PauseQueue { action, by, reason } => pause_queue(action, by, reason),
        Command::ResumeQueue { action } => Wire::ResumeQueue(action_ref(action)),
        Command::Cancel { job } => Wire::Cancel(pb::JobRef { job: job_bytes(*job) }),
        Command::Delete { job } => Wire::Delete(pb::JobRef { job: job_bytes(*job) }),
        Command::SetCapacity { worker, capacity: map } => Wire::SetCapacity(pb::SetCapacity {
            worker: worker.get(),
            capacity: Some(capacity(map)),
        }),
        Command::Drain { worker, limit } => {
            Wire::Drain(pb::Drain { worker: worker.get(), limit_ms: limit.map(Span::as_ms) })
        }
        Command::Resume { worker } => Wire::Resume(pb::Resume { worker: worker.get() }),
        Command::Register(new) => Wire::Register(registration(new)),
        Command::Offer(new) => Wire::Offer(offer(new)),
        Command::Confirm { worker, epoch } => Wire::Confirm(worker_ref(*worker, *epoch)),
        Command::Heartbeat { worker, epoch } => Wire::Heartbeat(worker_ref(*worker, *epoch)),
        Command::Claim { worker, epoch, max } => {
            Wire::Claim(pb::Claim { worker: worker.get(), epoch: epoch.0, max: *max })
        }
        Command::AppendLines { worker, epoch, job, lease, first, lines } => {
            Wire::AppendLines(pb::AppendLines {
                worker: worker.get(),
                epoch: epoch.0,
                job: job_bytes(*job),
                lease: lease.0,
                first: *first,
                lines: lines.iter().map(line).collect(),
            })
        }
        Command::GiveToken { worker, epoch, job, lease, hash } => {
            give_token((*worker, *epoch), (*job, *lease), *hash)
        }
        Command::Finish { worker, epoch, runs } => Wire::Finish(pb::Finish {
            worker: worker.get(),
            epoch: epoch.0,
            runs: runs.iter().map(finished).collect(),
        }),
        Command::Leave { worker, epoch } => Wire::Leave(worker_ref(*worker, *epoch)),
        Command::Expire { worker, epoch, renewal } => {
            Wire::Expire(pb::Expire { worker: worker.get(), epoch: epoch.0, renewal: *renewal })
        }
        Command::PutCron(new) => Wire::PutCron(new_cron(new)),
        Command::DeleteCron { action, undecided } => delete_cron(action, undecided.as_deref()),
        Command::Fire(firings) => Wire::Fire(fire(firings)),
        Command::PauseCron { action } => Wire::PauseCron(action_ref(action)),
        Command::ResumeCron { action } => Wire::ResumeCron(action_ref(action)),
        Command::RunCron { action, job, drawn } => Wire::RunCron(pb::RunCron {
            action: action.clone(),
            job: job_bytes(*job),
            drawn: *drawn,
        }),
        Command::PutActionConfig(config) => Wire::PutActionConfig(action_config(config)),
        Command::DeleteActionConfig { action } => Wire::DeleteActionConfig(action_ref(action)),
        Command::PutSettings(settings) => Wire::PutSettings(change(settings)),
        Command::ResetAdmin { hash } => Wire::ResetAdmin(pb::ResetAdmin { hash: hash.0.to_vec() }),
        Command::Refound => Wire::Refound(pb::Refound {}),
        Command::Compact(step) => Wire::Compact(compaction(step)),
        Command::Close { hash } => Wire::Close(pb::Close { hash: hash.0.to_vec() }),
        Command::CreateToken(new) => Wire::CreateToken(new_token(new)),
        Command::RevokeToken { id } => Wire::RevokeToken(token_ref(*id)),
        Command::Members(change) => Wire::Members(members::change(change)),
        Command::RaiseLevel { to } => Wire::RaiseLevel(pb::RaiseLevel { to: to.get() }),
        #[cfg(feature = "next-level")]
        Command::Notch => Wire::Notch(pb::Tick {}),
    }
}

fn pause_queue(action: &str, by: &str, reason: &str) -> Wire {
    let (action, by, reason) = (action.to_owned(), by.to_owned(), reason.to_owned());
    Wire::PauseQueue(pb::PauseQueue { action, by, reason })
}

fn from_wire(command: Wire) -> Decoded<Command> {
    let by = |by: &pb::WorkerRef| Ok((worker_id(by.worker)?, Epoch(by.epoch)));
    Ok(match command {
        Wire::Tick(_) => Command::Tick,
        Wire::Submit(new) => Command::Submit(submit_of(new)?),
        Wire::Bulk(jobs) => Command::Bulk(Box::new(bulk_of(jobs)?)),
        Wire::PauseQueue(of) => {
            Command::PauseQueue { action: of.action, by: of.by, reason: of.reason }
        }
        Wire::ResumeQueue(of) => Command::ResumeQueue { action: of.action },
        Wire::Cancel(of) => Command::Cancel { job: job_id(&of.job)? },
        Wire::Delete(of) => Command::Delete { job: job_id(&of.job)? },
        Wire::SetCapacity(set) => Command::SetCapacity {
            worker: worker_id(set.worker)?,
            capacity: capacity_of(set.capacity.unwrap_or_default()),
        },
        Wire::Drain(drain) => Command::Drain {
            worker: worker_id(drain.worker)?,
            limit: drain.limit_ms.map(Span::from_ms),
        },
        Wire::Resume(of) => Command::Resume { worker: worker_id(of.worker)? },
        Wire::Register(new) => Command::Register(registration_of(new)?),
        Wire::Offer(new) => Command::Offer(Box::new(offer_of(new)?)),
        Wire::Confirm(of) => by(&of).map(|(worker, epoch)| Command::Confirm { worker, epoch })?,
        Wire::Heartbeat(of) => {
            by(&of).map(|(worker, epoch)| Command::Heartbeat { worker, epoch })?
        }
        Wire::Claim(claim) => Command::Claim {
            worker: worker_id(claim.worker)?,
            epoch: Epoch(claim.epoch),
            max: claim.max,
        },
        Wire::AppendLines(append) => append_lines_of(append)?,
        Wire::GiveToken(given) => give_token_of(&given)?,
        Wire::Finish(finish) => Command::Finish {
            worker: worker_id(finish.worker)?,
            epoch: Epoch(finish.epoch),
            runs: finish.runs.into_iter().map(finished_of).collect::<Decoded<_>>()?,
        },
        Wire::Leave(of) => by(&of).map(|(worker, epoch)| Command::Leave { worker, epoch })?,
        Wire::Expire(expire) => Command::Expire {
            worker: worker_id(expire.worker)?,
            epoch: Epoch(expire.epoch),
            renewal: expire.renewal,
        },
        Wire::PutCron(new) => Command::PutCron(Box::new(new_cron_of(new)?)),
        Wire::DeleteCron(delete) => delete_cron_of(delete),
        Wire::Fire(fire) => Command::Fire(fire_of(fire)),
        Wire::PauseCron(of) => Command::PauseCron { action: of.action },
        Wire::ResumeCron(of) => Command::ResumeCron { action: of.action },
        Wire::RunCron(run) => {
            Command::RunCron { job: job_id(&run.job)?, action: run.action, drawn: run.drawn }
        }
        Wire::PutActionConfig(config) => Command::PutActionConfig(action_config_of(config)?),
        Wire::DeleteActionConfig(of) => Command::DeleteActionConfig { action: of.action },
        Wire::PutSettings(settings) => Command::PutSettings(change_of(settings)?),
        Wire::ResetAdmin(reset) => Command::ResetAdmin { hash: hash_of(&reset.hash)? },
        Wire::Refound(_) => Command::Refound,
        Wire::Compact(step) => Command::Compact(Box::new(compaction_of(&step)?)),
        Wire::Close(close) => Command::Close { hash: hash_of(&close.hash)? },
        Wire::CreateToken(new) => Command::CreateToken(Box::new(new_token_of(new)?)),
        Wire::RevokeToken(of) => Command::RevokeToken { id: token_id(&of.token)? },
        Wire::Members(change) => Command::Members(Box::new(members::change_of(change)?)),
        Wire::RaiseLevel(raise) => Command::RaiseLevel { to: Level::new(raise.to) },
        #[cfg(feature = "next-level")]
        Wire::Notch(_) => Command::Notch,
    })
}

fn submit(new: &NewJob) -> pb::Submit {
    pb::Submit {
        job: job_bytes(new.id),
        drawn: new.drawn,
        spec: Some(spec(&new.spec)),
        scheduled_at_ms: new.scheduled_at.map(Timestamp::as_ms),
        retries: new.retries.unwrap_or(0),
        no_retries_said: new.retries.is_none(),
        policy: policy(&new.policy),
        retry_from: new.retry_from.map(job_bytes).unwrap_or_default(),
        parent: new
            .parent
            .map(|parent| pb::Parent { job: job_bytes(parent.job), lease: parent.lease.0 }),
    }
}

fn submit_of(new: pb::Submit) -> Decoded<NewJob> {
    Ok(NewJob {
        id: job_id(&new.job)?,
        drawn: new.drawn,
        spec: spec_of(new.spec.ok_or_else(|| missing("job spec"))?)?,
        scheduled_at: new.scheduled_at_ms.map(at),
        retries: (!new.no_retries_said).then_some(new.retries),
        policy: policy_of(new.policy)?,
        retry_from: job_id_if_any(&new.retry_from)?,
        parent: new.parent.as_ref().map(parent_of).transpose()?,
    })
}

fn bulk(bulk: &Bulk) -> pb::Bulk {
    let empty = pb::Bulk::default();
    let ids = |jobs: &[JobId]| jobs.iter().copied().map(job_bytes).collect();
    match bulk {
        Bulk::Cancel(jobs) => pb::Bulk { cancel: ids(jobs), ..empty },
        Bulk::Delete(jobs) => pb::Bulk { delete: ids(jobs), ..empty },
        Bulk::Retry(jobs) => pb::Bulk { retry: jobs.iter().map(submit).collect(), ..empty },
    }
}

fn bulk_of(bulk: pb::Bulk) -> Decoded<Bulk> {
    let ids = |jobs: &[Vec<u8>]| jobs.iter().map(|job| job_id(job)).collect::<Decoded<_>>();
    match (bulk.cancel.is_empty(), bulk.delete.is_empty(), bulk.retry.is_empty()) {
        (_, true, true) => ids(&bulk.cancel).map(Bulk::Cancel),
        (true, false, true) => ids(&bulk.delete).map(Bulk::Delete),
        (true, true, false) => {
            bulk.retry.into_iter().map(submit_of).collect::<Decoded<_>>().map(Bulk::Retry)
        }
        _ => Err(Garbled::new("bulk", "it is of more than one kind")),
    }
}

fn append_lines_of(append: pb::AppendLines) -> Decoded<Command> {
    Ok(Command::AppendLines {
        worker: worker_id(append.worker)?,
        epoch: Epoch(append.epoch),
        job: job_id(&append.job)?,
        lease: lease(append.lease),
        first: append.first,
        lines: append.lines.into_iter().map(line_of).collect::<Decoded<_>>()?,
    })
}

fn give_token(
    (worker, epoch): (WorkerId, Epoch),
    (job, lease): (JobId, LeaseId),
    hash: TokenHash,
) -> Wire {
    Wire::GiveToken(pb::GiveToken {
        worker: worker.get(),
        epoch: epoch.0,
        job: job_bytes(job),
        lease: lease.0,
        hash: hash.0.to_vec(),
    })
}

fn give_token_of(given: &pb::GiveToken) -> Decoded<Command> {
    Ok(Command::GiveToken {
        worker: worker_id(given.worker)?,
        epoch: Epoch(given.epoch),
        job: job_id(&given.job)?,
        lease: lease(given.lease),
        hash: hash_of(&given.hash)?,
    })
}

fn action_ref(action: &str) -> pb::ActionRef {
    pb::ActionRef { action: action.to_owned() }
}

fn parent_of(parent: &pb::Parent) -> Decoded<Parent> {
    Ok(Parent { job: job_id(&parent.job)?, lease: lease(parent.lease) })
}

fn registration(new: &Registration) -> pb::Register {
    let (actions, offers) = offers(&new.actions);
    pb::Register {
        worker: new.worker.get(),
        incarnation: new.incarnation.0,
        capacity: Some(capacity(&new.capacity)),
        actions,
        offers,
        ttl_ms: new.ttl.as_ms(),
    }
}

fn offer(new: &Offer) -> pb::Offer {
    let (actions, offers) = offers(&new.actions);
    pb::Offer {
        worker: new.worker.get(),
        epoch: new.epoch.0,
        number: new.number,
        capacity: Some(capacity(&new.capacity)),
        actions,
        offers,
    }
}

fn offer_of(new: pb::Offer) -> Decoded<Offer> {
    Ok(Offer {
        worker: worker_id(new.worker)?,
        epoch: Epoch(new.epoch),
        number: new.number,
        capacity: capacity_of(new.capacity.unwrap_or_default()),
        actions: offers_of((new.actions, new.offers))?,
    })
}

fn registration_of(new: pb::Register) -> Decoded<Registration> {
    Ok(Registration {
        worker: worker_id(new.worker)?,
        incarnation: Incarnation(new.incarnation),
        capacity: capacity_of(new.capacity.unwrap_or_default()),
        actions: offers_of((new.actions, new.offers))?,
        ttl: Span::from_ms(new.ttl_ms),
    })
}

fn compaction(step: &Compaction) -> pb::Compact {
    pb::Compact {
        worker: step.worker.get(),
        epoch: step.epoch.0,
        job: job_bytes(step.job),
        lease: step.lease.0,
        to_keep: step.by.to_keep,
        max_age_ms: step.by.max_age.map(Span::as_ms),
        jobs: step.jobs.iter().map(|id| job_bytes(*id)).collect(),
    }
}

fn compaction_of(step: &pb::Compact) -> Decoded<Compaction> {
    Ok(Compaction {
        worker: worker_id(step.worker)?,
        epoch: Epoch(step.epoch),
        job: job_id(&step.job)?,
        lease: lease(step.lease),
        by: Retention { to_keep: step.to_keep, max_age: step.max_age_ms.map(Span::from_ms) },
        jobs: step.jobs.iter().map(|id| job_id(id)).collect::<Decoded<_>>()?,
    })
}

fn finished(run: &Finished) -> pb::Finished {
    let (cause, reason) = match &run.exit.cause {
        ExitCause::Own | ExitCause::AskedToWait(_) => (0, ""),
        ExitCause::Canceled => (1, ""),
        ExitCause::Deadline => (2, ""),
        ExitCause::Shutdown => (3, ""),
        ExitCause::CouldNotStart(reason) => (4, reason.as_str()),
    };
    pb::Finished {
        job: job_bytes(run.job),
        lease: run.lease.0,
        exit: Some(pb::Exit {
            cause,
            code: run.exit.code,
            signal: run.exit.signal,
            reason: reason.to_owned(),
            wait_ms: match run.exit.cause {
                ExitCause::AskedToWait(span) => Some(span.as_ms()),
                ExitCause::Own
                | ExitCause::Canceled
                | ExitCause::Deadline
                | ExitCause::Shutdown
                | ExitCause::CouldNotStart(_) => None,
            },
        }),
    }
}

fn finished_of(run: pb::Finished) -> Decoded<Finished> {
    let exit = run.exit.ok_or_else(|| missing("exit"))?;
    let cause = match exit.cause {
        0 => exit.wait_ms.map_or(ExitCause::Own, |ms| ExitCause::AskedToWait(Span::from_ms(ms))),
        1 => ExitCause::Canceled,
        2 => ExitCause::Deadline,
        3 => ExitCause::Shutdown,
        4 => ExitCause::CouldNotStart(exit.reason),
        other => return Err(Garbled::new("cause of an exit", other)),
    };
    Ok(Finished {
        job: job_id(&run.job)?,
        lease: lease(run.lease),
        exit: Exit { cause, code: exit.code, signal: exit.signal },
    })
}
