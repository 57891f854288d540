//! JSON out. The order of the fields is that of the v0 documentation; what we add comes after.

mod action;
mod caller;
mod configuration;
mod member;
mod policies;
mod statistics;
mod wait;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use stint_core::{
    Attempt as CoreAttempt, AttemptEnd, CapacityMap, CronId, JobId, Level, Line, Parameters,
    Timeout, TokenId, WorkerId,
};

pub(in crate::http) use action::Action;
pub(in crate::http) use caller::WhoCalls;
pub(in crate::http) use configuration::{ActionConfig, Cron, CronHistory, Preview, Settings, Tick};
pub(in crate::http) use policies::{Bulk, Queue};
pub(in crate::http) use statistics::Statistics;

use self::member::Member;
use self::wait::WaitDetail;
use super::super::time::Rfc3339;
use crate::VERSION;
use crate::api::{ClusterView, Diagnostics, JobView, health, latest, reason, result, source};
use crate::token::Secret;

/// What has one spelling, as that text.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The same, or the empty text if there is nothing.
struct TextOrEmpty<T>(Option<T>);

impl<T: Display> Serialize for TextOrEmpty<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_str(""),
        }
    }
}

struct Amounts<'a>(&'a CapacityMap);

impl Serialize for Amounts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Job<'a> {
    id: Text<JobId>,
    #[serde(rename = "retryFromID")]
    retry_from_id: Text<JobId>,
    #[serde(rename = "workerID")]
    worker_id: TextOrEmpty<WorkerId>,
    status: &'static str,
    scheduled_at: Rfc3339,
    last_updated: Rfc3339,
    action: &'a str,
    retries_left: u32,
    retries_total: u32,
    capacity_map: Option<Amounts<'a>>,
    parameters: Option<&'a Parameters>,
    deadline: &'a str,
    stop_timeout: &'a str,
    attempt: u32,
    attempts: Vec<Attempt<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_reason: Option<String>,
    line_count: u64,
    #[serde(rename = "parentID", skip_serializing_if = "Option::is_none")]
    parent_id: Option<Text<JobId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    children_left: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    children_failed: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_detail: Option<WaitDetail<'a>>,
    #[serde(rename = "cronID", skip_serializing_if = "Option::is_none")]
    cron_id: Option<Text<CronId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cron_tick: Option<Rfc3339>,
    priority: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_reason: Option<&'static str>,
    #[serde(rename = "retriedByID", skip_serializing_if = "Option::is_none")]
    retried_by_id: Option<Text<JobId>>,
    #[serde(skip_serializing_if = "is_false")]
    existing: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl<'a> Job<'a> {
    pub(in crate::http) fn of(view: &'a JobView) -> Self {
        let job = &*view.job;
        let children = (job.children.total > 0).then_some(job.children);
        Self {
            id: Text(job.id),
            retry_from_id: Text(job.retry_from),
            worker_id: TextOrEmpty(job.worker),
            status: job.status.name(),
            scheduled_at: Rfc3339(job.scheduled_at),
            last_updated: Rfc3339(job.last_updated),
            action: &job.spec.action,
            retries_left: job.retries_left,
            retries_total: job.retries_total,
            capacity_map: job.spec.capacity_map.as_ref().map(Amounts),
            parameters: job.spec.parameters.as_ref(),
            deadline: job.spec.deadline.as_ref().map_or("", Timeout::text),
            stop_timeout: job.spec.stop_timeout.as_ref().map_or("", Timeout::text),
            attempt: job.attempt_count,
            attempts: latest(job).iter().map(Attempt::of).collect(),
            wait_reason: view.wait_reason.as_ref().map(ToString::to_string),
            line_count: job.line_count,
            parent_id: job.parent.map(Text),
            children_left: children.map(|children| children.left),
            children_failed: children.map(|children| children.failed),
            wait_detail: view.wait_reason.as_ref().map(WaitDetail::of),
            cron_id: job.cron.map(|link| Text(link.id)),
            cron_tick: job.cron.and_then(|link| link.tick).map(Rfc3339),
            priority: job.policy.priority.level(),
            unique_key: job.policy.unique_key.as_deref(),
            expires_at: job.policy.expires_at.map(Rfc3339),
            end_reason: reason::of_end(job),
            retried_by_id: job.retried_by.map(Text),
            existing: view.is_existing,
        }
    }
}

