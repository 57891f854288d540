//! Which ticks of crons have come due. What a schedule means is worked out here, by the leader: the
//! log has instants only, so that replicas need not agree on the rules of time zones.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use stint_core::limits::{FIRINGS_PER_ENTRY_MAX, TICKS_CAUGHT_UP_MAX, TICKS_PER_ENTRY_MAX};
use stint_core::{
    COMPACTION_ACTION, Command, Cron, Firing, Generation, JobSpec, Passed, Schedule, ScheduleError,
    Timestamp,
};
use stint_failpoint::failpoint;
use tokio::time::Instant;

use crate::blocking::blocking;
use crate::inner::Inner;
use crate::limits::{
    FIRE_BYTES_MAX, FIRING_TICKS_MAX, LEASE_LOOK, SCHEDULE_PAUSE, TICKS_LOOKED_AT_MAX,
};

/// Crons whose schedule means nothing to this replica, and until when it does not look again. Their
/// texts come from a replica with other rules of time zones.
pub(super) type Strange = BTreeMap<(String, Generation), Instant>;

/// Proposes ticks that are due, those of some crons at a time; says how long to look away.
pub(super) async fn fire(inner: &Inner, strange: &mut Strange, now: Timestamp) -> Duration {
    strange.retain(|_, until| *until > Instant::now());
    // On a full disk only what makes room is let in.
    let has_room = inner.room().is_ok();
    let due: Vec<_> = {
        let view = inner.applied.read();
        let due = view.state.crons_due(now);
        let known = due.filter(|cron| !strange.contains_key(&name(cron)));
        let known = known.filter(|cron| has_room || cron.spec.action == COMPACTION_ACTION);
        known.take(FIRINGS_PER_ENTRY_MAX).map(Arc::clone).collect()
    };
    if due.is_empty() {
        return LEASE_LOOK;
    }
    let planned = blocking(move || plan_all(&due, now)).await;
    let Ok(plan) = planned else { return LEASE_LOOK };
    for (cron, error) in plan.failed {
        let action = &cron.spec.action;
        tracing::error!(%error, action, "a cron's schedule means nothing here; it does not fire");
        strange.insert(name(&cron), Instant::now() + SCHEDULE_PAUSE);
    }
    if plan.firings.is_empty() {
        return LEASE_LOOK;
    }
    if failpoint!("consensus::ticker::fire").is_err() {
        return LEASE_LOOK;
    }
    match inner.propose(Command::Fire(plan.firings), None).await {
        Ok(Ok(_)) => Duration::ZERO,
        Ok(Err(refusal)) => {
            tracing::error!(%refusal, "ticks of crons were refused");
            LEASE_LOOK
        }
        Err(error) => {
            tracing::warn!(%error, "ticks of crons could not be proposed");
            LEASE_LOOK
        }
    }
}

fn name(cron: &Cron) -> (String, Generation) {
    (cron.spec.action.clone(), cron.generation)
}

#[derive(Default)]
struct Plan {
    firings: Vec<Firing>,
    failed: Vec<(Arc<Cron>, ScheduleError)>,
}

/// As much as one entry takes, and at least one tick of one cron. Where many crons are due, each
/// gets few ticks at a time.
fn plan_all(due: &[Arc<Cron>], now: Timestamp) -> Plan {
    let ticks_max = (TICKS_PER_ENTRY_MAX / due.len().max(1)).clamp(1, FIRING_TICKS_MAX);
    let mut plan = Plan::default();
    let mut bytes = 0;
    for cron in due {
        match plan_one(cron, now, ticks_max) {
            Ok(firing) => {
                bytes += firing.ticks.len().max(1) * bytes_of(&cron.spec);
                if bytes > FIRE_BYTES_MAX && !plan.firings.is_empty() {
                    return plan;
                }
                plan.firings.push(firing);
            }
            Err(error) => plan.failed.push((Arc::clone(cron), error)),
        }
    }
    plan
}

/// The ticks of a cron that have come due: at most the latest that are caught up with, and of
/// those at most `ticks_max`. If there are very many, only the oldest are passed over.
fn plan_one(cron: &Cron, now: Timestamp, ticks_max: usize) -> Result<Firing, ScheduleError> {
    let schedule = Schedule::parse(&cron.schedule, cron.time_zone.as_deref())?;
    let mark = cron.next_run.unwrap_or(now);
    let is_due = |tick: &Timestamp| cron.put_off(*tick) <= now;
    let mut latest = VecDeque::new();
    let mut passed = None;
    let mut next = Some(mark);
    for _ in 0..TICKS_LOOKED_AT_MAX {
        let Some(tick) = next.filter(is_due) else { break };
        latest.push_back(tick);
        if latest.len() > TICKS_CAUGHT_UP_MAX {
            let count = passed.map_or(0, |passed: Passed| passed.count) + 1;
            passed = latest.pop_front().map(|last| Passed { last, count });
        }
        next = schedule.next_after(tick, cron.anchor);
    }
    let are_more = next.is_some_and(|tick| is_due(&tick));
    let taken = if are_more { 0 } else { ticks_max.min(latest.len()) };
    let rest = latest.split_off(taken);
    Ok(Firing {
        action: cron.spec.action.clone(),
        generation: cron.generation,
        mark,
        passed,
        ticks: latest.into(),
        has_more: are_more || !rest.is_empty(),
        next_run: rest.front().copied().or(next),
    })
}

/// About how much memory a job of this takes.
fn bytes_of(spec: &JobSpec) -> usize {
    let parameters = spec.parameters.iter().flatten();
    size_of::<JobSpec>() + parameters.map(|(name, value)| name.len() + value.len()).sum::<usize>()
}

#[cfg(test)]
mod tests;
