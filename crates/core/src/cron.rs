//! A cron: what is to be run again and again, and when. One for each action.

use std::sync::Arc;

use crate::id::{CronId, Generation};
use crate::job::JobSpec;
use crate::limits;
use crate::offer;
use crate::outcome::{Event, Refusal, Reply};
use crate::state::{State, Transition};
use crate::submit::{
    action_is_known, at_most, completed_within_limits, count, run_within_limits, shown,
};
use crate::time::{Span, Timeout, Timestamp};

mod control;
mod fire;
mod policy;
mod table;
mod tick;
mod undecided;

pub use fire::{Firing, Passed};
pub use policy::{CronPolicy, Missed, Overlap};
pub use tick::{Fate, Skip, SkipReason, TickCounts, TickHistory, TickRecord, Ticked};

pub(crate) use control::{pause, resume, run};
pub(crate) use fire::fire;
pub(crate) use table::Crons;

/// A cron that a client wants to have in the place of its action's former one.
///
/// What its schedule means is worked out before it is proposed ([`crate::Schedule::first_run`]):
/// replicas need not agree on the rules of a time zone, only on the instants in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCron {
    /// Drawn by the gateway.
    pub id: CronId,
    /// What each of its jobs is.
    pub spec: JobSpec,
    /// How often each of its jobs is run again after a failure; 0 is as often as its action says.
    pub retries: u32,
    /// When it is due, in the dialect of [`crate::Schedule`].
    pub schedule: String,
    /// The IANA name of the time zone that the schedule speaks of; `None` is UTC.
    pub time_zone: Option<String>,
    /// What it does with ticks that are late, and with jobs that are not over.
    pub policy: CronPolicy,
    /// The instant from which the schedule counts, on the clock of whoever evaluated it.
    pub anchor: Timestamp,
    /// Its first tick, after the anchor.
    pub next_run: Timestamp,
    /// The ticks of the cron whose place it takes that nothing has decided
    /// ([`Cron::undecided`]); none if whoever proposes it knows of no such cron.
    pub undecided: Option<Firing>,
}

/// A cron as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    /// Its name.
    pub id: CronId,
    /// Its number among all crons that ever were: one that takes another's place has a larger one.
    pub generation: Generation,
    /// What each of its jobs is.
    pub spec: JobSpec,
    /// How often each of its jobs is run again after a failure; 0 is as often as its action says.
    pub retries: u32,
    /// When it is due, as its client wrote it.
    pub schedule: String,
    /// The IANA name of the time zone that the schedule speaks of; `None` is UTC.
    pub time_zone: Option<String>,
    /// What it does with ticks that are late, and with jobs that are not over.
    pub policy: CronPolicy,
    /// The instant from which the schedule counts; `@every` has its ticks from here.
    pub anchor: Timestamp,
    /// The last tick that was decided: it became a job, or was skipped. `None` before the first.
    pub last_tick: Option<Timestamp>,
    /// The tick that is next, which may have passed; `None` once the schedule has ended. All ticks
    /// before it were decided, and none from it on.
    pub next_run: Option<Timestamp>,
    /// The last time that it was paused, if it ever was.
    pub pause: Option<Pause>,
    /// What became of its ticks.
    pub history: TickHistory,
}

/// A time in which a cron was paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// When it was paused, in log time.
    pub from: Timestamp,
    /// When it was resumed; `None` if it has not been.
    pub until: Option<Timestamp>,
}

impl Cron {
    fn new(new: NewCron, generation: Generation) -> Self {
        Self {
            id: new.id,
            generation,
            spec: new.spec,
            retries: new.retries,
            schedule: new.schedule,
            time_zone: new.time_zone,
            policy: new.policy,
            anchor: new.anchor,
            last_tick: None,
            next_run: Some(new.next_run),
            pause: None,
            history: TickHistory::default(),
        }
    }

    /// What it says of the retries of its jobs; nothing leaves it to the action.
    fn retries_of_jobs(&self) -> Option<u32> {
        Some(self.retries).filter(|retries| *retries > 0)
    }

    /// Whether its ticks wait until it is resumed.
    pub fn is_paused(&self) -> bool {
        self.pause.is_some_and(|pause| pause.until.is_none())
    }

    /// When it is due next: its next tick, put off by its share of the jitter. `None` while it is
    /// paused, and once its schedule has ended.
    pub fn due(&self) -> Option<Timestamp> {
        self.next_run.filter(|_| !self.is_paused()).map(|tick| self.put_off(tick))
    }

    /// When a tick is due: see [`CronPolicy::put_off`].
    pub fn put_off(&self, tick: Timestamp) -> Timestamp {
        self.policy.put_off(&self.spec.action, tick)
    }

    /// Whether a tick that is carried out at `now` is missed: its window is over, or the cron was
    /// paused when it was due, or after it was.
    pub fn is_missed(&self, tick: Timestamp, now: Timestamp) -> bool {
        let due = self.put_off(tick);
        let resumed = self.pause.and_then(|pause| pause.until);
        now > due.plus(self.policy.window()) || resumed.is_some_and(|resumed| due <= resumed)
    }

    /// Why a tick that is missed becomes nothing.
    fn why_missed(&self, tick: Timestamp) -> SkipReason {
        let was_paused = self.pause.is_some_and(|Pause { from, until }| {
            let due = self.put_off(tick);
            from <= due && until.is_none_or(|until| due <= until)
        });
        if was_paused { SkipReason::Paused } else { SkipReason::Missed }
    }

