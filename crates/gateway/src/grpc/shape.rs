//! The messages of `proto/stint/v0`: from and to the types of the core.

mod action;
mod configuration;
mod policies;

use prost::Message;
use prost_types::Timestamp as ProtoTimestamp;
use stint_consensus::{AuditRecord, MemberStatus};
use stint_core::{
    Attempt, CapacityMap, Job, JobSpec, Level, Policy, Role, Timeout, Timestamp, Token, WaitReason,
    Worker,
};
use stint_proto::v0;

pub(super) use action::action;
pub(super) use configuration::{action_config, cron, cron_form, settings, tick};
pub(super) use policies::{bulk, bulk_form, queue, selection_of_list};

use crate::VERSION;
use crate::api::{
    self, ApiError, ClusterView, CronView, Diagnostics, IdempotencyKey, JobView, Page, Subject,
    Submission, TokenRequest, WhoCalls, health, latest, place_behind, reason, result, source,
};
use crate::limits;
use crate::parse::{self, shown};

/// The last second that `google.protobuf.Timestamp` allows: the end of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// The beginning of the year 1: the time that nobody set, of clients whose type has no empty value.
const GO_ZERO: ProtoTimestamp = ProtoTimestamp { seconds: -62_135_596_800, nanos: 0 };

/// What a message takes beside its own bytes where it stands in another: a tag and a length.
const FIELD_BYTES_MAX: usize = 6;

/// What a client wants to run.
pub(super) fn submission(request: v0::SubmitJobRequest) -> Result<Submission, ApiError> {
    Ok(Submission {
        spec: JobSpec {
            action: request.action,
            parameters: request.parameters.map(|map| map.entries),
            capacity_map: capacity(request.capacity_map)?,
            deadline: parse::timeout("deadline", &request.deadline)?,
            stop_timeout: parse::timeout("stopTimeout", &request.stop_timeout)?,
        },
        retries: request.retries,
        scheduled_at: instant("scheduledAt", request.scheduled_at)?,
        policy: Policy {
            priority: parse::priority(request.priority.map(u64::from))?,
            unique_key: Some(request.unique_key).filter(|key| !key.is_empty()),
            expires_at: instant("expiresAt", request.expires_at)?,
        },
        key: key(&request.idempotency_key)?,
    })
}

/// By what a client tells a repetition; empty is nothing.
pub(super) fn key(text: &str) -> Result<Option<IdempotencyKey>, ApiError> {
    let key = Some(text.as_bytes()).filter(|key| !key.is_empty());
    key.map(|key| IdempotencyKey::parse("idempotencyKey", key)).transpose()
}

/// What an administrator wants to give to somebody.
pub(super) fn token_request(request: v0::CreateTokenRequest) -> Result<TokenRequest, ApiError> {
    Ok(TokenRequest {
        role: parse::role(&request.role)?,
        expires_in: parse::timeout("expiresIn", &request.expires_in)?,
        user: request.user,
        description: request.description,
    })
}

pub(super) fn audit(record: AuditRecord) -> v0::AuditRecord {
    let result = result(&record).to_owned();
    let AuditRecord { index, at, origin, operation, object, refusal: _ } = record;
    v0::AuditRecord {
        index,
        at: Some(timestamp(at)),
        user: origin.user,
        token_id: origin.token.map_or_else(String::new, |id| id.to_string()),
        remote: origin.remote,
        request_id: origin.request_id,
        operation,
        object,
        result,
    }
}

pub(super) fn token(token: &Token) -> v0::Token {
    v0::Token {
        id: token.id.to_string(),
        user: token.user.clone(),
        role: token.role.name().to_owned(),
        created_at: Some(timestamp(token.created_at)),
        expires_at: token.expires_at.map(timestamp),
        description: token.description.clone(),
    }
}

