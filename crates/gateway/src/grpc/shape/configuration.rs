//! What operators configure through the API: crons, action configs, settings.

use stint_core::{ActionConfig, Fate, JobSpec, Settings, TickRecord};
use stint_proto::v0;

use super::{amounts, capacity, text, timestamp};
use crate::api::{ApiError, CronForm, CronView, missed_window};
use crate::parse;

/// What a client wants to be run by a schedule.
pub(in crate::grpc) fn cron_form(request: v0::PutCronRequest) -> Result<CronForm, ApiError> {
    Ok(CronForm {
        spec: JobSpec {
            action: request.action,
            parameters: request.parameters.map(|map| map.entries),
            capacity_map: capacity(request.capacity_map)?,
            deadline: parse::timeout("deadline", &request.deadline)?,
            stop_timeout: parse::timeout("stopTimeout", &request.stop_timeout)?,
        },
        retries: request.retries,
        schedule: request.schedule,
        time_zone: request.time_zone,
        policy: parse::cron_policy(
            (&request.missed, &request.missed_window),
            &request.overlap,
            &request.jitter,
        )?,
    })
}

pub(in crate::grpc) fn cron(cron: CronView<'_>) -> v0::Cron {
    let spec = cron.spec;
    v0::Cron {
        id: cron.id.to_string(),
        action: spec.action.clone(),
        schedule: cron.schedule.to_owned(),
        retries: cron.retries,
        capacity_map: spec.capacity_map.as_ref().map(amounts),
        parameters: spec.parameters.clone().map(|entries| v0::StringMap { entries }),
        deadline: text(spec.deadline.as_ref()),
        stop_timeout: text(spec.stop_timeout.as_ref()),
        next_run: cron.next_run.map(timestamp),
        time_zone: cron.time_zone.unwrap_or_default().to_owned(),
        missed: cron.policy.missed.name().to_owned(),
        missed_window: missed_window(cron.policy).into_owned(),
        overlap: cron.policy.overlap.name().to_owned(),
        jitter: text(cron.policy.jitter.as_ref()),
        is_paused: cron.is_paused,
        last_tick: cron.last_tick.map(timestamp),
        fired: cron.counts.map_or(0, |counts| counts.fired),
        skipped: cron
            .counts
            .into_iter()
            .flat_map(|counts| &counts.skipped)
            .map(|(reason, count)| (reason.name().to_owned(), *count))
            .collect(),
    }
}

pub(in crate::grpc) fn tick(record: &TickRecord) -> v0::CronTick {
    let (job, skip) = match record.fate {
        Fate::Fired(job) => (Some(job), None),
        Fate::Skipped(skip) => (skip.job, Some(skip)),
    };
    v0::CronTick {
        first: Some(timestamp(record.first)),
        last: Some(timestamp(record.last)),
        count: record.count,
        decided_at: Some(timestamp(record.at)),
        job_id: job.map_or_else(String::new, |job| job.to_string()),
        skip_reason: skip.map_or_else(String::new, |skip| skip.reason.name().to_owned()),
        detail: skip.map_or_else(String::new, |skip| skip.to_string()),
    }
}

pub(in crate::grpc) fn action_config(config: &ActionConfig) -> v0::ActionConfig {
    v0::ActionConfig {
        id: config.id.to_string(),
        action: config.action.clone(),
        parameters: config.parameters.clone().map(|entries| v0::StringMap { entries }),
    }
}

/// No bound is 0 and the empty text, as in JSON.
pub(in crate::grpc) fn settings(settings: &Settings) -> v0::ClusterSettings {
    v0::ClusterSettings {
        job_history_compaction_enabled: settings.job_history_compaction_enabled,
        job_history_to_keep: settings.job_history_to_keep.unwrap_or(0),
        job_history_max_age: text(settings.job_history_max_age.as_ref()),
    }
}
