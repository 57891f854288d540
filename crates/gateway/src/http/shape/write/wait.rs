//! Why a job waits, for programs.

use serde::Serialize;
use stint_core::{JobId, WaitReason, WorkerId};

use super::super::super::time::Rfc3339;
use super::{Amounts, Text};
use crate::api::reason;

/// Only the fields that its kind has.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WaitDetail<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity_map: Option<Amounts<'a>>,
    #[serde(rename = "jobIDs", skip_serializing_if = "Option::is_none")]
    job_ids: Option<Vec<Text<JobId>>>,
    #[serde(rename = "workerIDs", skip_serializing_if = "Option::is_none")]
    worker_ids: Option<Vec<Text<WorkerId>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Rfc3339>,
}

impl<'a> WaitDetail<'a> {
    pub(super) fn of(why: &'a WaitReason) -> Self {
        let detail = Self {
            kind: reason::wait(why),
            action: None,
            capacity_map: None,
            job_ids: None,
            worker_ids: None,
            until: None,
        };
        match why {
            WaitReason::NotDue(at) => Self { until: Some(Rfc3339(*at)), ..detail },
            WaitReason::NoWorkerOffers(action) | WaitReason::Paused(action) => {
                Self { action: Some(action), ..detail }
            }
            WaitReason::NoWorkerHas(need) => Self { capacity_map: Some(Amounts(need)), ..detail },
            WaitReason::CapacityInUse { need, by } => Self {
                capacity_map: Some(Amounts(need)),
                job_ids: Some(by.iter().copied().map(Text).collect()),
                ..detail
            },
            WaitReason::Draining(workers) => {
                Self { worker_ids: Some(workers.iter().copied().map(Text).collect()), ..detail }
            }
            WaitReason::Soon => detail,
        }
    }
}