pub(super) fn who_calls(who: WhoCalls) -> v0::Caller {
    v0::Caller {
        user: who.user,
        role: who.role.map_or("", Role::name).to_owned(),
        token_id: who.token.map_or_else(String::new, |id| id.to_string()),
        expires_at: who.expires_at.map(timestamp),
    }
}

/// Amounts by name, or `None` if nobody set any.
pub(super) fn capacity(map: Option<v0::CapacityMap>) -> Result<Option<CapacityMap>, ApiError> {
    let Some(map) = map else { return Ok(None) };
    let amounts = map.entries.into_iter().map(|(name, amount)| {
        u64::try_from(amount).map(|amount| (name.clone(), amount)).map_err(|_| {
            let field = format!("capacityMap.{}", shown(&name));
            ApiError::field(field, "an integer of at least 0", format!("the number {amount}"))
        })
    });
    amounts.collect::<Result<_, _>>().map(Some)
}

/// Nanoseconds below a millisecond are cut off. What Go makes of a time that nobody set is none.
pub(super) fn instant(
    field: &str,
    at: Option<ProtoTimestamp>,
) -> Result<Option<Timestamp>, ApiError> {
    let Some(at) = at.filter(|at| *at != GO_ZERO) else { return Ok(None) };
    let wrong = || {
        let got = format!("{} s and {} ns", at.seconds, at.nanos);
        ApiError::field(field, "a time from 1970 to 9999", got)
    };
    let seconds = u64::try_from(at.seconds).map_err(|_| wrong())?;
    let nanos = u64::try_from(at.nanos).map_err(|_| wrong())?;
    if at.seconds > LAST_SECOND || nanos >= 1_000_000_000 {
        return Err(wrong());
    }
    Ok(Some(Timestamp::from_ms(seconds * 1_000 + nanos / 1_000_000)))
}

pub(super) fn timestamp(at: Timestamp) -> ProtoTimestamp {
    let seconds = i64::try_from(at.as_ms() / 1_000).unwrap_or(LAST_SECOND).min(LAST_SECOND);
    let nanos = i32::try_from(at.as_ms() % 1_000 * 1_000_000).unwrap_or(0);
    ProtoTimestamp { seconds, nanos }
}

fn text(timeout: Option<&Timeout>) -> String {
    timeout.map_or_else(String::new, |timeout| timeout.text().to_owned())
}

fn amounts(map: &CapacityMap) -> v0::CapacityMap {
    let entries = map
        .iter()
        .map(|(name, amount)| (name.to_owned(), i64::try_from(amount).unwrap_or(i64::MAX)));
    v0::CapacityMap { entries: entries.collect() }
}

pub(super) fn job(view: &JobView) -> v0::Job {
    let job = &*view.job;
    v0::Job {
        id: job.id.to_string(),
        retry_from_id: job.retry_from.to_string(),
        worker_id: job.worker.map_or_else(String::new, |worker| worker.to_string()),
        status: job.status.name().to_owned(),
        scheduled_at: Some(timestamp(job.scheduled_at)),
        last_updated: Some(timestamp(job.last_updated)),
        action: job.spec.action.clone(),
        retries_left: job.retries_left,
        retries_total: job.retries_total,
        capacity_map: job.spec.capacity_map.as_ref().map(amounts),
        parameters: job.spec.parameters.clone().map(|entries| v0::StringMap { entries }),
        deadline: text(job.spec.deadline.as_ref()),
        stop_timeout: text(job.spec.stop_timeout.as_ref()),
        attempt: job.attempt_count,
        attempts: latest(job).iter().map(attempt).collect(),
        wait_reason: view.wait_reason.as_ref().map_or_else(String::new, ToString::to_string),
        line_count: job.line_count,
        cron_id: job.cron.map_or_else(String::new, |link| link.id.to_string()),
        cron_tick: job.cron.and_then(|link| link.tick).map(timestamp),
        parent_id: job.parent.map_or_else(String::new, |parent| parent.to_string()),
        children_left: has_children(job).then_some(job.children.left),
        children_failed: has_children(job).then_some(job.children.failed),
        wait_detail: view.wait_reason.as_ref().map(wait_detail),
        priority: u32::from(job.policy.priority.level()),
        unique_key: job.policy.unique_key.clone().unwrap_or_default(),
        expires_at: job.policy.expires_at.map(timestamp),
        end_reason: reason::of_end(job).unwrap_or_default().to_owned(),
        retried_by_id: job.retried_by.map_or_else(String::new, |id| id.to_string()),
        existing: view.is_existing,
    }
}

