//! What operators configure through the API: crons, action configs, settings.

use serde::Serialize;
use stint_core::{ActionConfigId, CronId, Parameters, Timeout};

use super::{Amounts, Rfc3339, Text};
use crate::api::CronView;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Cron<'a> {
    id: Text<CronId>,
    action: &'a str,
    schedule: &'a str,
    retries: u32,
    capacity_map: Option<Amounts<'a>>,
    parameters: Option<&'a Parameters>,
    deadline: &'a str,
    stop_timeout: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_run: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<&'a str>,
}

impl<'a> Cron<'a> {
    pub(in crate::http) fn of(cron: CronView<'a>) -> Self {
        let spec = cron.spec;
        Self {
            id: Text(cron.id),
            action: &spec.action,
            schedule: cron.schedule,
            retries: cron.retries,
            capacity_map: spec.capacity_map.as_ref().map(Amounts),
            parameters: spec.parameters.as_ref(),
            deadline: spec.deadline.as_ref().map_or("", Timeout::text),
            stop_timeout: spec.stop_timeout.as_ref().map_or("", Timeout::text),
            next_run: cron.next_run.map(Rfc3339),
            time_zone: cron.time_zone,
        }
    }
}

#[derive(Serialize)]
pub(in crate::http) struct ActionConfig<'a> {
    id: Text<ActionConfigId>,
    action: &'a str,
    parameters: Option<&'a Parameters>,
}

impl<'a> ActionConfig<'a> {
    pub(in crate::http) fn of(config: &'a stint_core::ActionConfig) -> Self {
        let parameters = config.parameters.as_ref();
        Self { id: Text(config.id), action: &config.action, parameters }
    }
}

/// No bound is 0 and the empty text: clients with strict types read a number and a duration.
#[derive(Serialize)]
pub(in crate::http) struct Settings<'a> {
    #[serde(rename = "jobHistoryCompactionEnabled")]
    compaction_enabled: bool,
    #[serde(rename = "jobHistoryToKeep")]
    to_keep: u64,
    #[serde(rename = "jobHistoryMaxAge")]
    max_age: &'a str,
}

impl<'a> Settings<'a> {
    pub(in crate::http) fn of(settings: &'a stint_core::Settings) -> Self {
        Self {
            compaction_enabled: settings.job_history_compaction_enabled,
            to_keep: settings.job_history_to_keep.unwrap_or(0),
            max_age: settings.job_history_max_age.as_ref().map_or("", Timeout::text),
        }
    }
}

#[cfg(test)]
mod tests {
    use stint_core::{JobSpec, Timestamp};

    use super::*;

    fn license_update() -> JobSpec {
        JobSpec {
            action: "license_update".to_owned(),
            parameters: None,
            capacity_map: None,
            deadline: None,
            stop_timeout: None,
        }
    }

    fn view(spec: &JobSpec) -> CronView<'_> {
        CronView {
            id: CronId::from_bytes([0xab; 16]),
            spec,
            retries: 2,
            schedule: "57 54 3 * * *",
            time_zone: None,
            next_run: Some(Timestamp::from_ms(1_487_735_697_000)),
        }
    }

    #[test]
    fn a_cron_is_the_one_of_the_documentation() {
        let spec = license_update();
        let documented = concat!(
            r#"{"id":"abababab-abab-abab-abab-abababababab","action":"license_update","#,
            r#""schedule":"57 54 3 * * *","retries":2,"capacityMap":null,"parameters":null,"#,
            r#""deadline":"","stopTimeout":"","nextRun":"2017-02-22T03:54:57Z"}"#
        );
        assert_eq!(serde_json::to_string(&Cron::of(view(&spec))).unwrap(), documented);
    }

    #[test]
    fn a_schedule_that_has_ended_has_no_time_rather_than_an_empty_one() {
        let spec = license_update();
        let ended = CronView { next_run: None, time_zone: Some("Europe/Berlin"), ..view(&spec) };
        let json = serde_json::to_string(&Cron::of(ended)).unwrap();
        assert!(json.ends_with(r#""stopTimeout":"","timeZone":"Europe/Berlin"}"#), "{json}");
    }

    #[test]
    fn settings_that_bound_nothing_have_a_number_and_a_text_all_the_same() {
        let settings = stint_core::Settings::default();
        let json = serde_json::to_string(&Settings::of(&settings)).unwrap();
        let expected = concat!(
            r#"{"jobHistoryCompactionEnabled":false,"jobHistoryToKeep":0,"#,
            r#""jobHistoryMaxAge":""}"#
        );
        assert_eq!(json, expected);
    }
}