#[derive(Serialize)]
pub(in crate::http) struct Attempts<'a> {
    attempts: Vec<Attempt<'a>>,
    total: u32,
}

impl<'a> Attempts<'a> {
    pub(in crate::http) fn of(view: &'a JobView) -> Self {
        let job = &*view.job;
        let attempts = job.attempts.iter().map(Attempt::of).collect();
        Self { attempts, total: job.attempt_count }
    }
}

/// Fields that are not known yet are left out, times above all.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attempt<'a> {
    number: u32,
    #[serde(rename = "workerID")]
    worker_id: Text<WorkerId>,
    lease: u64,
    started_at: Rfc3339,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Rfc3339>,
    end: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    reason: Cow<'a, str>,
}

impl<'a> Attempt<'a> {
    fn of(attempt: &'a CoreAttempt) -> Self {
        let end = attempt.end.as_ref().map(|(_, end)| end);
        Self {
            number: attempt.number,
            worker_id: Text(attempt.worker),
            lease: attempt.lease.0,
            started_at: Rfc3339(attempt.started_at),
            ended_at: attempt.end.as_ref().map(|(at, _)| Rfc3339(*at)),
            end: end.map_or("", reason::name),
            exit_code: end.and_then(reason::exit_code),
            signal: end.and_then(reason::signal),
            reason: end.map_or(Cow::Borrowed(""), |end: &AttemptEnd| reason::in_words(end)),
        }
    }
}

#[derive(Serialize)]
pub(in crate::http) struct Audit<'a> {
    records: Vec<AuditRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Text<u64>>,
}

impl<'a> Audit<'a> {
    pub(in crate::http) fn of(page: &'a stint_consensus::AuditPage) -> Self {
        let records = page.records.iter().map(AuditRecord::of).collect();
        Self { records, next: page.rest.map(Text) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuditRecord<'a> {
    index: u64,
    at: Rfc3339,
    user: &'a str,
    #[serde(rename = "tokenID")]
    token_id: TextOrEmpty<TokenId>,
    remote: &'a str,
    #[serde(rename = "requestID")]
    request_id: &'a str,
    operation: &'a str,
    object: &'a str,
    result: &'static str,
}

impl<'a> AuditRecord<'a> {
    fn of(record: &'a stint_consensus::AuditRecord) -> Self {
        Self {
            index: record.index,
            at: Rfc3339(record.at),
            user: &record.origin.user,
            token_id: TextOrEmpty(record.origin.token),
            remote: &record.origin.remote,
            request_id: &record.origin.request_id,
            operation: &record.operation,
            object: &record.object,
            result: result(record),
        }
    }
}

#[derive(Serialize)]
pub(in crate::http) struct Tokens<'a> {
    tokens: Vec<Token<'a>>,
}

impl<'a> Tokens<'a> {
    pub(in crate::http) fn of(tokens: &'a [Arc<stint_core::Token>]) -> Self {
        Self { tokens: tokens.iter().map(|token| Token::of(token)).collect() }
    }
}

/// A token and its secret, which is told this once.
#[derive(Serialize)]
pub(in crate::http) struct NewToken<'a> {
    token: Token<'a>,
    secret: String,
}

impl<'a> NewToken<'a> {
    pub(in crate::http) fn of(token: &'a stint_core::Token, secret: &Secret) -> Self {
        Self { token: Token::of(token), secret: secret.reveal() }
    }
}

/// An invitation, which is told this once.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Invited {
    invitation: String,
    expires_at: Rfc3339,
}

impl Invited {
    pub(in crate::http) fn of(invited: &crate::api::Invited) -> Self {
        let expires_at = Rfc3339(invited.expires_at);
        Self { invitation: invited.invitation.reveal(), expires_at }
    }
}

/// A token that does not expire has no field that says when.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Token<'a> {
    id: Text<TokenId>,
    user: &'a str,
    role: &'static str,
    created_at: Rfc3339,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Rfc3339>,
    description: &'a str,
}

