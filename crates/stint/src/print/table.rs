//! Results as tables for people.

mod action;
mod cluster;
mod configuration;

use std::collections::BTreeMap;

use comfy_table::{ContentArrangement, Table, presets};
use stint_client::{Timestamp, v0};

pub(super) use action::{action, actions};
pub(super) use cluster::{cluster, statistics};
pub(super) use configuration::{action_config, action_configs, cron, crons, settings, ticks};

use super::json::time;

/// A table without borders: columns that can be selected and cut.
pub(super) fn new(head: &[&str]) -> Table {
    let mut table = bare();
    table.set_header(head.iter().map(|name| name.to_uppercase()));
    table
}

fn bare() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// The text of a table without the blanks around it.
pub(super) fn text(table: &Table) -> String {
    let line = |line: String| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned();
    table.lines().map(line).collect::<Vec<_>>().join("\n")
}

pub(super) fn jobs(jobs: &[v0::Job]) -> String {
    let mut table = new(&[
        "id",
        "action",
        "status",
        "worker",
        "attempt",
        "scheduled",
        "updated",
        "waits because",
    ]);
    for job in jobs {
        table.add_row([
            plain(&job.id),
            plain(&job.action),
            plain(&job.status),
            or_dash(&job.worker_id),
            job.attempt.to_string(),
            at(job.scheduled_at.as_ref()),
            at(job.last_updated.as_ref()),
            plain(&job.wait_reason),
        ]);
    }
    text(&table)
}

pub(super) fn queues(queues: &[v0::Queue]) -> String {
    let mut table =
        new(&["action", "due", "running", "scheduled", "oldest due", "paused", "by", "reason"]);
    for queue in queues {
        table.add_row([
            plain(&queue.action),
            queue.due.to_string(),
            queue.running.to_string(),
            queue.scheduled.to_string(),
            at(queue.oldest_due.as_ref()),
            at(queue.paused_at.as_ref()),
            or_dash(&queue.paused_by),
            plain(&queue.pause_reason),
        ]);
    }
    text(&table)
}

pub(super) fn tokens(tokens: &[v0::Token]) -> String {
    let mut table = new(&["id", "user", "role", "created", "expires", "description"]);
    for token in tokens {
        table.add_row([
            plain(&token.id),
            plain(&token.user),
            plain(&token.role),
            at(token.created_at.as_ref()),
            token.expires_at.as_ref().map_or_else(|| "never".to_owned(), |end| at(Some(end))),
            plain(&token.description),
        ]);
    }
    text(&table)
}

pub(super) fn caller(caller: &v0::Caller) -> String {
    if caller.token_id.is_empty() {
        return "the cluster is open: everybody may do all of it".to_owned();
    }
    let mut table = new(&["user", "role", "expires", "token"]);
    table.add_row([
        plain(&caller.user),
        plain(&caller.role),
        caller.expires_at.as_ref().map_or_else(|| "never".to_owned(), |end| at(Some(end))),
        plain(&caller.token_id),
    ]);
    text(&table)
}

pub(super) fn audit(records: &[v0::AuditRecord]) -> String {
    let mut table = new(&["at", "user", "operation", "object", "result", "from", "request"]);
    for record in records {
        table.add_row([
            at(record.at.as_ref()),
            or_dash(&record.user),
            plain(&record.operation),
            or_dash(&record.object),
            plain(&record.result),
            plain(&record.remote),
            plain(&record.request_id),
        ]);
    }
    text(&table)
}

