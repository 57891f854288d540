//! Filters, bulks and queues.

use stint_core::QueueStatus;
use stint_proto::v0;

use super::{instant, timestamp};
use crate::api::{ApiError, BulkForm, BulkView, Selection};

/// The filter of a list, and from behind which place on.
pub(in crate::grpc) fn selection_of_list(
    request: v0::ListJobsRequest,
) -> Result<(Selection, String), ApiError> {
    let filter = v0::JobFilter {
        action: request.action,
        worker: request.worker,
        running: request.running,
        status: request.status,
        since: request.since,
        until: request.until,
        started_since: request.started_since,
        started_until: request.started_until,
        ended_since: request.ended_since,
        ended_until: request.ended_until,
        parent: request.parent,
        cron: request.cron,
        text: request.text,
        priority: request.priority,
        unique_key: request.unique_key,
        failed: request.failed,
    };
    Ok((selection(filter)?, request.after))
}

fn selection(filter: v0::JobFilter) -> Result<Selection, ApiError> {
    Ok(Selection {
        since: instant("since", filter.since)?,
        until: instant("until", filter.until)?,
        started_since: instant("startedSince", filter.started_since)?,
        started_until: instant("startedUntil", filter.started_until)?,
        ended_since: instant("endedSince", filter.ended_since)?,
        ended_until: instant("endedUntil", filter.ended_until)?,
        action: filter.action,
        worker: filter.worker,
        running: filter.running,
        status: filter.status,
        parent: filter.parent,
        cron: filter.cron,
        text: filter.text,
        priority: filter.priority.map(u64::from),
        unique_key: filter.unique_key,
        is_failed: filter.failed,
    })
}

/// What a client wants to do to many jobs.
pub(in crate::grpc) fn bulk_form(request: v0::BulkJobsRequest) -> Result<BulkForm, ApiError> {
    Ok(BulkForm {
        operation: request.operation,
        selection: selection(request.filter.unwrap_or_default())?,
        is_all: request.all,
        is_dry_run: request.dry_run,
        next: request.next,
        key: super::key(&request.idempotency_key)?,
    })
}

pub(in crate::grpc) fn bulk(view: BulkView) -> v0::BulkJobsResponse {
    v0::BulkJobsResponse {
        operation: view.operation.name().to_owned(),
        dry_run: view.is_dry_run,
        matched: view.matched,
        changed: view.changed,
        refused: view.refused,
        ids: view.ids.iter().map(ToString::to_string).collect(),
        next: view.next.unwrap_or_default(),
    }
}

pub(in crate::grpc) fn queue(queue: &QueueStatus) -> v0::Queue {
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    v0::Queue {
        action: queue.action.clone(),
        paused: queue.pause.is_some(),
        paused_at: queue.pause.as_ref().map(|pause| timestamp(pause.at)),
        paused_by: queue.pause.as_ref().map_or_else(String::new, |pause| pause.by.clone()),
        pause_reason: queue.pause.as_ref().map_or_else(String::new, |pause| pause.reason.clone()),
        due: count(queue.due),
        scheduled: count(queue.scheduled),
        running: count(queue.running),
        oldest_due: queue.oldest_due.map(timestamp),
    }
}
