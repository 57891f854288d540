//! The operations on crons.

use std::sync::Arc;

use stint_core::limits::NAME_BYTES_MAX;
use stint_core::{Command, Cron, CronId, JobSpec, NewCron, Schedule, Timestamp};
use uuid::Uuid;

use super::jobs::{done, within_reason};
use super::{Api, ApiError, Caller};
use crate::parse::shown_action;

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
    /// `None` once the schedule has ended.
    pub(crate) next_run: Option<Timestamp>,
}

impl<'a> From<&'a Cron> for CronView<'a> {
    fn from(cron: &'a Cron) -> Self {
        Self {
            id: cron.id,
            spec: &cron.spec,
            retries: cron.retries,
            schedule: &cron.schedule,
            time_zone: cron.time_zone.as_deref(),
            next_run: cron.next_run,
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
            next_run: Some(new.next_run),
        }
    }
}

impl Api {
    /// All crons, in the order of their actions.
    pub(crate) async fn list_crons(&self) -> Result<Vec<Arc<Cron>>, ApiError> {
        self.barrier().await?;
        Ok(self.replica.with_state(|state| state.crons().map(Arc::clone).collect()))
    }

    /// The cron of an action.
    pub(crate) async fn get_cron(&self, action: &str) -> Result<Arc<Cron>, ApiError> {
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
        let CronForm { spec, retries, schedule, time_zone } = form;
        let time_zone = Some(time_zone).filter(|name| !name.is_empty());
        let anchor = self.replica.now();
        let next_run = Schedule::first_run(&schedule, time_zone.as_deref(), anchor)?;
        let id = CronId::from_bytes(Uuid::now_v7().into_bytes());
        let new = NewCron { id, spec, retries, schedule, time_zone, anchor, next_run };
        let reply = self.propose(caller, Command::PutCron(Box::new(new.clone()))).await??;
        done("a cron", &reply)?;
        Ok(new)
    }

    /// Removes the cron of an action. The jobs that it has created stay.
    pub(crate) async fn delete_cron(
        &self,
        caller: &Caller,
        action: String,
    ) -> Result<(), ApiError> {
        // No action has such a name, and the log is no place for it.
        if action.len() > NAME_BYTES_MAX {
            return Err(ApiError::NoSuchCron(shown_action(&action).to_owned()));
        }
        let reply = self.propose(caller, Command::DeleteCron { action }).await??;
        done("the deletion of a cron", &reply)
    }
}
