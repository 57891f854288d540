//! What clients and operators set: crons, action configs, settings.

use stint_core::{
    ActionConfig, ActionConfigId, Change, Cron, CronId, Generation, NewCron, Settings,
    SettingsChange, Timeout, Timestamp,
};
use stint_proto::log::v1 as pb;

use super::job::{spec, spec_of, timeout_of};
use super::{Decoded, at, missing, strings, uuid};

pub(super) fn new_cron(new: &NewCron) -> pb::PutCron {
    pb::PutCron {
        cron: new.id.to_bytes().to_vec(),
        spec: Some(spec(&new.spec)),
        retries: new.retries,
        schedule: new.schedule.clone(),
        time_zone: new.time_zone.clone(),
        anchor_ms: new.anchor.as_ms(),
        next_run_ms: new.next_run.as_ms(),
    }
}

pub(super) fn new_cron_of(new: pb::PutCron) -> Decoded<NewCron> {
    Ok(NewCron {
        id: cron_id(&new.cron)?,
        spec: spec_of(new.spec.ok_or_else(|| missing("job spec"))?)?,
        retries: new.retries,
        schedule: new.schedule,
        time_zone: new.time_zone,
        anchor: at(new.anchor_ms),
        next_run: at(new.next_run_ms),
    })
}

pub(super) fn cron(cron: &Cron) -> pb::Cron {
    pb::Cron {
        id: cron.id.to_bytes().to_vec(),
        generation: cron.generation.0,
        spec: Some(spec(&cron.spec)),
        retries: cron.retries,
        schedule: cron.schedule.clone(),
        time_zone: cron.time_zone.clone(),
        anchor_ms: cron.anchor.as_ms(),
        last_tick_ms: cron.last_tick.map(Timestamp::as_ms),
        next_run_ms: cron.next_run.map(Timestamp::as_ms),
    }
}

pub(super) fn cron_of(cron: pb::Cron) -> Decoded<Cron> {
    Ok(Cron {
        id: cron_id(&cron.id)?,
        generation: Generation(cron.generation),
        spec: spec_of(cron.spec.ok_or_else(|| missing("job spec"))?)?,
        retries: cron.retries,
        schedule: cron.schedule,
        time_zone: cron.time_zone,
        anchor: at(cron.anchor_ms),
        last_tick: cron.last_tick_ms.map(at),
        next_run: cron.next_run_ms.map(at),
    })
}

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

fn cron_id(bytes: &[u8]) -> Decoded<CronId> {
    uuid("cron id", bytes).map(CronId::from_bytes)
}

#[cfg(test)]
mod tests;
