//! Ticks come due: each becomes exactly one job, or is skipped for a reason that is kept.

use std::sync::Arc;

use super::policy::{Missed, Overlap};
use super::tick::{Fate, Skip, SkipReason, TickRecord, Ticked};
use super::{Cron, skip};
use crate::cancel;
use crate::command::NewJob;
use crate::id::{Generation, JobId};
use crate::job::CronLink;
use crate::limits;
use crate::outcome::{Event, Refusal, Reply};
use crate::policy::Policy;
use crate::state::{State, Transition};
use crate::submit::{self, at_most, count};
use crate::time::Timestamp;

/// Ticks of one cron that have come due, as the leader has worked them out.
///
/// It holds for the tick that the cron has as its next, and for no other: of two equal firings the
/// second is void, and so is one of a cron that was replaced or paused meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// The cron's action.
    pub action: String,
    /// The cron's number.
    pub generation: Generation,
    /// The tick that was next: the first of all that are named here.
    pub mark: Timestamp,
    /// The oldest ticks, of which there are too many to be caught up with.
    pub passed: Option<Passed>,
    /// The ticks after those, oldest first.
    pub ticks: Vec<Timestamp>,
    /// Whether more have come due after these, and are told of in an entry after this.
    pub has_more: bool,
    /// The tick that is next then; none once the schedule has ended.
    pub next_run: Option<Timestamp>,
}

/// Ticks in a row that are not named one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// The last of them.
    pub last: Timestamp,
    /// How many there are.
    pub count: u64,
}

impl Firing {
    /// The last tick that it names.
    fn last(&self) -> Option<Timestamp> {
        self.ticks.last().copied().or_else(|| self.passed.map(|passed| passed.last))
    }

    /// Whether its ticks are in order, beginning at the mark.
    pub(super) fn is_in_order(&self) -> bool {
        let (first, after) = match self.passed {
            Some(passed) => (Some(self.mark), passed.last),
            None => (self.ticks.first().copied(), Timestamp::ZERO),
        };
        let passed_is_right = self.passed.is_none_or(|passed| {
            passed.last >= self.mark
                && passed.count > 0
                && (passed.count == 1) == (passed.last == self.mark)
        });
        first == Some(self.mark)
            && passed_is_right
            && (self.passed.is_none() || self.ticks.first().is_none_or(|tick| *tick > after))
            && self.ticks.is_sorted_by(|former, latter| former < latter)
            && self.last().is_some_and(|last| self.next_run.is_none_or(|next| next > last))
    }

    /// Whether it says what comes next for this cron now.
    fn holds_for(&self, cron: &Cron, now: Timestamp) -> bool {
        cron.generation == self.generation
            && !cron.is_paused()
            && cron.next_run == Some(self.mark)
            && self.is_in_order()
            && self.last().is_some_and(|last| cron.put_off(last) <= now)
    }
}

/// Carries out ticks of several crons. What is void changes nothing, and hinders nothing.
pub(crate) fn fire(
    state: &mut State,
    transition: &mut Transition,
    firings: Vec<Firing>,
) -> Result<Reply, Refusal> {
    at_most("crons of an entry", count(firings.len()), count(limits::FIRINGS_PER_ENTRY_MAX))?;
    let ticks = firings.iter().map(|firing| firing.ticks.len()).sum();
    at_most("ticks of an entry", count(ticks), count(limits::TICKS_PER_ENTRY_MAX))?;
    for firing in firings {
        let cron = state.crons.get(&firing.action).map(Arc::clone);
        if let Some(cron) = cron.filter(|cron| firing.holds_for(cron, state.now)) {
            carry_out(state, transition, &cron, &firing);
        }
    }
    Ok(Reply::Ok)
}