impl<'a> Token<'a> {
    fn of(token: &'a stint_core::Token) -> Self {
        Self {
            id: Text(token.id),
            user: &token.user,
            role: token.role.name(),
            created_at: Rfc3339(token.created_at),
            expires_at: token.expires_at.map(Rfc3339),
            description: &token.description,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Worker<'a> {
    id: Text<WorkerId>,
    status: &'static str,
    capacity_map: Amounts<'a>,
    heartbeat_expiration: Rfc3339,
    capacity_in_use: Amounts<'a>,
    running: usize,
    actions: Vec<&'a str>,
    epoch: u64,
    draining: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    drain_stops_at: Option<Rfc3339>,
}

impl<'a> Worker<'a> {
    pub(in crate::http) fn of(worker: &'a stint_core::Worker) -> Self {
        Self {
            id: Text(worker.id),
            status: worker.status.name(),
            capacity_map: Amounts(worker.capacity()),
            heartbeat_expiration: Rfc3339(worker.heartbeat_expiration),
            capacity_in_use: Amounts(&worker.capacity_in_use),
            running: worker.runs.len(),
            actions: worker.actions.keys().map(String::as_str).collect(),
            epoch: worker.epoch.0,
            draining: worker.draining.is_some(),
            drain_stops_at: worker.draining.and_then(|drain| drain.stops_at).map(Rfc3339),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct Diagnosed<'a> {
    #[serde(rename = "replicaID")]
    replica_id: Text<WorkerId>,
    version: &'a str,
    at: Rfc3339,
    readiness: &'a str,
    configuration: &'a str,
    log: &'a [String],
    log_lines_before: u64,
    metrics: &'a str,
    machine: &'a BTreeMap<String, String>,
}

impl<'a> Diagnosed<'a> {
    pub(in crate::http) fn of(found: &'a Diagnostics) -> Self {
        Self {
            replica_id: Text(found.replica),
            version: found.version,
            at: Rfc3339(found.at),
            readiness: &found.readiness,
            configuration: &found.configuration,
            log: &found.log,
            log_lines_before: found.log_lines_before,
            metrics: &found.metrics,
            machine: &found.machine,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are those of the API")]
pub(in crate::http) struct Cluster<'a> {
    #[serde(rename = "replica_health")]
    replica_health: BTreeMap<String, String>,
    #[serde(rename = "replicaID")]
    replica_id: Text<WorkerId>,
    #[serde(rename = "leaderID")]
    leader_id: TextOrEmpty<WorkerId>,
    term: u64,
    members: Vec<Member<'a>>,
    last_log_index: u64,
    committed_index: u64,
    applied_index: u64,
    version: &'static str,
    feature_level: u32,
    newest_feature_level: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<Disk>,
    warnings: &'a [String],
    cluster_warnings: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are those of the API, with their unit")]
struct Disk {
    free_bytes: u64,
    total_bytes: u64,
    log_bytes: u64,
    state_bytes: u64,
    output_bytes: u64,
}

impl<'a> Cluster<'a> {
    pub(in crate::http) fn of(view: &'a ClusterView) -> Self {
        let status = &view.status;
        Self {
            replica_health: health::of_all(status),
            replica_id: Text(status.id),
            leader_id: TextOrEmpty(status.leader),
            term: status.term,
            members: status
                .members
                .iter()
                .map(|member| Member::of(member, status.leader))
                .collect(),
            last_log_index: status.last_log_index,
            committed_index: status.committed_index,
            applied_index: status.applied_index,
            version: VERSION,
            feature_level: status.level.get(),
            newest_feature_level: Level::NEWEST.get(),
            disk: status.disk.map(|disk| Disk {
                free_bytes: disk.free_bytes,
                total_bytes: disk.total_bytes,
                log_bytes: disk.log_bytes,
                state_bytes: disk.state_bytes,
                output_bytes: disk.output_bytes,
            }),
            warnings: &status.warnings,
            cluster_warnings: &view.warnings,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::http) struct LogLine<'a> {
    data: &'a str,
    line_num: u64,
    source: &'static str,
}

impl<'a> LogLine<'a> {
    pub(in crate::http) fn of(number: u64, line: &'a Line) -> Self {
        Self { data: &line.text, line_num: number, source: source(line.stream) }
    }
}

#[cfg(test)]
mod tests;