pub(super) fn attempts(view: &JobView) -> v0::ListJobAttemptsResponse {
    let job = &*view.job;
    let attempts = job.attempts.iter().map(attempt).collect();
    v0::ListJobAttemptsResponse { attempts, total: job.attempt_count }
}

/// Whether its process has ever submitted a job.
const fn has_children(job: &Job) -> bool {
    job.children.total > 0
}

fn wait_detail(why: &WaitReason) -> v0::WaitDetail {
    let detail = v0::WaitDetail { kind: reason::wait(why).to_owned(), ..v0::WaitDetail::default() };
    match why {
        WaitReason::NotDue(at) => v0::WaitDetail { until: Some(timestamp(*at)), ..detail },
        WaitReason::NoWorkerOffers(action) | WaitReason::Paused(action) => {
            v0::WaitDetail { action: action.clone(), ..detail }
        }
        WaitReason::NoWorkerHas(need) => {
            v0::WaitDetail { capacity_map: Some(amounts(need)), ..detail }
        }
        WaitReason::CapacityInUse { need, by } => v0::WaitDetail {
            capacity_map: Some(amounts(need)),
            job_ids: by.iter().map(ToString::to_string).collect(),
            ..detail
        },
        WaitReason::Draining(workers) => v0::WaitDetail {
            worker_ids: workers.iter().map(ToString::to_string).collect(),
            ..detail
        },
        WaitReason::Soon => detail,
    }
}

/// A page of jobs, as far as it fits into a message that clients take.
#[derive(Default)]
pub(super) struct JobsPage {
    jobs: Vec<v0::Job>,
    bytes: usize,
    /// Where the list goes on behind the last of them.
    behind: Option<String>,
}

impl JobsPage {
    /// Adds jobs; false says that some found no room.
    pub(super) fn add(&mut self, views: &[JobView]) -> bool {
        for view in views {
            let job = job(view);
            self.bytes += job.encoded_len() + FIELD_BYTES_MAX;
            if self.bytes > limits::GRPC_LIST_BYTES_MAX && !self.jobs.is_empty() {
                return false;
            }
            self.jobs.push(job);
            self.behind = Some(place_behind(&view.job));
        }
        true
    }

    /// The answer, with where the list goes on.
    pub(super) fn end(self, next: Option<String>) -> v0::ListJobsResponse {
        v0::ListJobsResponse { jobs: self.jobs, next: next.unwrap_or_default() }
    }

    /// The answer of a page that is cut off.
    pub(super) fn cut(mut self) -> v0::ListJobsResponse {
        let behind = self.behind.take();
        self.end(behind)
    }
}

/// As many as fit into a message that clients take, and the name of the last of them if any are left.
pub(super) fn part<T: Message>(
    items: impl Iterator<Item = T>,
    name: impl Fn(&T) -> &String,
) -> (Vec<T>, String) {
    let mut bytes = 0;
    let mut part: Vec<T> = Vec::new();
    for item in items {
        bytes += item.encoded_len() + FIELD_BYTES_MAX;
        if bytes > limits::GRPC_LIST_BYTES_MAX
            && let Some(last) = part.last().map(&name)
        {
            let next = last.clone();
            return (part, next);
        }
        part.push(item);
    }
    (part, String::new())
}

