//! Crons: what clients put, what stands in checkpoints, and ticks that come due.

use stint_core::{
    Command, Cron, CronId, CronPolicy, Fate, Firing, Generation, JobId, Missed, NewCron, Overlap,
    Passed, Pause, Skip, SkipReason, TickCounts, TickHistory, TickRecord, Timestamp,
};
use stint_proto::log::v1 as pb;

use super::job::{spec, spec_of, timeout_of};
use super::{Decoded, Garbled, at, job_bytes, job_id, missing, uuid};

pub(super) fn new_cron(new: &NewCron) -> pb::PutCron {
    pb::PutCron {
        cron: new.id.to_bytes().to_vec(),
        spec: Some(spec(&new.spec)),
        retries: new.retries,
        schedule: new.schedule.clone(),
        time_zone: new.time_zone.clone(),
        anchor_ms: new.anchor.as_ms(),
        next_run_ms: new.next_run.as_ms(),
        policy: policy(&new.policy),
        undecided: new.undecided.as_ref().map(firing),
    }
}

pub(super) fn delete_cron(action: &str, undecided: Option<&Firing>) -> pb::proposal::Command {
    let (action, undecided) = (action.to_owned(), undecided.map(firing));
    pb::proposal::Command::DeleteCron(pb::DeleteCron { action, undecided })
}

pub(super) fn delete_cron_of(delete: pb::DeleteCron) -> Command {
    let undecided = delete.undecided.map(firing_of).map(Box::new);
    Command::DeleteCron { action: delete.action, undecided }
}

pub(super) fn new_cron_of(new: pb::PutCron) -> Decoded<NewCron> {
    Ok(NewCron {
        id: cron_id(&new.cron)?,
        spec: spec_of(new.spec.ok_or_else(|| missing("job spec"))?)?,
        retries: new.retries,
        schedule: new.schedule,
        time_zone: new.time_zone,
        policy: policy_of(&new.policy.unwrap_or_default())?,
        anchor: at(new.anchor_ms),
        next_run: at(new.next_run_ms),
        undecided: new.undecided.map(firing_of),
    })
}

pub(super) fn cron(cron: &Cron) -> pb::Cron {
    let TickHistory { records, counts } = &cron.history;
    pb::Cron {
        id: cron.id.to_bytes().to_vec(),
        generation: cron.generation.0,
        spec: Some(spec(&cron.spec)),
        retries: cron.retries,
        schedule: cron.schedule.clone(),
        time_zone: cron.time_zone.clone(),
        anchor_ms: cron.anchor.as_ms(),
        last_tick_ms: cron.last_tick.map(Timestamp::as_ms),
        next_run_ms: cron.next_run.map(Timestamp::as_ms),
        policy: policy(&cron.policy),
        pause: cron.pause.map(|pause| pb::Pause {
            from_ms: pause.from.as_ms(),
            until_ms: pause.until.map(Timestamp::as_ms),
        }),
        ticks: records.iter().map(record).collect(),
        fired: counts.fired,
        skipped: counts.skipped.iter().map(|(why, n)| (reason(*why), *n)).collect(),
    }
}

pub(super) fn cron_of(cron: pb::Cron) -> Decoded<Cron> {
    let skipped = cron.skipped.into_iter().map(|(why, n)| Ok((reason_of(why)?, n)));
    let counts = TickCounts { fired: cron.fired, skipped: skipped.collect::<Decoded<_>>()? };
    let records = cron.ticks.iter().map(record_of).collect::<Decoded<_>>()?;
    Ok(Cron {
        id: cron_id(&cron.id)?,
        generation: Generation(cron.generation),
        spec: spec_of(cron.spec.ok_or_else(|| missing("job spec"))?)?,
        retries: cron.retries,
        schedule: cron.schedule,
        time_zone: cron.time_zone,
        policy: policy_of(&cron.policy.unwrap_or_default())?,
        anchor: at(cron.anchor_ms),
        last_tick: cron.last_tick_ms.map(at),
        next_run: cron.next_run_ms.map(at),
        pause: cron
            .pause
            .map(|pause| Pause { from: at(pause.from_ms), until: pause.until_ms.map(at) }),
        history: TickHistory { records, counts },
    })
}

pub(super) fn fire(firings: &[Firing]) -> pb::Fire {
    pb::Fire { firings: firings.iter().map(firing).collect() }
}

pub(super) fn fire_of(fire: pb::Fire) -> Vec<Firing> {
    fire.firings.into_iter().map(firing_of).collect()
}