    /// Whether this is the cron that an equal command has put before.
    fn is_put_by(&self, new: &NewCron) -> bool {
        self.id == new.id
            && self.spec == new.spec
            && self.retries == new.retries
            && self.schedule == new.schedule
            && self.time_zone == new.time_zone
            && self.policy == new.policy
            && self.anchor == new.anchor
    }

    /// Bytes that its client has written in it.
    fn bytes(&self) -> u64 {
        bytes_of(&self.spec, &self.schedule, self.time_zone.as_deref())
    }
}

/// Bytes that a client has written, but for what is bounded to a few anyway.
fn bytes_of(spec: &JobSpec, schedule: &str, time_zone: Option<&str>) -> u64 {
    let parameters = spec.parameters.iter().flatten();
    let parameters = parameters.map(|(name, value)| name.len() + value.len()).sum::<usize>();
    let capacity = spec.capacity_map.iter().flat_map(crate::CapacityMap::iter);
    let capacity = capacity.map(|(name, _)| name.len() + size_of::<u64>()).sum::<usize>();
    let texts = spec.action.len() + schedule.len() + time_zone.map_or(0, str::len);
    count(parameters + capacity + texts)
}

/// What becomes of ticks that become no job.
const fn skip(reason: SkipReason) -> Fate {
    Fate::Skipped(Skip { reason, job: None })
}

/// Creates the cron of an action, or puts it in the place of the former one, of which it keeps
/// nothing. Putting the same one again changes nothing: the ticks that it has had stay had.
pub(crate) fn put(
    state: &mut State,
    transition: &mut Transition,
    new: NewCron,
) -> Result<Reply, Refusal> {
    let former = state.crons.get(&new.spec.action);
    if former.is_some_and(|former| former.is_put_by(&new)) {
        return Ok(Reply::Ok);
    }
    let (is_one_more, former_bytes) = (former.is_none(), former.map_or(0, |cron| cron.bytes()));
    within_limits(state, &new)?;
    if is_one_more && state.crons.len() >= limits::CRONS_MAX {
        return Err(Refusal::TooManyCrons { limit: limits::CRONS_MAX });
    }
    let bytes = bytes_of(&new.spec, &new.schedule, new.time_zone.as_deref());
    let bytes = (state.crons.bytes() - former_bytes).saturating_add(bytes);
    at_most("bytes of all crons", bytes, limits::CRONS_BYTES_MAX)?;
    let lost = match state.crons.get(&new.spec.action) {
        Some(former) => {
            undecided::lost(former, new.undecided.as_ref(), state.now, SkipReason::Replaced)?
        }
        None => None,
    };
    state.last_generation = state.last_generation.next();
    let cron = Arc::new(Cron::new(new, state.last_generation));
    if let Some(former) = state.crons.put(Arc::clone(&cron)) {
        undecided::tell(transition, &former, lost);
    }
    transition.announce(Event::CronChanged(cron));
    Ok(Reply::Ok)
}

/// Removes the cron of an action. The jobs that it has created stay.
pub(crate) fn delete(
    state: &mut State,
    transition: &mut Transition,
    action: &str,
    undecided: Option<&Firing>,
) -> Result<Reply, Refusal> {
    let cron = state.crons.get(action).ok_or_else(|| Refusal::NoSuchCron(shown(action)))?;
    let lost = undecided::lost(cron, undecided, state.now, SkipReason::Deleted)?;
    if let Some(cron) = state.crons.remove(action) {
        undecided::tell(transition, &cron, lost);
        transition.announce(Event::CronDeleted(cron));
    }
    Ok(Reply::Ok)
}

fn within_limits(state: &State, new: &NewCron) -> Result<(), Refusal> {
    action_is_known(state, &new.spec.action)?;
    run_within_limits(&new.spec, new.retries)?;
    at_most("bytes of the schedule", count(new.schedule.len()), count(limits::SCHEDULE_BYTES_MAX))?;
    let zone_bytes = new.time_zone.as_ref().map_or(0, String::len);
    at_most("name of the time zone", count(zone_bytes), count(limits::NAME_BYTES_MAX))?;
    let CronPolicy { window, jitter, missed: _, overlap: _ } = &new.policy;
    span_within("milliseconds of the window", window.as_ref(), limits::WINDOW_MAX)?;
    span_within("milliseconds of the jitter", jitter.as_ref(), limits::JITTER_MAX)?;
    if new.next_run <= new.anchor {
        return Err(Refusal::NextRunTooEarly { next_run: new.next_run, anchor: new.anchor });
    }
    // Whether its jobs would be jobs; of what the action has for them nothing is kept.
    let mut spec = new.spec.clone();
    let (_, given) = offer::complete(state, &mut spec, Some(new.retries));
    if !given.parameters.is_empty() {
        completed_within_limits(spec.parameters.as_ref())?;
    }
    offer::is_as_declared(state, &spec)
}

fn span_within(what: &'static str, span: Option<&Timeout>, max: Span) -> Result<(), Refusal> {
    let Some(span) = span else { return Ok(()) };
    let bytes = count(span.text().len());
    at_most("text of a duration", bytes, count(limits::TIMEOUT_BYTES_MAX))?;
    at_most(what, span.span().as_ms(), max.as_ms())
}
