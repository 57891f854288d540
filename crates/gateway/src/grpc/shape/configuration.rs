//! What operators configure through the API: crons, action configs, settings.

use stint_core::{ActionConfig, JobSpec, Settings};
use stint_proto::v0;

use super::{amounts, capacity, text, timestamp};
use crate::api::{ApiError, CronForm, CronView};
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
