//! The auditor: once all is mended it ends the crons, waits for rest, and looks at every job then, on
//! every member.

use std::collections::BTreeSet;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::Value;
use stint_core::JobId;

use crate::client::{ask, instant};
use crate::replica::{CRONS, Outcome};
use crate::trace::{Final, Trace, now};

const LOOK: Duration = Duration::from_millis(200);

pub(crate) async fn audit(trace: Trace) -> Outcome {
    while trace.seen().rest_from.is_none() || trace.seen().is_changing {
        tokio::time::sleep(LOOK).await;
    }
    let hosts = |trace: &Trace| -> Vec<String> { trace.seen().members.iter().cloned().collect() };
    // A cron, too, may come in late: nothing is left to do once none was there any more.
    loop {
        let mut was_one_there = false;
        for (action, _) in CRONS {
            was_one_there |= end_cron(&trace, &hosts(&trace), action).await;
        }
        {
            let mut seen = trace.seen();
            seen.rest_from = seen.entries.last_key_value().map(|(index, _)| *index);
        }
        while !trace.seen().is_at_rest() {
            tokio::time::sleep(LOOK).await;
        }
        if !was_one_there {
            break;
        }
    }
    trace.say(now(), "auditor", "all is at rest");
    let mut looked_at = BTreeSet::new();
    loop {
        let all: BTreeSet<JobId> = trace.seen().statuses().into_keys().collect();
        let Some(job) = all.difference(&looked_at).next().copied() else { break };
        // A submission whose client has long gone may have come in after the others.
        while !trace.seen().is_at_rest() {
            tokio::time::sleep(LOOK).await;
        }
        for host in hosts(&trace) {
            let end = look(&host, job).await;
            trace.say(now(), "auditor", &format!("{job} is {:?} on {host}", end.status));
            trace.seen().finals.push(end);
        }
        looked_at.insert(job);
    }
    trace.seen().audited_at = Some(now());
    Ok(())
}

/// Ends a cron, after it has caught up with all that it was to do. Whether there was one.
async fn end_cron(trace: &Trace, hosts: &[String], action: &str) -> bool {
    let path = format!("/crons/{action}");
    let Some(host) = hosts.first() else { return false };
    loop {
        let (status, cron) = insist(host, Method::GET, &path).await;
        if status == StatusCode::NOT_FOUND {
            return false;
        }
        if cron.get("isPaused").and_then(Value::as_bool) == Some(true) {
            insist(host, Method::POST, &format!("{path}/resume")).await;
            continue;
        }
        let next = cron.get("nextRun").and_then(Value::as_str).and_then(instant);
        let time = trace.seen().entries.last_key_value().map(|(_, entry)| entry.time);
        if next.zip(time).is_some_and(|(next, time)| next > time) {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    insist(host, Method::DELETE, &path).await;
    trace.say(now(), "auditor", &format!("the cron of {action} is deleted"));
    true
}

async fn look(host: &str, job: JobId) -> Final {
    let (code, body) = insist(host, Method::GET, &format!("/jobs/{job}")).await;
    let status = body.get("status").and_then(Value::as_str).map(str::to_owned);
    let status = status.filter(|_| code != StatusCode::NOT_FOUND);
    let mut lines = Vec::new();
    if status.as_deref().is_some_and(|status| status != "deleted") {
        let (_, body) = insist(host, Method::GET, &format!("/jobs/{job}/logs")).await;
        lines.extend(body.as_array().into_iter().flatten().map(|line| {
            let number = line.get("lineNum").and_then(Value::as_u64).unwrap_or(u64::MAX);
            let data = line.get("data").and_then(Value::as_str).unwrap_or_default();
            (number, data.to_owned())
        }));
    }
    Final { host: host.to_owned(), job, status, lines }
}

/// Asks until there is an answer: all is mended.
async fn insist(host: &str, method: Method, path: &str) -> (StatusCode, Value) {
    loop {
        match ask(host, method.clone(), path, None, None).await {
            Ok((status, body))
                if !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS =>
            {
                return (status, body);
            }
            Ok(_) | Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}
