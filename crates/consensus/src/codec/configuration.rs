//! What clients and operators set: action configs, settings.

use stint_core::{ActionConfig, ActionConfigId, Change, Settings, SettingsChange, Timeout};
use stint_proto::log::v1 as pb;

use super::cron::{new_cron, new_cron_of};
use super::job::timeout_of;
use super::{Decoded, strings, uuid};

pub(super) fn action_config(config: &ActionConfig) -> pb::ActionConfig {
    pb::ActionConfig {
        id: config.id.to_bytes().to_vec(),
        action: config.action.clone(),
        parameters: config.parameters.as_ref().map(strings),
    }
}

pub(super) fn action_config_of(config: pb::ActionConfig) -> Decoded<ActionConfig> {
    Ok(ActionConfig {
        id: uuid("action config id", &config.id).map(ActionConfigId::from_bytes)?,
        action: config.action,
        parameters: config.parameters.map(|map| map.entries),
    })
}

pub(super) fn settings(settings: &Settings) -> pb::Settings {
    pb::Settings {
        job_history_compaction_enabled: settings.job_history_compaction_enabled,
        job_history_to_keep: settings.job_history_to_keep,
        job_history_max_age: text(settings.job_history_max_age.as_ref()),
    }
}

pub(super) fn settings_of(settings: &pb::Settings) -> Decoded<Settings> {
    Ok(Settings {
        job_history_compaction_enabled: settings.job_history_compaction_enabled,
        job_history_to_keep: settings.job_history_to_keep,
        job_history_max_age: timeout_of(&settings.job_history_max_age)?,
    })
}

pub(super) fn change(change: &SettingsChange) -> pb::PutSettings {
    let age = |age: &Option<Timeout>| pb::MaxAge { age: text(age.as_ref()) };
    pb::PutSettings {
        job_history_compaction_enabled: named(&change.job_history_compaction_enabled).copied(),
        job_history_to_keep: named(&change.job_history_to_keep)
            .map(|count| pb::ToKeep { count: *count }),
        job_history_max_age: named(&change.job_history_max_age).map(age),
        compaction_cron: change.compaction_cron.as_deref().map(new_cron),
    }
}

pub(super) fn change_of(change: pb::PutSettings) -> Decoded<SettingsChange> {
    let age = change.job_history_max_age.map(|max| timeout_of(&max.age)).transpose()?;
    Ok(SettingsChange {
        job_history_compaction_enabled: change_to(change.job_history_compaction_enabled),
        job_history_to_keep: change_to(change.job_history_to_keep.map(|keep| keep.count)),
        job_history_max_age: change_to(age),
        compaction_cron: change.compaction_cron.map(new_cron_of).transpose()?.map(Box::new),
    })
}

/// What a setting becomes; nothing if it stays.
const fn named<T>(change: &Change<T>) -> Option<&T> {
    match change {
        Change::Keep => None,
        Change::To(value) => Some(value),
    }
}

fn change_to<T>(value: Option<T>) -> Change<T> {
    value.map_or(Change::Keep, Change::To)
}

/// A duration as it came; none is the empty text.
fn text(timeout: Option<&Timeout>) -> String {
    timeout.map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests;