fn attempt(attempt: &Attempt) -> v0::Attempt {
    let end = attempt.end.as_ref().map(|(_, end)| end);
    v0::Attempt {
        number: attempt.number,
        worker_id: attempt.worker.to_string(),
        lease: attempt.lease.0,
        started_at: Some(timestamp(attempt.started_at)),
        ended_at: attempt.end.as_ref().map(|(at, _)| timestamp(*at)),
        end: end.map_or("", reason::name).to_owned(),
        exit_code: end.and_then(reason::exit_code),
        signal: end.and_then(reason::signal),
        reason: end.map_or_else(String::new, |end| reason::in_words(end).into_owned()),
    }
}

pub(super) fn lines(page: Page) -> v0::GetJobLogsResponse {
    let lines = page.into_iter().map(|(line_num, line)| v0::LogLine {
        source: source(line.stream).to_owned(),
        data: line.text,
        line_num,
    });
    v0::GetJobLogsResponse { lines: lines.collect() }
}

pub(super) fn worker(worker: &Worker) -> v0::Worker {
    v0::Worker {
        id: worker.id.to_string(),
        status: worker.status.name().to_owned(),
        capacity_map: Some(amounts(worker.capacity())),
        heartbeat_expiration: Some(timestamp(worker.heartbeat_expiration)),
        capacity_in_use: Some(amounts(&worker.capacity_in_use)),
        running: u32::try_from(worker.runs.len()).unwrap_or(u32::MAX),
        actions: worker.actions.keys().cloned().collect(),
        epoch: worker.epoch.0,
        draining: worker.draining.is_some(),
        drain_stops_at: worker.draining.and_then(|drain| drain.stops_at).map(timestamp),
    }
}

pub(super) fn message(message: &api::Message) -> v0::WatchResponse {
    let (mut of_job, mut of_worker, mut of_cron, mut of_tick) = (None, None, None, None);
    match &message.subject {
        Subject::Name => {}
        Subject::Job(view) => of_job = Some(job(view)),
        Subject::Worker(found) => of_worker = Some(worker(found)),
        Subject::Cron(found) => of_cron = Some(cron(CronView::from(&**found))),
        Subject::Tick(record) => of_tick = Some(tick(record)),
    }
    v0::WatchResponse {
        index: message.place.index,
        number: message.place.number,
        next: message.next,
        at: Some(timestamp(message.at)),
        kind: message.kind.to_owned(),
        name: message.name.clone(),
        job: of_job,
        worker: of_worker,
        cron: of_cron,
        tick: of_tick,
    }
}

pub(super) fn diagnostics(found: Diagnostics) -> v0::DiagnosticsResponse {
    v0::DiagnosticsResponse {
        replica: found.replica.to_string(),
        version: found.version.to_owned(),
        at: Some(timestamp(found.at)),
        readiness: found.readiness,
        configuration: found.configuration,
        log: found.log,
        log_lines_before: found.log_lines_before,
        metrics: found.metrics,
        machine: found.machine,
    }
}

pub(super) fn cluster(view: ClusterView) -> v0::GetClusterStatusResponse {
    let ClusterView { status, warnings: cluster_warnings } = view;
    v0::GetClusterStatusResponse {
        replica_health: health::of_all(&status),
        replica: status.id.to_string(),
        leader: status.leader.map_or_else(String::new, |leader| leader.to_string()),
        term: status.term,
        last_log_index: status.last_log_index,
        committed_index: status.committed_index,
        applied_index: status.applied_index,
        version: VERSION.to_owned(),
        feature_level: status.level.get(),
        newest_feature_level: Level::NEWEST.get(),
        disk: status.disk.map(|disk| v0::Disk {
            free_bytes: disk.free_bytes,
            total_bytes: disk.total_bytes,
            log_bytes: disk.log_bytes,
            state_bytes: disk.state_bytes,
            output_bytes: disk.output_bytes,
        }),
        warnings: status.warnings,
        cluster_warnings,
        members: status
            .members
            .into_iter()
            .map(|member| v0::Member {
                id: member.id.to_string(),
                is_voter: member.is_voter,
                is_leader: status.leader == Some(member.id),
                lag: member.lag,
                disk_free_bytes: room(&member).map(|(free, _)| free),
                disk_total_bytes: room(&member).map(|(_, total)| total),
                newest_feature_level: member.build.as_ref().map(|build| build.newest_level.get()),
                version: member.build.map(|build| build.version),
                peer_address: member.member.peer_address,
                client_address: member.member.client_address,
            })
            .collect(),
    }
}

