//! Why a job waits, for programs.

use std::collections::BTreeMap;

use serde::Serialize;
use stint_client::v0;

use super::time;

/// Only the fields that its kind has.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WaitDetail<'a> {
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity_map: Option<&'a BTreeMap<String, i64>>,
    #[serde(rename = "jobIDs", skip_serializing_if = "<[String]>::is_empty")]
    job_ids: &'a [String],
    #[serde(rename = "workerIDs", skip_serializing_if = "<[String]>::is_empty")]
    worker_ids: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

impl<'a> WaitDetail<'a> {
    pub(super) fn of(detail: &'a v0::WaitDetail) -> Self {
        Self {
            kind: &detail.kind,
            action: &detail.action,
            capacity_map: detail.capacity_map.as_ref().map(|map| &map.entries),
            job_ids: &detail.job_ids,
            worker_ids: &detail.worker_ids,
            until: detail.until.as_ref().map(time),
        }
    }
}
