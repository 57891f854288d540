//! What becomes of jobs, by action: counted from the events of the log.

use std::collections::BTreeMap;
use std::time::Duration;

use stint_core::{AttemptEnd, Event, Fate, Job, Ticked, Timestamp, WorkerId};
use stint_measure::Times;

use crate::api::reason;
use crate::limits::METRICS_ACTIONS_MAX;

/// The actions beyond the bound.
pub(super) const OTHER: &str = "other";

/// All actions that have been heard of, up to a bound.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    pub(super) by_action: BTreeMap<String, OfAction>,
    /// Jobs that retention has removed from the history.
    pub(super) compacted: u64,
    /// How often the log was faster than the counting, so that some of it is not in the numbers.
    pub(super) missed: u64,
}

/// The jobs of one action.
#[derive(Debug, Default)]
pub(super) struct OfAction {
    pub(super) submitted: u64,
    pub(super) retried: u64,
    /// By status.
    pub(super) ended: BTreeMap<&'static str, u64>,
    pub(super) claimed: u64,
    /// By how they ended.
    pub(super) runs: BTreeMap<&'static str, u64>,
    pub(super) lines: u64,
    /// From when a job was due to its first claim.
    pub(super) waits: Times,
    /// From a claim to the end of the run.
    pub(super) run_times: Times,
    /// What became of the ticks of the action's cron.
    pub(super) ticks: Ticks,
}

/// What became of ticks.
#[derive(Debug, Default)]
pub(super) struct Ticks {
    /// How many became jobs.
    pub(super) fired: u64,
    /// How many became none, by the reason.
    pub(super) skipped: BTreeMap<&'static str, u64>,
    /// From when a tick was due to when its job was there.
    pub(super) lateness: Times,
}

impl Jobs {
    /// Under which name an action is counted.
    pub(super) fn name<'a>(&self, action: &'a str) -> &'a str {
        let has_room = self.by_action.len() < METRICS_ACTIONS_MAX;
        if has_room || self.by_action.contains_key(action) { action } else { OTHER }
    }

    /// What was counted of an action, or of all that are beyond the bound.
    pub(super) fn of(&mut self, action: &str) -> &mut OfAction {
        let name = self.name(action).to_owned();
        self.by_action.entry(name).or_default()
    }

    /// Counts one event, if it is for this replica to count.
    pub(super) fn note(&mut self, event: &Event, me: WorkerId, leads: bool) {
        match event {
            Event::Submitted(job) if leads => self.submitted(job),
            Event::CronTicked(ticked) if leads => self.ticked(ticked),
            Event::Claimed(job) if job.worker == Some(me) => self.claimed(job),
            // The run ends without a change of status where a job waits for its children.
            Event::AwaitsChildren(job) if job.status.is_running() => self.count_run(job, me, leads),
            Event::WorkerLost(job) | Event::AwaitsChildren(job) => self.run_ended(job, me, leads),
            Event::Ended(job) => {
                self.run_ended(job, me, leads);
                if leads {
                    *self.of(&job.spec.action).ended.entry(job.status.name()).or_default() += 1;
                }
            }
            Event::LinesAppended { job, lines, .. } if job.worker == Some(me) => {
                let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
                self.of(&job.spec.action).lines += count;
            }
            Event::Compacted(ids) if leads => {
                self.compacted += u64::try_from(ids.len()).unwrap_or(u64::MAX);
            }
            Event::Submitted(_)
            | Event::Compacted(_)
            | Event::Due(_)
            | Event::Claimed(_)
            | Event::CancelRequested(_)
            | Event::WorkerReturned(_)
            | Event::Resurrected(_)
            | Event::Deleted(_)
            | Event::Retried { .. }
            | Event::QueuePaused(_)
            | Event::QueueResumed(_)
            | Event::LinesAppended { .. }
            | Event::WorkerChanged(_)
            | Event::CronChanged(_)
            | Event::CronDeleted(_)
            | Event::CronTicked(_)
            | Event::ActionConfigChanged(_)
            | Event::ActionConfigDeleted(_)
            | Event::SettingsChanged(_)
            | Event::TokenCreated(_)
            | Event::TokenRevoked(_) => {}
        }
    }

    fn submitted(&mut self, job: &Job) {
        let of = self.of(&job.spec.action);
        if job.retry_from != job.id {
            // It has the tick of what it retries, but is late by its backoff.
            of.retried += 1;
            return;
        }
        of.submitted += 1;
        if job.cron.is_some_and(|cron| cron.tick.is_some()) {
            of.ticks.lateness.note(between(job.scheduled_at, job.created_at));
        }
    }

    fn ticked(&mut self, ticked: &Ticked) {
        let ticks = &mut self.of(&ticked.action).ticks;
        match ticked.record.fate {
            Fate::Fired(_) => ticks.fired += ticked.record.count,
            Fate::Skipped(skip) => {
                *ticks.skipped.entry(skip.reason.name()).or_default() += ticked.record.count;
            }
        }
    }

    fn claimed(&mut self, job: &Job) {
        let of = self.of(&job.spec.action);
        of.claimed += 1;
        if let [first] = job.attempts.as_slice()
            && job.attempt_count == 1
        {
            of.waits.note(between(job.scheduled_at.max(job.created_at), first.started_at));
        }
    }

    /// Counts the run that this entry has ended. That of a dead worker has nobody else to count it
    /// than the leader.
    fn run_ended(&mut self, job: &Job, me: WorkerId, leads: bool) {
        let end = job.attempts.last().and_then(|last| last.end.as_ref());
        if end.is_some_and(|(at, _)| *at == job.last_updated) {
            self.count_run(job, me, leads);
        }
    }

    fn count_run(&mut self, job: &Job, me: WorkerId, leads: bool) {
        let Some(last) = job.attempts.last() else { return };
        let Some((at, end)) = &last.end else { return };
        let is_ours = if *end == AttemptEnd::WorkerDead { leads } else { last.worker == me };
        if is_ours {
            let of = self.of(&job.spec.action);
            *of.runs.entry(reason::name(end)).or_default() += 1;
            of.run_times.note(between(last.started_at, *at));
        }
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_millis(to.as_ms().saturating_sub(from.as_ms()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_beyond_the_bound_are_counted_together() {
        let mut jobs = Jobs::default();
        for number in 0..METRICS_ACTIONS_MAX + 10 {
            jobs.of(&format!("action-{number}")).submitted += 1;
        }
        jobs.of("action-0").submitted += 1;
        assert_eq!(jobs.by_action.len(), METRICS_ACTIONS_MAX + 1);
        assert_eq!(jobs.by_action[OTHER].submitted, 10);
        assert_eq!(jobs.by_action["action-0"].submitted, 2);
    }
}
