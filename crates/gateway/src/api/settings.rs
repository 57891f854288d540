//! The operations on the settings of the cluster.

use stint_core::{
    COMPACTION_ACTION, Change, Command, CronId, CronPolicy, JobSpec, NewCron, Schedule, Settings,
    SettingsChange, Span, Timeout,
};
use uuid::Uuid;

use super::jobs::done;
use super::{Api, ApiError, Caller};
use crate::{limits, parse};

/// What a client wants of the settings. Those that it does not name stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SettingsForm {
    /// Whether history is compacted at all.
    pub(crate) compaction_enabled: Option<bool>,
    /// How many jobs history keeps at most; 0 is no bound.
    pub(crate) to_keep: Option<u64>,
    /// How long history keeps a job; empty, and a duration of no length, are no bound.
    pub(crate) max_age: Option<String>,
}

impl Api {
    /// The settings of the cluster.
    pub(crate) async fn settings(&self, caller: &Caller) -> Result<Settings, ApiError> {
        let _turn = self.turn_to_call(caller).await?;
        self.barrier().await?;
        Ok(self.replica.with_state(|state| state.settings().clone()))
    }

    /// Changes the settings that are named, and gives all as they are then.
    pub(crate) async fn change_settings(
        &self,
        caller: &Caller,
        form: SettingsForm,
    ) -> Result<Settings, ApiError> {
        let mut change = change(&form)?;
        if form.compaction_enabled == Some(true) {
            change.compaction_cron = Some(Box::new(self.compaction_cron()?));
        }
        let reply = self.propose(caller, Command::PutSettings(change)).await??;
        done("a change of settings", &reply)?;
        Ok(self.replica.with_state(|state| state.settings().clone()))
    }
}

impl Api {
    /// The cron that compacts, for a cluster that has none when compaction is enabled.
    fn compaction_cron(&self) -> Result<NewCron, ApiError> {
        let anchor = self.replica.now();
        Ok(NewCron {
            id: CronId::from_bytes(Uuid::now_v7().into_bytes()),
            spec: JobSpec {
                action: COMPACTION_ACTION.to_owned(),
                parameters: None,
                capacity_map: None,
                deadline: None,
                stop_timeout: None,
            },
            retries: 0,
            schedule: COMPACTION_SCHEDULE.to_owned(),
            time_zone: None,
            policy: CronPolicy::default(),
            anchor,
            next_run: Schedule::first_run(COMPACTION_SCHEDULE, None, anchor)?,
            undecided: None,
        })
    }
}

/// When history is compacted, unless an operator puts another cron: every night, when few wait, and
/// not at midnight, when much else is due.
const COMPACTION_SCHEDULE: &str = "0 30 3 * * *";

fn change(form: &SettingsForm) -> Result<SettingsChange, ApiError> {
    Ok(SettingsChange {
        job_history_compaction_enabled: to(form.compaction_enabled),
        job_history_to_keep: to(form.to_keep.map(bound).transpose()?),
        job_history_max_age: to(form.max_age.as_deref().map(age).transpose()?),
        compaction_cron: None,
    })
}

/// What is named changes.
fn to<T>(named: Option<T>) -> Change<T> {
    named.map_or(Change::Keep, Change::To)
}

fn bound(count: u64) -> Result<Option<u64>, ApiError> {
    let max = limits::HISTORY_TO_KEEP_MAX;
    if count > max {
        let expected = format!("an integer from 0 to {max}");
        return Err(ApiError::field("jobHistoryToKeep", expected, format!("the number {count}")));
    }
    Ok(Some(count).filter(|count| *count > 0))
}

/// Go clients write the duration that nobody set as `0s`: it must not mean that all goes at once.
fn age(text: &str) -> Result<Option<Timeout>, ApiError> {
    let age = parse::timeout("jobHistoryMaxAge", text)?;
    Ok(age.filter(|age| age.span() > Span::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays() {
        assert_eq!(change(&SettingsForm::default()), Ok(SettingsChange::default()));
        let form = SettingsForm { to_keep: Some(7), ..SettingsForm::default() };
        let expected =
            SettingsChange { job_history_to_keep: Change::To(Some(7)), ..Default::default() };
        assert_eq!(change(&form), Ok(expected));
    }

    #[test]
    fn nothing_is_no_bound() {
        for max_age in ["", "0", "0s", "0h0m"] {
            let form = SettingsForm {
                to_keep: Some(0),
                max_age: Some(max_age.to_owned()),
                ..SettingsForm::default()
            };
            let expected = SettingsChange {
                job_history_to_keep: Change::To(None),
                job_history_max_age: Change::To(None),
                ..Default::default()
            };
            assert_eq!(change(&form), Ok(expected), "{max_age}");
        }
    }
}
