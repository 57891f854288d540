//! The operations on crons.

use std::borrow::Cow;
use std::sync::Arc;

use stint_consensus::blocking;
use stint_core::limits::{NAME_BYTES_MAX, WINDOW_DEFAULT};
use stint_core::{
    Command, Cron, CronId, CronPolicy, Firing, JobId, JobSpec, NewCron, Refusal, Reply, Schedule,
    State, TickCounts, Timestamp,
};
use uuid::Uuid;

use super::jobs::{done, within_reason};
use super::{Api, ApiError, Caller, JobView};
use crate::limits;
use crate::parse::{quoted, shown_action};

/// What a client wants to be run by a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CronForm {
    /// What each of its jobs is.
    pub(crate) spec: JobSpec,
    /// How often each of its jobs is run again after a failure.
    pub(crate) retries: u32,
    /// When it is due.
    pub(crate) schedule: String,
    /// The IANA name of the time zone that the schedule speaks of; empty is UTC.
    pub(crate) time_zone: String,
    /// What it does with ticks that are late, and with jobs that are not over.
    pub(crate) policy: CronPolicy,
}

/// Which ticks are to be foretold: those of a cron, or of a schedule that begins now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PreviewQuery {
    /// The action of the cron; empty for a schedule.
    pub(crate) action: String,
    pub(crate) schedule: String,
    /// Empty is UTC.
    pub(crate) time_zone: String,
    /// How many; `None` is [`limits::PREVIEW_DEFAULT`].
    pub(crate) count: Option<u64>,
}

/// A cron as clients see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CronView<'a> {
    pub(crate) id: CronId,
    pub(crate) spec: &'a JobSpec,
    pub(crate) retries: u32,
    pub(crate) schedule: &'a str,
    /// `None` is UTC.
    pub(crate) time_zone: Option<&'a str>,
    /// `None` while it is paused, and once the schedule has ended.
    pub(crate) next_run: Option<Timestamp>,
    pub(crate) policy: &'a CronPolicy,
    pub(crate) is_paused: bool,
    /// `None` before the first.
    pub(crate) last_tick: Option<Timestamp>,
    /// `None` as long as there are none.
    pub(crate) counts: Option<&'a TickCounts>,
}

/// How late a tick may be before it is missed; the default is said as well.
pub(crate) fn missed_window(policy: &CronPolicy) -> Cow<'_, str> {
    match &policy.window {
        Some(window) => Cow::Borrowed(window.text()),
        None => Cow::Owned(format!("{}s", WINDOW_DEFAULT.as_ms() / 1_000)),
    }
}

impl<'a> From<&'a Cron> for CronView<'a> {
    fn from(cron: &'a Cron) -> Self {
        Self {
            id: cron.id,
            spec: &cron.spec,
            retries: cron.retries,
            schedule: &cron.schedule,
            time_zone: cron.time_zone.as_deref(),
            next_run: cron.due(),
            policy: &cron.policy,
            is_paused: cron.is_paused(),
            last_tick: cron.last_tick,
            counts: Some(&cron.history.counts),
        }
    }
}

impl<'a> From<&'a NewCron> for CronView<'a> {
    fn from(new: &'a NewCron) -> Self {
        Self {
            id: new.id,
            spec: &new.spec,
            retries: new.retries,
            schedule: &new.schedule,
            time_zone: new.time_zone.as_deref(),
            next_run: Some(new.policy.put_off(&new.spec.action, new.next_run)),
            policy: &new.policy,
            is_paused: false,
            last_tick: None,
            counts: None,
        }
    }
}

impl Api {
    /// All crons of actions behind this name, in their order.
    pub(crate) async fn list_crons(
        &self,
        caller: &Caller,
        after: &str,
    ) -> Result<Vec<Arc<Cron>>, ApiError> {
        self.barrier().await?;
        let _turn = self.turn_to_page(caller).await?;
        Ok(self.replica.with_state(|state| {
            state.crons().filter(|cron| *cron.spec.action > *after).map(Arc::clone).collect()
        }))
    }

    /// The cron of an action.
    pub(crate) async fn get_cron(
        &self,
        caller: &Caller,
        action: &str,
    ) -> Result<Arc<Cron>, ApiError> {
        let _turn = self.turn_to_call(caller).await?;
        self.barrier().await?;
        let found = self.replica.with_state(|state| state.cron(action).map(Arc::clone));
        found.ok_or_else(|| ApiError::NoSuchCron(shown_action(action).to_owned()))
    }

    /// Creates the cron of an action under a new id, or puts it in the place of the former one.
    /// What is given back is what was put, whatever others have put since.
    pub(crate) async fn put_cron(
        &self,
        caller: &Caller,
        form: CronForm,
    ) -> Result<NewCron, ApiError> {
        within_reason("cron", &form.spec)?;
        let CronForm { spec, retries, schedule, time_zone, policy } = form;
        let time_zone = Some(time_zone).filter(|name| !name.is_empty());
        let anchor = self.replica.now();
        let next_run = Schedule::first_run(&schedule, time_zone.as_deref(), anchor)?;
        let id = CronId::from_bytes(Uuid::now_v7().into_bytes());
        let action = spec.action.clone();
        let new = NewCron {
            id,
            spec,
            retries,
            schedule,
            time_zone,
            policy,
            anchor,
            next_run,
            undecided: None,
        };
        let put = |undecided| Command::PutCron(Box::new(NewCron { undecided, ..new.clone() }));
        done("a cron", &self.take_away(caller, &action, put).await?)?;
        Ok(new)
    }

