//! What operators configure through the API: crons, action configs, settings.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use stint_core::{
    ActionConfigId, CronId, Fate, JobId, Parameters, TickCounts, TickRecord, Timeout, Timestamp,
};

use super::{Amounts, Rfc3339, Text};
use crate::api::{CronView, missed_window};

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
    missed: &'static str,
    missed_window: Cow<'a, str>,
    overlap: &'static str,
    jitter: &'a str,
    is_paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_tick: Option<Rfc3339>,
    fired: u64,
    skipped: Skipped<'a>,
}

/// How many ticks became nothing, by the reason.
struct Skipped<'a>(Option<&'a TickCounts>);

impl Serialize for Skipped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let all = self.0.into_iter().flat_map(|counts| &counts.skipped);
        serializer.collect_map(all.map(|(reason, count)| (reason.name(), count)))
    }
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
            missed: cron.policy.missed.name(),
            missed_window: missed_window(cron.policy),
            overlap: cron.policy.overlap.name(),
            jitter: cron.policy.jitter.as_ref().map_or("", Timeout::text),
            is_paused: cron.is_paused,
            last_tick: cron.last_tick.map(Rfc3339),
            fired: cron.counts.map_or(0, |counts| counts.fired),
            skipped: Skipped(cron.counts),
        }
    }
}

/// What became of a tick, or of several in a row.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Tick {
    first: Rfc3339,
    last: Rfc3339,
    count: u64,
    decided_at: Rfc3339,
    #[serde(rename = "jobID", skip_serializing_if = "Option::is_none")]
    job_id: Option<Text<JobId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Tick {
    pub(in crate::http) fn of(record: &TickRecord) -> Self {
        let (job, skip) = match record.fate {
            Fate::Fired(job) => (Some(job), None),
            Fate::Skipped(skip) => (skip.job, Some(skip)),
        };
        Self {
            first: Rfc3339(record.first),
            last: Rfc3339(record.last),
            count: record.count,
            decided_at: Rfc3339(record.at),
            job_id: job.map(Text),
            skip_reason: skip.map(|skip| skip.reason.name()),
            detail: skip.map(|skip| skip.to_string()),
        }
    }
}

/// The latest ticks of a cron, newest first.
#[derive(Serialize)]
pub(in crate::http) struct CronHistory {
    history: Vec<Tick>,
}

impl CronHistory {
    pub(in crate::http) fn of(cron: &stint_core::Cron) -> Self {
        Self { history: cron.history.records.iter().rev().map(Tick::of).collect() }
    }
}

/// Ticks to come.
#[derive(Serialize)]
pub(in crate::http) struct Preview {
    ticks: Vec<Rfc3339>,
}

impl Preview {
    pub(in crate::http) fn of(ticks: &[Timestamp]) -> Self {
        Self { ticks: ticks.iter().copied().map(Rfc3339).collect() }
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
    use stint_core::{CronPolicy, JobSpec, Missed, Overlap, Timestamp};

    use super::*;

    static POLICY: CronPolicy =
        CronPolicy { missed: Missed::One, window: None, overlap: Overlap::Allow, jitter: None };

    /// What comes after the fields of the documentation.
    const OURS: &str = concat!(
        r#""missed":"one","missedWindow":"10s","overlap":"allow","jitter":"","#,
        r#""isPaused":false,"fired":0,"skipped":{}}"#
    );

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
            policy: &POLICY,
            is_paused: false,
            last_tick: None,
            counts: None,
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
            r#""deadline":"","stopTimeout":"","nextRun":"2017-02-22T03:54:57Z","#
        );
        let json = serde_json::to_string(&Cron::of(view(&spec))).unwrap();
        assert_eq!(json, format!("{documented}{OURS}"));
    }

    #[test]
    fn a_schedule_that_has_ended_has_no_time_rather_than_an_empty_one() {
        let spec = license_update();
        let ended = CronView { next_run: None, time_zone: Some("Europe/Berlin"), ..view(&spec) };
        let json = serde_json::to_string(&Cron::of(ended)).unwrap();
        let end = format!(r#""stopTimeout":"","timeZone":"Europe/Berlin",{OURS}"#);
        assert!(json.ends_with(&end), "{json}");
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
