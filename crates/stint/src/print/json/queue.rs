//! Queues of actions, and what was done to many jobs.

use serde::Serialize;
use stint_client::v0;

use super::time;

#[derive(Serialize)]
pub(in crate::print) struct Queues<'a> {
    queues: Vec<Queue<'a>>,
}

impl<'a> Queues<'a> {
    pub(in crate::print) fn of(queues: &'a [v0::Queue]) -> Self {
        Self { queues: queues.iter().map(Queue::of).collect() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Queue<'a> {
    action: &'a str,
    paused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_at: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    paused_by: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pause_reason: &'a str,
    due: u64,
    scheduled: u64,
    running: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_due: Option<String>,
}

impl<'a> Queue<'a> {
    fn of(queue: &'a v0::Queue) -> Self {
        Self {
            action: &queue.action,
            paused: queue.paused,
            paused_at: queue.paused_at.as_ref().map(time),
            paused_by: &queue.paused_by,
            pause_reason: &queue.pause_reason,
            due: queue.due,
            scheduled: queue.scheduled,
            running: queue.running,
            oldest_due: queue.oldest_due.as_ref().map(time),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::print) struct Bulk<'a> {
    operation: &'a str,
    dry_run: bool,
    matched: u64,
    changed: u64,
    refused: u64,
    ids: &'a [String],
}

impl<'a> Bulk<'a> {
    pub(in crate::print) fn of(total: &'a v0::BulkJobsResponse) -> Self {
        Self {
            operation: &total.operation,
            dry_run: total.dry_run,
            matched: total.matched,
            changed: total.changed,
            refused: total.refused,
            ids: &total.ids,
        }
    }
}