    /// Removes the cron of an action. The jobs that it has created stay.
    pub(crate) async fn delete_cron(
        &self,
        caller: &Caller,
        action: String,
    ) -> Result<(), ApiError> {
        let action = of_a_cron(action)?;
        let delete = |undecided: Option<Firing>| Command::DeleteCron {
            action: action.clone(),
            undecided: undecided.map(Box::new),
        };
        done("the deletion of a cron", &self.take_away(caller, &action, delete).await?)
    }

    /// Proposes what takes the action's cron away, with the ticks of it that nothing has decided. If
    /// they are others by then, they are worked out anew.
    async fn take_away(
        &self,
        caller: &Caller,
        action: &str,
        command: impl Fn(Option<Firing>) -> Command,
    ) -> Result<Reply, ApiError> {
        for _ in 0..limits::UNDECIDED_TRIES_MAX {
            self.barrier().await?;
            let undecided = self.undecided(caller, action).await?;
            match self.propose(caller, command(undecided)).await? {
                Err(Refusal::OtherTicks(_)) => {}
                answer => return Ok(answer?),
            }
        }
        Err(Refusal::OtherTicks(shown_action(action).to_owned()).into())
    }

    /// The ticks of the action's cron that nothing has decided; none if it has none, or if its schedule
    /// means nothing to this replica, as those of a later build may.
    async fn undecided(&self, caller: &Caller, action: &str) -> Result<Option<Firing>, ApiError> {
        let (now, cron) =
            self.replica.with_state(|state| (state.now(), state.cron(action).cloned()));
        let Some(cron) = cron else { return Ok(None) };
        // Of a cron that was paused for long these are many.
        let _turn = self.turn_to_page(caller).await?;
        let undecided = blocking(move || cron.undecided(now).ok().flatten()).await;
        undecided.map_err(|error| ApiError::internal(&error.to_string()))
    }

    /// Lets the ticks of a cron wait. Asking twice is asking once.
    pub(crate) async fn pause_cron(
        &self,
        caller: &Caller,
        action: String,
    ) -> Result<Arc<Cron>, ApiError> {
        let action = of_a_cron(action)?;
        let command = Command::PauseCron { action: action.clone() };
        done("the pause of a cron", &self.propose(caller, command).await??)?;
        self.here(&action)
    }

    /// Lets the ticks of a cron go on.
    pub(crate) async fn resume_cron(
        &self,
        caller: &Caller,
        action: String,
    ) -> Result<Arc<Cron>, ApiError> {
        let action = of_a_cron(action)?;
        let command = Command::ResumeCron { action: action.clone() };
        done("the end of a cron's pause", &self.propose(caller, command).await??)?;
        self.here(&action)
    }

    /// Creates a job of a cron at once.
    pub(crate) async fn run_cron(
        &self,
        caller: &Caller,
        action: String,
    ) -> Result<JobView, ApiError> {
        let action = of_a_cron(action)?;
        let drawn = self.replica.with_state(State::sequence);
        let job = JobId::from_bytes(Uuid::now_v7().into_bytes());
        let command = Command::RunCron { action, job, drawn };
        self.created(caller, command, job).await
    }

    /// The next ticks of a cron or a schedule: when its jobs are due, the soonest first.
    pub(crate) async fn preview(
        &self,
        caller: &Caller,
        query: PreviewQuery,
    ) -> Result<Vec<Timestamp>, ApiError> {
        let PreviewQuery { action, schedule, time_zone, count } = query;
        let max = limits::PREVIEW_MAX;
        let count = count.unwrap_or(limits::PREVIEW_DEFAULT);
        if !(1..=max).contains(&count) {
            let expected = format!("an integer from 1 to {max}");
            return Err(ApiError::field("n", expected, count.to_string()));
        }
        let now = self.replica.now();
        let (schedule, anchor, first, policy) = match (action.is_empty(), schedule.is_empty()) {
            (false, true) => {
                let cron = self.get_cron(caller, &action).await?;
                let schedule = Schedule::parse(&cron.schedule, cron.time_zone.as_deref())?;
                let passed = |tick: &Timestamp| *tick <= now;
                let first = match cron.next_run.filter(passed) {
                    Some(_) => schedule.next_after(now, cron.anchor),
                    None => cron.next_run,
                };
                (schedule, cron.anchor, first, Some(cron.policy.clone()))
            }
            (true, false) => {
                let zone = Some(time_zone.as_str());
                let first = Schedule::first_run(&schedule, zone, now)?;
                (Schedule::parse(&schedule, zone)?, now, Some(first), None)
            }
            (true, true) | (false, false) => {
                let expected = "the text of a schedule, or else `action`, the action of a cron";
                return Err(ApiError::field("schedule", expected, quoted(&schedule)));
            }
        };
        let next = |tick: &Timestamp| schedule.next_after(*tick, anchor);
        let due = |tick| match &policy {
            Some(policy) => policy.put_off(&action, tick),
            None => tick,
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let _turn = self.turn_to_page(caller).await?;
        Ok(std::iter::successors(first, next).take(count).map(due).collect())
    }

    /// The cron, as this replica has it after a change that it has carried out.
    fn here(&self, action: &str) -> Result<Arc<Cron>, ApiError> {
        let found = self.replica.with_state(|state| state.cron(action).map(Arc::clone));
        found.ok_or_else(|| ApiError::NoSuchCron(shown_action(action).to_owned()))
    }
}

/// No action has a longer name, and the log is no place for it.
fn of_a_cron(action: String) -> Result<String, ApiError> {
    if action.len() > NAME_BYTES_MAX {
        return Err(ApiError::NoSuchCron(shown_action(&action).to_owned()));
    }
    Ok(action)
}
