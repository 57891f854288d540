//! What happened lately, as JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use stint_core::WorkerId;

use super::super::super::time::Rfc3339;
use super::Text;
use crate::api;
use crate::limits::SAMPLE_INTERVAL;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Statistics<'a> {
    #[serde(rename = "replicaID")]
    replica_id: Text<WorkerId>,
    interval_seconds: u64,
    samples: Vec<Sample<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<&'a BTreeMap<&'static str, u64>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sample<'a> {
    at: Rfc3339,
    submitted: u64,
    ended: &'a BTreeMap<&'static str, u64>,
    due: u64,
    running: u64,
    scheduled: u64,
    oldest_due_ms: u64,
}

impl<'a> Statistics<'a> {
    pub(in crate::http) fn of(found: &'a api::Statistics) -> Self {
        let samples = found.samples.iter().map(|sample| Sample {
            at: Rfc3339(sample.at),
            submitted: sample.submitted,
            ended: &sample.ended,
            due: sample.due,
            running: sample.running,
            scheduled: sample.scheduled,
            oldest_due_ms: sample.oldest_due_ms,
        });
        Self {
            replica_id: Text(found.replica),
            interval_seconds: SAMPLE_INTERVAL.as_secs(),
            samples: samples.collect(),
            jobs: found.jobs.as_ref(),
        }
    }
}
