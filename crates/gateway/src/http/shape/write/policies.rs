//! Queues, and what came of a bulk.

use serde::Serialize;
use stint_core::{JobId, QueueStatus};

use super::Text;
use crate::api::BulkView;
use crate::http::time::Rfc3339;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Queue<'a> {
    action: &'a str,
    paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_at: Option<Rfc3339>,
    due: usize,
    scheduled: usize,
    running: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_due: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pause_reason: Option<&'a str>,
}

impl<'a> Queue<'a> {
    pub(in crate::http) fn of(queue: &'a QueueStatus) -> Self {
        Self {
            action: &queue.action,
            paused: queue.pause.is_some(),
            paused_at: queue.pause.as_ref().map(|pause| Rfc3339(pause.at)),
            due: queue.due,
            scheduled: queue.scheduled,
            running: queue.running,
            oldest_due: queue.oldest_due.map(Rfc3339),
            paused_by: queue
                .pause
                .as_ref()
                .map(|pause| pause.by.as_str())
                .filter(|by| !by.is_empty()),
            pause_reason: queue
                .pause
                .as_ref()
                .map(|pause| pause.reason.as_str())
                .filter(|reason| !reason.is_empty()),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Bulk<'a> {
    operation: &'static str,
    dry_run: bool,
    matched: u64,
    changed: u64,
    refused: u64,
    ids: Vec<Text<JobId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

impl<'a> Bulk<'a> {
    pub(in crate::http) fn of(view: &'a BulkView) -> Self {
        Self {
            operation: view.operation.name(),
            dry_run: view.is_dry_run,
            matched: view.matched,
            changed: view.changed,
            refused: view.refused,
            ids: view.ids.iter().copied().map(Text).collect(),
            next: view.next.as_deref(),
        }
    }
}
