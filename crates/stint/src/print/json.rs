//! Results as JSON: field for field as the v0 API has them over HTTP.

mod action;
mod cluster;
mod configuration;
mod queue;
mod wait;

use std::collections::BTreeMap;

use serde::Serialize;
use stint_client::{Timestamp, v0};

use configuration::CronTick;
use wait::WaitDetail;

pub(super) use action::{Action, Actions};
pub(super) use cluster::{Caller, Cluster, Invitation, Statistics};
pub(super) use configuration::{
    ActionConfig, ActionConfigs, Cron, CronHistory, Crons, Preview, Settings,
};
pub(super) use queue::{Bulk, Queues};

#[derive(Serialize)]
pub(super) struct Jobs<'a> {
    jobs: Vec<Job<'a>>,
}

impl<'a> Jobs<'a> {
    pub(super) fn of(jobs: &'a [v0::Job]) -> Self {
        Self { jobs: jobs.iter().map(Job::of).collect() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Job<'a> {
    id: &'a str,
    #[serde(rename = "retryFromID")]
    retry_from_id: &'a str,
    #[serde(rename = "workerID")]
    worker_id: &'a str,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_updated: Option<String>,
    action: &'a str,
    retries_left: u32,
    retries_total: u32,
    capacity_map: Option<&'a BTreeMap<String, i64>>,
    parameters: Option<&'a BTreeMap<String, String>>,
    deadline: &'a str,
    stop_timeout: &'a str,
    attempt: u32,
    attempts: Vec<Attempt<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    wait_reason: &'a str,
    line_count: u64,
    #[serde(rename = "parentID", skip_serializing_if = "str::is_empty")]
    parent_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    children_left: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    children_failed: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_detail: Option<WaitDetail<'a>>,
    #[serde(rename = "cronID", skip_serializing_if = "str::is_empty")]
    cron_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cron_tick: Option<String>,
    priority: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    unique_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    end_reason: &'a str,
    #[serde(rename = "retriedByID", skip_serializing_if = "str::is_empty")]
    retried_by_id: &'a str,
    #[serde(skip_serializing_if = "is_false")]
    existing: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl<'a> Job<'a> {
    pub(super) fn of(job: &'a v0::Job) -> Self {
        Self {
            id: &job.id,
            retry_from_id: &job.retry_from_id,
            worker_id: &job.worker_id,
            status: &job.status,
            scheduled_at: job.scheduled_at.as_ref().map(time),
            last_updated: job.last_updated.as_ref().map(time),
            action: &job.action,
            retries_left: job.retries_left,
            retries_total: job.retries_total,
            capacity_map: job.capacity_map.as_ref().map(|map| &map.entries),
            parameters: job.parameters.as_ref().map(|map| &map.entries),
            deadline: &job.deadline,
            stop_timeout: &job.stop_timeout,
            attempt: job.attempt,
            attempts: job.attempts.iter().map(Attempt::of).collect(),
            wait_reason: &job.wait_reason,
            line_count: job.line_count,
            parent_id: &job.parent_id,
            children_left: job.children_left,
            children_failed: job.children_failed,
            wait_detail: job.wait_detail.as_ref().map(WaitDetail::of),
            cron_id: &job.cron_id,
            cron_tick: job.cron_tick.as_ref().map(time),
            priority: job.priority,
            unique_key: &job.unique_key,
            expires_at: job.expires_at.as_ref().map(time),
            end_reason: &job.end_reason,
            retried_by_id: &job.retried_by_id,
            existing: job.existing,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Attempts<'a> {
    attempts: Vec<Attempt<'a>>,
    total: u32,
}

impl<'a> Attempts<'a> {
    pub(super) fn of(runs: &'a v0::ListJobAttemptsResponse) -> Self {
        Self { attempts: runs.attempts.iter().map(Attempt::of).collect(), total: runs.total }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attempt<'a> {
    number: u32,
    #[serde(rename = "workerID")]
    worker_id: &'a str,
    lease: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    end: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    reason: &'a str,
}

impl<'a> Attempt<'a> {
    fn of(attempt: &'a v0::Attempt) -> Self {
        Self {
            number: attempt.number,
            worker_id: &attempt.worker_id,
            lease: attempt.lease,
            started_at: attempt.started_at.as_ref().map(time),
            ended_at: attempt.ended_at.as_ref().map(time),
            end: &attempt.end,
            exit_code: attempt.exit_code,
            signal: attempt.signal,
            reason: &attempt.reason,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Tokens<'a> {
    tokens: Vec<Token<'a>>,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(tokens: &'a [v0::Token]) -> Self {
        Self { tokens: tokens.iter().map(Token::of).collect() }
    }
}

#[derive(Serialize)]
pub(super) struct NewToken<'a> {
    token: Option<Token<'a>>,
    secret: &'a str,
}

impl<'a> NewToken<'a> {
    pub(super) fn of(created: &'a v0::CreateTokenResponse) -> Self {
        Self { token: created.token.as_ref().map(Token::of), secret: &created.secret }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Token<'a> {
    id: &'a str,
    user: &'a str,
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    description: &'a str,
}

impl<'a> Token<'a> {
    fn of(token: &'a v0::Token) -> Self {
        Self {
            id: &token.id,
            user: &token.user,
            role: &token.role,
            created_at: token.created_at.as_ref().map(time),
            expires_at: token.expires_at.as_ref().map(time),
            description: &token.description,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Audit<'a> {
    records: Vec<AuditRecord<'a>>,
}

impl<'a> Audit<'a> {
    pub(super) fn of(records: &'a [v0::AuditRecord]) -> Self {
        Self { records: records.iter().map(AuditRecord::of).collect() }
    }
}

#[derive(Serialize)]
struct AuditRecord<'a> {
    index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    user: &'a str,
    #[serde(rename = "tokenID")]
    token_id: &'a str,
    remote: &'a str,
    #[serde(rename = "requestID")]
    request_id: &'a str,
    operation: &'a str,
    object: &'a str,
    result: &'a str,
}

impl<'a> AuditRecord<'a> {
    fn of(record: &'a v0::AuditRecord) -> Self {
        Self {
            index: record.index,
            at: record.at.as_ref().map(time),
            user: &record.user,
            token_id: &record.token_id,
            remote: &record.remote,
            request_id: &record.request_id,
            operation: &record.operation,
            object: &record.object,
            result: &record.result,
        }
    }
}

#[derive(Serialize)]
pub(super) struct Workers<'a> {
    workers: Vec<Worker<'a>>,
}

impl<'a> Workers<'a> {
    pub(super) fn of(workers: &'a [v0::Worker]) -> Self {
        Self { workers: workers.iter().map(Worker::of).collect() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Worker<'a> {
    id: &'a str,
    status: &'a str,
    capacity_map: Option<&'a BTreeMap<String, i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heartbeat_expiration: Option<String>,
    capacity_in_use: Option<&'a BTreeMap<String, i64>>,
    running: u32,
    actions: &'a [String],
    epoch: u64,
    draining: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    drain_stops_at: Option<String>,
}

impl<'a> Worker<'a> {
    fn of(worker: &'a v0::Worker) -> Self {
        Self {
            id: &worker.id,
            status: &worker.status,
            capacity_map: worker.capacity_map.as_ref().map(|map| &map.entries),
            heartbeat_expiration: worker.heartbeat_expiration.as_ref().map(time),
            capacity_in_use: worker.capacity_in_use.as_ref().map(|map| &map.entries),
            running: worker.running,
            actions: &worker.actions,
            epoch: worker.epoch,
            draining: worker.draining,
            drain_stops_at: worker.drain_stops_at.as_ref().map(time),
        }
    }
}

/// A line of a job's output.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    data: &'a str,
    #[serde(rename = "lineNum")]
    number: u64,
    source: &'a str,
}

impl<'a> Line<'a> {
    pub(super) fn of(line: &'a v0::LogLine) -> Self {
        Self { data: &line.data, number: line.line_num, source: &line.source }
    }
}

/// What happened, as a line of `/watch`.
#[derive(Serialize)]
pub(super) struct Event<'a> {
    index: u64,
    number: u32,
    next: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<Job<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<Worker<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<Cron<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tick: Option<CronTick<'a>>,
}

impl<'a> Event<'a> {
    pub(super) fn of(event: &'a v0::WatchResponse) -> Self {
        Self {
            index: event.index,
            number: event.number,
            next: event.next,
            at: event.at.as_ref().map(time),
            kind: &event.kind,
            name: &event.name,
            job: event.job.as_ref().map(Job::of),
            worker: event.worker.as_ref().map(Worker::of),
            cron: event.cron.as_ref().map(Cron::of),
            tick: event.tick.as_ref().map(CronTick::of),
        }
    }
}

/// RFC 3339 in UTC, with fractions of a second only where there are some, as Go writes it.
pub(super) fn time(at: &Timestamp) -> String {
    let text = at.to_string();
    match text.strip_suffix('Z').filter(|text| text.contains('.')) {
        Some(fraction) => format!("{}Z", fraction.trim_end_matches('0').trim_end_matches('.')),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_job_has_the_names_and_the_order_of_v0() {
        let id = "1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b";
        let sum = "1bacd3c8ccb1f15609a10bd4a403831d0ec0b354438ddbf644c95c5d54f8eb13";
        let job = v0::Job {
            id: id.into(),
            retry_from_id: id.into(),
            worker_id: "000000000000".into(),
            status: "done".into(),
            scheduled_at: Some(at("2017-02-17T01:09:47.771Z")),
            last_updated: Some(at("2017-02-17T01:10:14.117Z")),
            action: "scan_check_single".into(),
            capacity_map: Some(v0::CapacityMap { entries: [("scan".into(), 1)].into() }),
            parameters: Some(v0::StringMap { entries: [("SHA256SUM".into(), sum.into())].into() }),
            ..Default::default()
        };
        let documented = format!(
            "{{\"id\":\"{id}\",\"retryFromID\":\"{id}\",\"workerID\":\"000000000000\",\
             \"status\":\"done\",\"scheduledAt\":\"2017-02-17T01:09:47.771Z\",\
             \"lastUpdated\":\"2017-02-17T01:10:14.117Z\",\"action\":\"scan_check_single\",\
             \"retriesLeft\":0,\"retriesTotal\":0,\"capacityMap\":{{\"scan\":1}},\
             \"parameters\":{{\"SHA256SUM\":\"{sum}\"}},\"deadline\":\"\",\"stopTimeout\":\"\","
        );
        let text = serde_json::to_string(&Job::of(&job)).unwrap();
        assert!(text.starts_with(&documented), "{text}");
    }

    #[test]
    fn a_map_that_nobody_set_is_null_and_an_empty_one_is_empty() {
        let mut job = v0::Job::default();
        let shown = serde_json::to_value(Job::of(&job)).unwrap();
        assert_eq!((&shown["capacityMap"], &shown["parameters"]), (&json!(null), &json!(null)));
        job.capacity_map = Some(v0::CapacityMap::default());
        job.parameters = Some(v0::StringMap::default());
        let shown = serde_json::to_value(Job::of(&job)).unwrap();
        assert_eq!((&shown["capacityMap"], &shown["parameters"]), (&json!({}), &json!({})));
    }

    #[test]
    fn times_have_fractions_only_where_there_are_some() {
        for text in [
            "2017-02-17T01:09:47.771Z",
            "2017-02-18T00:51:02Z",
            "2017-02-18T00:51:02.07Z",
            "2017-02-18T00:51:20Z",
        ] {
            assert_eq!(time(&text.parse().unwrap()), text);
        }
    }

    #[test]
    fn workers_and_cluster_have_the_names_of_v0() {
        let worker = v0::Worker { id: "00000000002a".into(), ..Default::default() };
        let shown = serde_json::to_value(Workers::of(&[worker])).unwrap();
        assert_eq!(shown["workers"][0]["id"], "00000000002a");
        let status = v0::GetClusterStatusResponse {
            replica_health: [("00000000002a".to_owned(), "OK".to_owned())].into(),
            members: vec![v0::Member::default()],
            ..Default::default()
        };
        let shown = serde_json::to_value(Cluster::of(&status)).unwrap();
        assert_eq!(shown["replica_health"]["00000000002a"], "OK");
        assert_eq!(shown["members"][0]["isVoter"], false);
        assert!(shown["members"][0].get("lag").is_none());
    }
}
