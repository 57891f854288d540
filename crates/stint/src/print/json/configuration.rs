//! What operators configure through the API: crons, action configs, settings.

use std::collections::BTreeMap;

use serde::Serialize;
use stint_client::v0;

use super::time;

#[derive(Serialize)]
pub(in crate::print) struct Crons<'a> {
    crons: Vec<Cron<'a>>,
}

impl<'a> Crons<'a> {
    pub(in crate::print) fn of(crons: &'a [v0::Cron]) -> Self {
        Self { crons: crons.iter().map(Cron::of).collect() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::print) struct Cron<'a> {
    id: &'a str,
    action: &'a str,
    schedule: &'a str,
    retries: u32,
    capacity_map: Option<&'a BTreeMap<String, i64>>,
    parameters: Option<&'a BTreeMap<String, String>>,
    deadline: &'a str,
    stop_timeout: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_run: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    time_zone: &'a str,
    missed: &'a str,
    missed_window: &'a str,
    overlap: &'a str,
    jitter: &'a str,
    is_paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_tick: Option<String>,
    fired: u64,
    skipped: &'a BTreeMap<String, u64>,
}

impl<'a> Cron<'a> {
    pub(in crate::print) fn of(cron: &'a v0::Cron) -> Self {
        Self {
            id: &cron.id,
            action: &cron.action,
            schedule: &cron.schedule,
            retries: cron.retries,
            capacity_map: cron.capacity_map.as_ref().map(|map| &map.entries),
            parameters: cron.parameters.as_ref().map(|map| &map.entries),
            deadline: &cron.deadline,
            stop_timeout: &cron.stop_timeout,
            next_run: cron.next_run.as_ref().map(time),
            time_zone: &cron.time_zone,
            missed: &cron.missed,
            missed_window: &cron.missed_window,
            overlap: &cron.overlap,
            jitter: &cron.jitter,
            is_paused: cron.is_paused,
            last_tick: cron.last_tick.as_ref().map(time),
            fired: cron.fired,
            skipped: &cron.skipped,
        }
    }
}

#[derive(Serialize)]
pub(in crate::print) struct CronHistory<'a> {
    history: Vec<CronTick<'a>>,
}

impl<'a> CronHistory<'a> {
    pub(in crate::print) fn of(ticks: &'a [v0::CronTick]) -> Self {
        Self { history: ticks.iter().map(CronTick::of).collect() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::print) struct CronTick<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
    #[serde(rename = "jobID", skip_serializing_if = "str::is_empty")]
    job_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    skip_reason: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
}

impl<'a> CronTick<'a> {
    pub(in crate::print) fn of(tick: &'a v0::CronTick) -> Self {
        Self {
            first: tick.first.as_ref().map(time),
            last: tick.last.as_ref().map(time),
            count: tick.count,
            decided_at: tick.decided_at.as_ref().map(time),
            job_id: &tick.job_id,
            skip_reason: &tick.skip_reason,
            detail: &tick.detail,
        }
    }
}

#[derive(Serialize)]
pub(in crate::print) struct Preview {
    ticks: Vec<String>,
}

impl Preview {
    pub(in crate::print) fn of(ticks: &[stint_client::Timestamp]) -> Self {
        Self { ticks: ticks.iter().map(time).collect() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::print) struct ActionConfigs<'a> {
    action_configs: Vec<ActionConfig<'a>>,
}

impl<'a> ActionConfigs<'a> {
    pub(in crate::print) fn of(configs: &'a [v0::ActionConfig]) -> Self {
        Self { action_configs: configs.iter().map(ActionConfig::of).collect() }
    }
}

#[derive(Serialize)]
pub(in crate::print) struct ActionConfig<'a> {
    id: &'a str,
    action: &'a str,
    parameters: Option<&'a BTreeMap<String, String>>,
}

impl<'a> ActionConfig<'a> {
    pub(in crate::print) fn of(config: &'a v0::ActionConfig) -> Self {
        let parameters = config.parameters.as_ref().map(|map| &map.entries);
        Self { id: &config.id, action: &config.action, parameters }
    }
}

#[derive(Serialize)]
pub(in crate::print) struct Settings<'a> {
    #[serde(rename = "jobHistoryCompactionEnabled")]
    compaction_enabled: bool,
    #[serde(rename = "jobHistoryToKeep")]
    to_keep: u64,
    #[serde(rename = "jobHistoryMaxAge")]
    max_age: &'a str,
}

impl<'a> Settings<'a> {
    pub(in crate::print) fn of(settings: &'a v0::ClusterSettings) -> Self {
        Self {
            compaction_enabled: settings.job_history_compaction_enabled,
            to_keep: settings.job_history_to_keep,
            max_age: &settings.job_history_max_age,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cron_has_the_names_and_the_order_of_v0() {
        let cron = v0::Cron {
            id: "48875b1b-5006-48f5-9f3c-af9fbdd82255".into(),
            action: "license_update".into(),
            schedule: "57 54 3 * * *".into(),
            retries: 2,
            next_run: Some("2017-02-22T03:54:57Z".parse().unwrap()),
            missed: "one".into(),
            missed_window: "10s".into(),
            overlap: "allow".into(),
            ..Default::default()
        };
        let documented = concat!(
            r#"{"crons":[{"id":"48875b1b-5006-48f5-9f3c-af9fbdd82255","action":"license_update","#,
            r#""schedule":"57 54 3 * * *","retries":2,"capacityMap":null,"parameters":null,"#,
            r#""deadline":"","stopTimeout":"","nextRun":"2017-02-22T03:54:57Z","#,
            r#""missed":"one","missedWindow":"10s","overlap":"allow","jitter":"","#,
            r#""isPaused":false,"fired":0,"skipped":{}}]}"#
        );
        assert_eq!(serde_json::to_string(&Crons::of(&[cron])).unwrap(), documented);
    }

    #[test]
    fn action_configs_and_settings_have_the_names_of_v0() {
        let parameters = v0::StringMap { entries: [("A".into(), "b".into())].into() };
        let config = v0::ActionConfig {
            action: "scan".into(),
            parameters: Some(parameters),
            id: "x".into(),
        };
        assert_eq!(
            serde_json::to_string(&ActionConfigs::of(&[config])).unwrap(),
            r#"{"actionConfigs":[{"id":"x","action":"scan","parameters":{"A":"b"}}]}"#
        );
        assert_eq!(
            serde_json::to_string(&Settings::of(&v0::ClusterSettings::default())).unwrap(),
            concat!(
                r#"{"jobHistoryCompactionEnabled":false,"jobHistoryToKeep":0,"#,
                r#""jobHistoryMaxAge":""}"#
            )
        );
    }
}