pub(super) fn job(job: &v0::Job) -> String {
    let mut table = bare();
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            table.add_row([name.to_owned(), value]);
        }
    };
    row("id", plain(&job.id));
    if job.retry_from_id != job.id {
        row("retry of", plain(&job.retry_from_id));
    }
    row("parent", plain(&job.parent_id));
    row("action", plain(&job.action));
    row("status", plain(&job.status));
    row("ended because", plain(&job.end_reason));
    row("retried by", plain(&job.retried_by_id));
    row("waits because", plain(&job.wait_reason));
    if let (Some(left), Some(failed)) = (job.children_left, job.children_failed) {
        row("children", format!("{left} not over, {failed} failed"));
    }
    row("worker", plain(&job.worker_id));
    row("scheduled", at(job.scheduled_at.as_ref()));
    row("updated", at(job.last_updated.as_ref()));
    if job.retries_total > 0 {
        row("retries left", format!("{} of {}", job.retries_left, job.retries_total));
    }
    if let Some(capacity) = &job.capacity_map {
        row("capacity", amounts(&capacity.entries));
    }
    for (name, value) in job.parameters.iter().flat_map(|map| &map.entries) {
        row("parameter", format!("{}={}", plain(name), plain(value)));
    }
    row("deadline", plain(&job.deadline));
    row("stop timeout", plain(&job.stop_timeout));
    row("output lines", job.line_count.to_string());
    row("cron", plain(&job.cron_id));
    row("tick", job.cron_tick.as_ref().map_or_else(String::new, time));
    row("priority", job.priority.to_string());
    row("unique key", plain(&job.unique_key));
    row("expires", job.expires_at.as_ref().map_or_else(String::new, time));
    let head = text(&table);
    if job.attempts.is_empty() { head } else { format!("{head}\n\n{}", attempts(&job.attempts)) }
}

pub(super) fn attempts(attempts: &[v0::Attempt]) -> String {
    let mut table = new(&["attempt", "worker", "lease", "started", "ended", "end", "reason"]);
    for attempt in attempts {
        table.add_row([
            attempt.number.to_string(),
            plain(&attempt.worker_id),
            attempt.lease.to_string(),
            at(attempt.started_at.as_ref()),
            at(attempt.ended_at.as_ref()),
            or_dash(&attempt.end),
            plain(&attempt.reason),
        ]);
    }
    text(&table)
}

pub(super) fn workers(workers: &[v0::Worker]) -> String {
    let mut table =
        new(&["id", "status", "running", "capacity", "in use", "lease until", "actions"]);
    for worker in workers {
        let capacity = |map: &Option<v0::CapacityMap>| {
            map.as_ref().map_or("-".to_owned(), |map| amounts(&map.entries))
        };
        table.add_row([
            plain(&worker.id),
            worker_status(worker),
            worker.running.to_string(),
            capacity(&worker.capacity_map),
            capacity(&worker.capacity_in_use),
            at(worker.heartbeat_expiration.as_ref()),
            plain(&worker.actions.join(",")),
        ]);
    }
    text(&table)
}

/// Its status, and whether it takes jobs.
fn worker_status(worker: &v0::Worker) -> String {
    let status = plain(&worker.status);
    match (worker.draining, worker.drain_stops_at.as_ref()) {
        (false, _) => status,
        (true, None) => format!("{status}, draining"),
        (true, Some(end)) => format!("{status}, draining until {}", at(Some(end))),
    }
}

/// One line: where in the log, when, what, and to what.
pub(super) fn event(event: &v0::WatchResponse) -> String {
    let job =
        event.job.as_ref().map(|job| format!("{} {} {}", job.action, job.status, job.worker_id));
    let worker = event.worker.as_ref().map(|worker| worker.status.clone());
    let cron = event.cron.as_ref().map(|cron| format!("{} {}", cron.schedule, cron.time_zone));
    let tick = event.tick.as_ref().map(configuration::tick);
    let more = job.or(worker).or(cron).or(tick).unwrap_or_default();
    let line = format!(
        "{} {} {} {} {}",
        event.index,
        at(event.at.as_ref()),
        event.kind,
        or_dash(&event.name),
        plain(&more),
    );
    line.trim_end().to_owned()
}

fn amounts(map: &BTreeMap<String, i64>) -> String {
    let shown: Vec<_> = map.iter().map(|(name, n)| format!("{}={n}", plain(name))).collect();
    or_dash(&shown.join(","))
}

fn at(time_of: Option<&Timestamp>) -> String {
    time_of.map_or("-".to_owned(), time)
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { plain(text) }
}

/// The text in one line, and without what a terminal would obey: names and values are a client's.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_one_line_and_cannot_command_the_terminal() {
        let job = v0::Job {
            id: "1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b".into(),
            action: "scan\u{1b}[31m\n".into(),
            status: "waiting".into(),
            wait_reason: "the capacity scan: 1 is in use".into(),
            ..Default::default()
        };
        let shown = jobs(std::slice::from_ref(&job));
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
        assert!(shown.ends_with("in use"), "{shown}");
    }
}
