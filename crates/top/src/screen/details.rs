//! One job: all that its record says, its runs, its children.

use std::time::SystemTime;

use stint_client::v0::{Attempt, Job};

use super::tone_of;
use crate::cells::Tone;
use crate::picture::Detail;
use crate::text;

/// The lines of it.
pub(crate) fn lines(detail: &Detail, now: SystemTime) -> Vec<(String, Tone)> {
    let job = &detail.job;
    let mut lines = Vec::new();
    let mut say = |name: &str, value: String, tone: Tone| {
        if !value.is_empty() {
            lines.push((format!("{name:<15}{value}"), tone));
        }
    };
    let time = |at: Option<&stint_client::Timestamp>| {
        at.map_or_else(String::new, |at| format!("{at}  ({})", text::age(Some(at), now)))
    };
    say("job", text::plain(&job.id), Tone::Plain);
    say("action", text::plain(&job.action), Tone::Plain);
    say("status", text::plain(&job.status), tone_of(&job.status));
    say("waits because", text::plain(&job.wait_reason), Tone::Warn);
    say("ended because", text::plain(&job.end_reason), Tone::Plain);
    say("worker", text::plain(&job.worker_id), Tone::Plain);
    say("scheduled", time(job.scheduled_at.as_ref()), Tone::Plain);
    say("updated", time(job.last_updated.as_ref()), Tone::Plain);
    say("expires", time(job.expires_at.as_ref()), Tone::Plain);
    say("priority", job.priority.to_string(), Tone::Plain);
    if job.retries_total > 0 {
        say("retries left", format!("{} of {}", job.retries_left, job.retries_total), Tone::Plain);
    }
    if job.retry_from_id != job.id {
        say("retry of", text::plain(&job.retry_from_id), Tone::Plain);
    }
    say("retried by", text::plain(&job.retried_by_id), Tone::Plain);
    say("parent", text::plain(&job.parent_id), Tone::Plain);
    say("cron", text::plain(&job.cron_id), Tone::Plain);
    say("unique key", text::plain(&job.unique_key), Tone::Plain);
    say("deadline", text::plain(&job.deadline), Tone::Plain);
    say("stop timeout", text::plain(&job.stop_timeout), Tone::Plain);
    if let Some(capacity) = &job.capacity_map {
        say("capacity", text::amounts(&capacity.entries), Tone::Plain);
    }
    for (name, value) in job.parameters.iter().flat_map(|map| &map.entries) {
        say("parameter", format!("{} = {}", text::plain(name), text::plain(value)), Tone::Plain);
    }
    say("output", format!("{} (l follows it)", text::counted(job.line_count, "line")), Tone::Plain);
    lines.push((String::new(), Tone::Plain));
    lines.extend(attempts(job, now));
    lines.extend(children(detail, now));
    lines
}

fn attempts(job: &Job, now: SystemTime) -> Vec<(String, Tone)> {
    if job.attempts.is_empty() {
        return vec![("it has not run yet".to_owned(), Tone::Faint)];
    }
    let head = format!(
        "{:<5}{:<14}{:<9}{:<9}{:<16}{}",
        "RUN", "WORKER", "BEGAN", "LASTED", "END", "REASON"
    );
    let mut lines = vec![(head, Tone::Faint)];
    lines.extend(job.attempts.iter().rev().map(|attempt| run(attempt, now)));
    lines
}

fn run(attempt: &Attempt, now: SystemTime) -> (String, Tone) {
    let (began, ended) = (attempt.started_at.as_ref(), attempt.ended_at.as_ref());
    let is_running = attempt.end.is_empty();
    let lasted = if is_running { text::age(began, now) } else { text::between(began, ended) };
    let end = if is_running { "runs" } else { &attempt.end };
    let code = attempt.exit_code.map_or_else(String::new, |code| format!(" {code}"));
    let tone = match end {
        "runs" => Tone::Good,
        "exited" if attempt.exit_code == Some(0) => Tone::Plain,
        _ => Tone::Bad,
    };
    let text = format!(
        "{:<5}{:<14}{:<9}{:<9}{:<16}{}",
        attempt.number,
        text::plain(&attempt.worker_id),
        text::age(began, now),
        lasted,
        format!("{}{code}", text::plain(end)),
        text::plain(&attempt.reason),
    );
    (text, tone)
}

fn children(detail: &Detail, now: SystemTime) -> Vec<(String, Tone)> {
    let job = &detail.job;
    let Some(left) = job.children_left else { return Vec::new() };
    let failed = job.children_failed.unwrap_or_default();
    let mut lines = vec![
        (String::new(), Tone::Plain),
        (format!("CHILDREN       {left} not over, {failed} failed"), Tone::Faint),
    ];
    lines.extend(detail.children.iter().map(|child| {
        let age = text::age(child.scheduled_at.as_ref(), now);
        let text = format!(
            "{:<38}{:<15}{:<15}{age}",
            text::plain(&child.id),
            text::plain(&child.action),
            text::plain(&child.status)
        );
        (text, tone_of(&child.status))
    }));
    lines
}
