//! What operators set for the cluster as a whole.

use crate::cron::{self, NewCron};
use crate::limits;
use crate::outcome::{Event, Refusal, Reply};
use crate::state::{State, Transition};
use crate::submit::{at_most, count};
use crate::time::Timeout;

/// The settings of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Whether history is compacted at all.
    pub job_history_compaction_enabled: bool,
    /// How many jobs history keeps at most; `None` is no bound.
    pub job_history_to_keep: Option<u64>,
    /// How long history keeps a job; `None` is for ever.
    pub job_history_max_age: Option<Timeout>,
}

/// What an operator wants of one setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It becomes this.
    To(T),
}

/// What an operator wants of all settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SettingsChange {
    /// For [`Settings::job_history_compaction_enabled`].
    pub job_history_compaction_enabled: Change<bool>,
    /// For [`Settings::job_history_to_keep`].
    pub job_history_to_keep: Change<Option<u64>>,
    /// For [`Settings::job_history_max_age`].
    pub job_history_max_age: Change<Option<Timeout>>,
    /// What runs [`crate::COMPACTION_ACTION`] from now on, if this is what enables compaction and
    /// no cron does so yet. Its first tick is worked out by whoever proposes it.
    pub compaction_cron: Option<Box<NewCron>>,
}

impl<T> Change<T> {
    fn carry_out(self, setting: &mut T) {
        match self {
            Self::Keep => {}
            Self::To(value) => *setting = value,
        }
    }
}

/// Changes the settings that are named.
pub(crate) fn put(
    state: &mut State,
    transition: &mut Transition,
    change: SettingsChange,
) -> Result<Reply, Refusal> {
    let mut settings = state.settings.clone();
    change.job_history_compaction_enabled.carry_out(&mut settings.job_history_compaction_enabled);
    change.job_history_to_keep.carry_out(&mut settings.job_history_to_keep);
    change.job_history_max_age.carry_out(&mut settings.job_history_max_age);
    let is_first =
        settings.job_history_compaction_enabled && !state.settings.job_history_compaction_enabled;
    let bytes = settings.job_history_max_age.as_ref().map_or(0, |age| age.text().len());
    at_most("text of the maximum age", count(bytes), count(limits::TIMEOUT_BYTES_MAX))?;
    if let Some(new) = change.compaction_cron
        && is_first
        && state.crons.get(&new.spec.action).is_none()
    {
        cron::put(state, transition, *new)?;
    }
    if settings != state.settings {
        state.settings = settings.clone();
        transition.announce(Event::SettingsChanged(settings));
    }
    Ok(Reply::Ok)
}
