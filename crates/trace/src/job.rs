//! The spans of a job: the whole of it, and for each attempt how long it waited and how it ran.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanId, SpanKind};
use stint_core::{Attempt, AttemptEnd, Event, Job, Status, Timestamp};

use crate::identity::{self, Which};
use crate::{Open, Span};

pub(crate) fn tell(open: &Open, event: &Event) {
    let told = match event {
        Event::Claimed(job)
        | Event::WorkerLost(job)
        | Event::AwaitsChildren(job)
        | Event::Ended(job) => job,
        // These end no span.
        Event::Submitted(_)
        | Event::Due(_)
        | Event::CancelRequested(_)
        | Event::WorkerReturned(_)
        | Event::Resurrected(_)
        | Event::Deleted(_)
        | Event::Compacted(_)
        | Event::Retried { .. }
        | Event::QueuePaused(_)
        | Event::QueueResumed(_)
        | Event::LinesAppended { .. }
        | Event::WorkerChanged(_)
        | Event::CronChanged(_)
        | Event::CronDeleted(_)
        | Event::CronTicked(_)
        | Event::ActionConfigChanged(_)
        | Event::ActionConfigDeleted(_)
        | Event::SettingsChanged(_)
        | Event::TokenCreated(_)
        | Event::TokenRevoked(_) => return,
    };
    if !identity::is_told(told.id, open.share) {
        return;
    }
    let last = told.attempts.last();
    if matches!(event, Event::Claimed(_)) {
        if let Some(attempt) = last {
            open.tell(wait(told, attempt));
        }
        return;
    }
    // A run that ended before, because its worker was lost or there were children to wait for, has
    // been told then.
    if let Some((attempt, end)) = last.zip(last.and_then(|attempt| attempt.end.as_ref()))
        && (end.0 == told.last_updated || !matches!(event, Event::Ended(_)))
    {
        open.tell(run(told, attempt, end));
    }
    if matches!(event, Event::Ended(_)) {
        open.tell(whole(told));
    }
}

/// From its creation to its end.
fn whole(job: &Job) -> Span {
    let mut attributes = vec![
        KeyValue::new("stint.job.id", job.id.to_string()),
        KeyValue::new("stint.job.action", job.spec.action.clone()),
        KeyValue::new("stint.job.status", job.status.name()),
        KeyValue::new("stint.job.attempts", i64::from(job.attempt_count)),
        KeyValue::new("stint.job.priority", i64::from(job.policy.priority.level())),
    ];
    if job.retry_from != job.id {
        attributes.push(KeyValue::new("stint.job.retry_from", job.retry_from.to_string()));
    }
    if let Some(parent) = job.parent {
        attributes.push(KeyValue::new("stint.job.parent", parent.to_string()));
    }
    // The run of the parent that has submitted it, or the job that it retries, is a trace of its own.
    let first = job.parent.or((job.retry_from != job.id).then_some(job.retry_from));
    Span {
        name: format!("job {}", job.spec.action),
        parent: SpanId::INVALID,
        attributes,
        link: first.map(|other| identity::context(other, Which::Whole)),
        failure: (job.status == Status::Error).then(|| "the job has failed".to_owned()),
        ..of(job, Which::Whole, job.created_at, job.last_updated)
    }
}

/// From when it could be claimed to its claim.
fn wait(job: &Job, attempt: &Attempt) -> Span {
    let lost = job.attempts.iter().rev().nth(1).and_then(|before| before.end.as_ref());
    let since = lost.map_or(job.scheduled_at.max(job.created_at), |(at, _)| *at);
    Span {
        name: "wait".to_owned(),
        attributes: of_attempt(attempt),
        ..of(job, Which::Wait(attempt.number), since, attempt.started_at)
    }
}

/// From its claim to its end.
fn run(job: &Job, attempt: &Attempt, (at, end): &(Timestamp, AttemptEnd)) -> Span {
    let mut attributes = of_attempt(attempt);
    let failure = match end {
        AttemptEnd::Exited(code) => {
            attributes.push(KeyValue::new("process.exit.code", i64::from(*code)));
            (*code != 0).then(|| format!("exit code {code}"))
        }
        AttemptEnd::Signaled(signal) => Some(format!("ended by signal {signal}")),
        AttemptEnd::DeadlineExceeded => Some("it ran longer than its deadline".to_owned()),
        AttemptEnd::CouldNotStart(why) => Some(format!("it could not start: {why}")),
        AttemptEnd::WorkerDead => Some("its worker died".to_owned()),
        AttemptEnd::Canceled | AttemptEnd::WorkerShutdown => None,
    };
    Span {
        name: "run".to_owned(),
        attributes,
        failure,
        ..of(job, Which::Run(attempt.number), attempt.started_at, *at)
    }
}

fn of_attempt(attempt: &Attempt) -> Vec<KeyValue> {
    vec![
        KeyValue::new("stint.attempt", i64::from(attempt.number)),
        KeyValue::new("stint.worker.id", attempt.worker.to_string()),
        KeyValue::new("stint.lease", attempt.lease.to_string()),
    ]
}

/// A span below the job's own.
fn of(job: &Job, which: Which, start: Timestamp, end: Timestamp) -> Span {
    Span {
        context: identity::context(job.id, which),
        parent: identity::span(job.id, Which::Whole),
        is_parent_remote: false,
        kind: SpanKind::Internal,
        name: String::new(),
        start: time(start),
        end: time(end),
        attributes: Vec::new(),
        link: None,
        failure: None,
    }
}

fn time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(at.as_ms())).unwrap_or(UNIX_EPOCH)
}