fn firing(firing: &Firing) -> pb::Firing {
    let passed = firing.passed;
    pb::Firing {
        action: firing.action.clone(),
        generation: firing.generation.0,
        mark_ms: firing.mark.as_ms(),
        passed: passed
            .map(|passed| pb::Passed { last_ms: passed.last.as_ms(), count: passed.count }),
        ticks_ms: firing.ticks.iter().map(|tick| tick.as_ms()).collect(),
        has_more: firing.has_more,
        next_run_ms: firing.next_run.map(Timestamp::as_ms),
    }
}

fn firing_of(firing: pb::Firing) -> Firing {
    let passed = firing.passed;
    Firing {
        action: firing.action,
        generation: Generation(firing.generation),
        mark: at(firing.mark_ms),
        passed: passed.map(|passed| Passed { last: at(passed.last_ms), count: passed.count }),
        ticks: firing.ticks_ms.into_iter().map(at).collect(),
        has_more: firing.has_more,
        next_run: firing.next_run_ms.map(at),
    }
}

/// Absent where it is the default, as in every cron that was put before there were any.
fn policy(policy: &CronPolicy) -> Option<pb::CronPolicy> {
    (*policy != CronPolicy::default()).then(|| pb::CronPolicy {
        missed: match policy.missed {
            Missed::One => 0,
            Missed::Skip => 1,
            Missed::All => 2,
        },
        window: policy.window.as_ref().map(ToString::to_string).unwrap_or_default(),
        overlap: match policy.overlap {
            Overlap::Allow => 0,
            Overlap::Skip => 1,
            Overlap::Replace => 2,
        },
        jitter: policy.jitter.as_ref().map(ToString::to_string).unwrap_or_default(),
    })
}

fn policy_of(policy: &pb::CronPolicy) -> Decoded<CronPolicy> {
    Ok(CronPolicy {
        missed: match policy.missed {
            0 => Missed::One,
            1 => Missed::Skip,
            2 => Missed::All,
            other => return Err(Garbled::new("policy for missed ticks", other)),
        },
        window: timeout_of(&policy.window)?,
        overlap: match policy.overlap {
            0 => Overlap::Allow,
            1 => Overlap::Skip,
            2 => Overlap::Replace,
            other => return Err(Garbled::new("policy for overlaps", other)),
        },
        jitter: timeout_of(&policy.jitter)?,
    })
}

fn record(record: &TickRecord) -> pb::TickRecord {
    let (why, job) = match record.fate {
        Fate::Fired(job) => (0, Some(job)),
        Fate::Skipped(skip) => (reason(skip.reason), skip.job),
    };
    pb::TickRecord {
        first_ms: record.first.as_ms(),
        last_ms: record.last.as_ms(),
        count: record.count,
        at_ms: record.at.as_ms(),
        reason: why,
        job: job.map(job_bytes),
    }
}

fn record_of(record: &pb::TickRecord) -> Decoded<TickRecord> {
    let job: Option<JobId> = record.job.as_deref().map(job_id).transpose()?;
    let fate = match record.reason {
        0 => Fate::Fired(job.ok_or_else(|| missing("job of a tick"))?),
        why => Fate::Skipped(Skip { reason: reason_of(why)?, job }),
    };
    Ok(TickRecord {
        first: at(record.first_ms),
        last: at(record.last_ms),
        count: record.count,
        at: at(record.at_ms),
        fate,
    })
}

/// Counted from 1: 0 is a tick that became a job.
const fn reason(reason: SkipReason) -> u32 {
    match reason {
        SkipReason::Missed => 1,
        SkipReason::Paused => 2,
        SkipReason::TooMany => 3,
        SkipReason::Overlap => 4,
        SkipReason::QueueFull => 5,
        SkipReason::NoSuchAction => 6,
        SkipReason::TooManyShapes => 7,
        SkipReason::TooManyParameters => 8,
        SkipReason::Replaced => 9,
        SkipReason::Deleted => 10,
        SkipReason::BadParameters => 11,
    }
}

fn reason_of(number: u32) -> Decoded<SkipReason> {
    let found = SkipReason::ALL.into_iter().find(|one| reason(*one) == number);
    found.ok_or_else(|| Garbled::new("reason of a skipped tick", number))
}

fn cron_id(bytes: &[u8]) -> Decoded<CronId> {
    uuid("cron id", bytes).map(CronId::from_bytes)
}