fn carry_out(state: &mut State, transition: &mut Transition, cron: &Cron, firing: &Firing) {
    let mut records = Vec::new();
    let now = state.now;
    if let Some(Passed { last, count }) = firing.passed {
        let is_missed = cron.is_missed(last, now);
        let reason = match cron.policy.missed {
            Missed::Skip | Missed::One if is_missed => cron.why_missed(last),
            Missed::Skip | Missed::One | Missed::All => SkipReason::TooMany,
        };
        let fate = skip(reason);
        records.push(TickRecord { first: firing.mark, last, count, at: now, fate });
    }
    let missed = firing.ticks.partition_point(|tick| cron.is_missed(*tick, now));
    let is_last = missed == firing.ticks.len() && !firing.has_more;
    for (tick, number) in firing.ticks.iter().zip(1..) {
        let fires = match cron.policy.missed {
            _ if number > missed => true,
            Missed::Skip => false,
            Missed::One => is_last && number == missed,
            Missed::All => true,
        };
        let fate = if fires {
            start(state, transition, cron, *tick)
        } else {
            skip(cron.why_missed(*tick))
        };
        add(&mut records, TickRecord { first: *tick, last: *tick, count: 1, at: now, fate });
    }
    let ticked = |record: &TickRecord| {
        let (id, generation, action) = (cron.id, cron.generation, cron.spec.action.clone());
        Event::CronTicked(Arc::new(Ticked { id, generation, action, record: *record }))
    };
    for record in &records {
        transition.announce(ticked(record));
    }
    state.crons.change(&firing.action, |cron| {
        cron.last_tick = firing.last();
        cron.next_run = firing.next_run;
        for record in records {
            cron.history.add(record);
        }
    });
}

/// Ticks that became nothing for one reason are told of together.
fn add(records: &mut Vec<TickRecord>, record: TickRecord) {
    if let Some(last) = records.last_mut()
        && last.fate == record.fate
    {
        last.last = record.last;
        last.count = last.count.saturating_add(record.count);
    } else {
        records.push(record);
    }
}

/// Makes a job of a tick, if nothing is in its way.
fn start(state: &mut State, transition: &mut Transition, cron: &Cron, tick: Timestamp) -> Fate {
    if let Some(fate) = make_room(state, transition, cron) {
        return fate;
    }
    let new = NewJob {
        id: id_of(state, cron, tick),
        drawn: state.sequence,
        spec: cron.spec.clone(),
        scheduled_at: Some(cron.put_off(tick)),
        retries: cron.retries_of_jobs(),
        parent: None,
        policy: Policy::default(),
        retry_from: None,
    };
    let link = CronLink { id: cron.id, tick: Some(tick) };
    match submit::admit(state, transition, new, Some(link)) {
        Ok(job) => Fate::Fired(job.id),
        Err(refusal) => skip(SkipReason::of(&refusal)),
    }
}

/// What the policy says of former jobs that are not over. A fate is that of the tick.
fn make_room(state: &mut State, transition: &mut Transition, cron: &Cron) -> Option<Fate> {
    let former = state.index.of_cron(&cron.spec.action)?;
    let job = former.first().copied();
    let overlap = Fate::Skipped(Skip { reason: SkipReason::Overlap, job });
    match cron.policy.overlap {
        Overlap::Allow => None,
        Overlap::Skip => Some(overlap),
        Overlap::Replace => {
            let are_all = former.len() <= limits::REPLACED_PER_TICK_MAX;
            let former: Vec<_> =
                former.iter().copied().take(limits::REPLACED_PER_TICK_MAX).collect();
            for job in former {
                // Each was found live, and none ends another.
                drop(cancel::cancel(state, transition, job));
            }
            if are_all { None } else { Some(overlap) }
        }
    }
}

/// The id that follows from the cron, its number and the tick, so that a tick is one job.
///
/// Nobody else can have it, unless somebody guessed it; that may not stop the cluster.
fn id_of(state: &State, cron: &Cron, tick: Timestamp) -> JobId {
    let mut why = format!("tick of {}", cron.generation);
    loop {
        let id = JobId::from_bytes(cron.id.to_bytes()).derive(tick, &why);
        if !state.jobs.contains_key(&id) && !state.recent.contains(id) {
            return id;
        }
        why.push('+');
    }
}