/// What is left of a member's disk, and what there is in all.
fn room(member: &MemberStatus) -> Option<(u64, u64)> {
    member.condition.as_ref()?.disk
}

#[cfg(test)]
mod tests {
    use stint_core::limits as core;

    use super::*;

    #[test]
    fn instants_are_read_from_1970_to_9999() {
        let at = |seconds, nanos| instant("at", Some(ProtoTimestamp { seconds, nanos }));
        assert_eq!(at(1_487_293_787, 771_999_999), Ok(Some(Timestamp::from_ms(1_487_293_787_771))));
        assert_eq!(at(LAST_SECOND, 0), Ok(Some(Timestamp::from_ms(253_402_300_799_000))));
        assert_eq!(at(GO_ZERO.seconds, 0), Ok(None));
        assert_eq!(instant("at", None), Ok(None));
        for (seconds, nanos) in [
            (-1, 0),
            (0, -1),
            (0, 1_000_000_000),
            (LAST_SECOND + 1, 0),
            (i64::MAX, i32::MAX),
            (i64::MIN, i32::MIN),
        ] {
            assert_eq!(at(seconds, nanos).unwrap_err().code(), "INVALID_PARAMETERS");
        }
    }

    #[test]
    fn an_instant_comes_back_as_it_went() {
        for ms in [0, 1_487_293_787_771, 253_402_300_799_999] {
            let at = Timestamp::from_ms(ms);
            assert_eq!(instant("at", Some(timestamp(at))), Ok(Some(at)));
        }
        assert_eq!(timestamp(Timestamp::from_ms(u64::MAX)).seconds, LAST_SECOND);
    }

    #[test]
    fn lists_that_are_not_cut_off_fit_into_one_message_at_their_largest() {
        let text = |bytes: usize| "x".repeat(bytes);
        let token = v0::Token {
            id: text(36),
            user: text(core::NAME_BYTES_MAX),
            role: text(8),
            created_at: Some(ProtoTimestamp { seconds: LAST_SECOND, nanos: 999_999_999 }),
            expires_at: Some(ProtoTimestamp { seconds: LAST_SECOND, nanos: 999_999_999 }),
            description: text(core::DESCRIPTION_BYTES_MAX),
        };
        let attempt = v0::Attempt {
            number: u32::MAX,
            worker_id: text(12),
            lease: u64::MAX,
            started_at: token.created_at,
            ended_at: token.created_at,
            end: text(32),
            exit_code: Some(-1),
            signal: Some(-1),
            reason: text(2 * core::REASON_BYTES_MAX),
        };
        let tokens = core::TOKENS_MAX + core::TOKENS_RESERVED;
        let attempts = usize::try_from(core::ATTEMPTS_MAX).unwrap();
        for bytes in [
            (token.encoded_len() + FIELD_BYTES_MAX) * tokens,
            (attempt.encoded_len() + FIELD_BYTES_MAX) * attempts,
        ] {
            assert!(bytes <= limits::GRPC_LIST_BYTES_MAX, "{bytes}");
        }
    }

    #[test]
    fn a_negative_amount_is_refused_by_its_name() {
        let entries = [("scan".to_owned(), 1), ("gpu".to_owned(), -2)].into();
        let error = capacity(Some(v0::CapacityMap { entries })).unwrap_err();
        let text = "capacityMap.gpu: expected an integer of at least 0, got the number -2";
        assert_eq!(error.to_string(), text);
    }
}
