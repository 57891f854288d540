//! A cron: what is to be run again and again, and when. One for each action.

use std::sync::Arc;

use crate::id::{CronId, Generation};
use crate::job::JobSpec;
use crate::limits;
use crate::outcome::{Event, Refusal, Reply};
use crate::state::{State, Transition};
use crate::submit::{action_is_known, at_most, count, run_within_limits, shown};
use crate::time::Timestamp;

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
    /// How often each of its jobs is run again after a failure.
    pub retries: u32,
    /// When it is due, in the dialect of [`crate::Schedule`].
    pub schedule: String,
    /// The IANA name of the time zone that the schedule speaks of; `None` is UTC.
    pub time_zone: Option<String>,
    /// The instant from which the schedule counts, on the clock of whoever evaluated it.
    pub anchor: Timestamp,
    /// Its first tick, after the anchor.
    pub next_run: Timestamp,
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
    /// How often each of its jobs is run again after a failure.
    pub retries: u32,
    /// When it is due, as its client wrote it.
    pub schedule: String,
    /// The IANA name of the time zone that the schedule speaks of; `None` is UTC.
    pub time_zone: Option<String>,
    /// The instant from which the schedule counts; `@every` has its ticks from here.
    pub anchor: Timestamp,
    /// The last tick that was carried out; `None` before the first.
    pub last_tick: Option<Timestamp>,
    /// The tick that is next, which may have passed; `None` once the schedule has ended.
    pub next_run: Option<Timestamp>,
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
            anchor: new.anchor,
            last_tick: None,
            next_run: Some(new.next_run),
        }
    }

    /// Whether this is the cron that an equal command has put before.
    fn is_put_by(&self, new: &NewCron) -> bool {
        self.id == new.id
            && self.spec == new.spec
            && self.retries == new.retries
            && self.schedule == new.schedule
            && self.time_zone == new.time_zone
            && self.anchor == new.anchor
    }
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
    let is_one_more = former.is_none();
    within_limits(state, &new)?;
    if is_one_more && state.crons.len() >= limits::CRONS_MAX {
        return Err(Refusal::TooManyCrons { limit: limits::CRONS_MAX });
    }
    state.last_generation = state.last_generation.next();
    let cron = Arc::new(Cron::new(new, state.last_generation));
    state.crons.insert(cron.spec.action.clone(), Arc::clone(&cron));
    transition.announce(Event::CronChanged(cron));
    Ok(Reply::Ok)
}

/// Removes the cron of an action. The jobs that it has created stay.
pub(crate) fn delete(
    state: &mut State,
    transition: &mut Transition,
    action: &str,
) -> Result<Reply, Refusal> {
    let cron = state.crons.remove(action).ok_or_else(|| Refusal::NoSuchCron(shown(action)))?;
    transition.announce(Event::CronDeleted(cron));
    Ok(Reply::Ok)
}

fn within_limits(state: &State, new: &NewCron) -> Result<(), Refusal> {
    action_is_known(state, &new.spec.action)?;
    run_within_limits(&new.spec, new.retries)?;
    at_most("bytes of the schedule", count(new.schedule.len()), count(limits::SCHEDULE_BYTES_MAX))?;
    let zone_bytes = new.time_zone.as_ref().map_or(0, String::len);
    at_most("name of the time zone", count(zone_bytes), count(limits::NAME_BYTES_MAX))?;
    if new.next_run > new.anchor {
        Ok(())
    } else {
        Err(Refusal::NextRunTooEarly { next_run: new.next_run, anchor: new.anchor })
    }
}
