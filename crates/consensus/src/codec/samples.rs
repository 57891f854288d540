//! One value of each kind that is stored or sent. Each `match` names every variant, so that a new
//! one is missed here until it has a sample.

mod configuration;
mod members;
mod replies;

use std::sync::Arc;

use stint_core::{
    ActionOffer, ActionTraits, Attempt, AttemptEnd, Backoff, Bulk, CapacityMap, Change, Children,
    Command, Compaction, CronId, CronLink, Declaration, Declarations, Defaults, Draining, Ending,
    Epoch, Exit, ExitCause, Finished, Incarnation, Job, JobId, JobSpec, LeaseId, LeftOut, Level,
    Line, ListKey, MembersChange, NewJob, NewToken, Offer, OnWorkerLoss, Parent, Parts, Policy,
    Priority, Refusal, Registration, Retention, Role, SettingsChange, Span, Status, Stream,
    Timeout, Timestamp, TokenHash, TokenId, Worker, WorkerId, WorkerStatus,
};

pub(crate) use configuration::cron_policy;
use configuration::settings;
pub(crate) use replies::{REPLIES, replies, reply_number};

const JOB: JobId = JobId::from_bytes(*b"0123456789abcdef");

fn worker_id() -> WorkerId {
    WorkerId::new(0x0012_3456_789a).expect("48 bits")
}

fn capacity() -> CapacityMap {
    [("gpu".to_owned(), 2), ("slots".to_owned(), 40)].into_iter().collect()
}

fn spec() -> JobSpec {
    JobSpec {
        action: "encode".to_owned(),
        parameters: Some([("in".to_owned(), "a.wav".to_owned())].into()),
        capacity_map: Some(capacity()),
        deadline: Timeout::parse("1h").expect("a duration"),
        stop_timeout: None,
    }
}

fn exit(cause: ExitCause) -> Finished {
    Finished { job: JOB, lease: LeaseId(7), exit: Exit { cause, code: -1, signal: Some(9) } }
}

fn traits() -> ActionTraits {
    ActionTraits {
        on_worker_loss: OnWorkerLoss::Abandon,
        backoff: Backoff::constant(Span::from_ms(1_500)),
        has_children: true,
    }
}

/// An action of which all is said that can be.
fn whole_offer() -> ActionOffer {
    let declared = Declaration {
        description: "a file".to_owned(),
        is_required: true,
        default: Some(String::new()),
        bytes_max: Some(200),
        minimum: Some(-5),
        maximum: Some(i64::MAX),
        values: vec!["a".to_owned(), String::new()],
        pattern: Some("[a-z]+".to_owned()),
    };
    let backoff = Backoff {
        factor_percent: 200,
        max: Some(Span::from_ms(60_000)),
        jitter_percent: 50,
        ..traits().backoff
    };
    ActionOffer {
        traits: ActionTraits { backoff, ..traits() },
        description: "encodes".to_owned(),
        defaults: Defaults {
            deadline: Timeout::parse("1h").expect("a duration"),
            stop_timeout: Timeout::parse("5s").expect("a duration"),
            retries: 3,
            capacity_map: Some(capacity()),
        },
        declarations: Declarations {
            parameters: [("in".to_owned(), declared)].into(),
            is_closed: true,
        },
    }
}

fn actions() -> std::collections::BTreeMap<String, ActionOffer> {
    [("encode".to_owned(), traits().into()), ("mix".to_owned(), whole_offer())].into()
}

/// The name of a command; add a sample below for each that is new.
pub(crate) fn command_name(command: &Command) -> &'static str {
    match command {
        Command::Tick => "tick",
        Command::Submit(_) => "submit",
        Command::Cancel { .. } => "cancel",
        Command::Delete { .. } => "delete",
        Command::Bulk(bulk) => match **bulk {
            Bulk::Cancel(_) => "bulk_cancel",
            Bulk::Delete(_) => "bulk_delete",
            Bulk::Retry(_) => "bulk_retry",
        },
        Command::PauseQueue { .. } => "pause_queue",
        Command::ResumeQueue { .. } => "resume_queue",
        Command::SetCapacity { .. } => "set_capacity",
        Command::Drain { .. } => "drain",
        Command::Resume { .. } => "resume",
        Command::GiveToken { .. } => "give_token",
        Command::Register(_) => "register",
        Command::Offer(_) => "offer",
        Command::Confirm { .. } => "confirm",
        Command::Heartbeat { .. } => "heartbeat",
        Command::Claim { .. } => "claim",
        Command::AppendLines { .. } => "append_lines",
        Command::Finish { .. } => "finish",
        Command::Leave { .. } => "leave",
        Command::Expire { .. } => "expire",
        Command::PutCron(_) => "put_cron",
        Command::DeleteCron { .. } => "delete_cron",
        Command::Fire(_) => "fire",
        Command::PauseCron { .. } => "pause_cron",
        Command::ResumeCron { .. } => "resume_cron",
        Command::RunCron { .. } => "run_cron",
        Command::PutActionConfig(_) => "put_action_config",
        Command::DeleteActionConfig { .. } => "delete_action_config",
        Command::PutSettings(_) => "put_settings",
        Command::Close { .. } => "close",
        Command::ResetAdmin { .. } => "reset_admin",
        Command::Refound => "refound",
        Command::RaiseLevel { .. } => "raise_level",
        Command::CreateToken(_) => "create_token",
        Command::RevokeToken { .. } => "revoke_token",
        Command::Compact(_) => "compact",
        Command::Members(change) => match **change {
            MembersChange::Invite { .. } => "members_invite",
            MembersChange::Join { .. } => "members_join",
            MembersChange::Remove { .. } => "members_remove",
            MembersChange::Lead { .. } => "members_lead",
        },
    }
}

pub(crate) const COMMANDS: usize = 42;

pub(crate) fn commands() -> Vec<Command> {
    [of_jobs(), of_queues(), of_the_cluster(), of_life(), members::changes()].concat()
}

/// The commands of drains and of children.
fn of_life() -> Vec<Command> {
    let worker = worker_id();
    vec![
        Command::Drain { worker, limit: Some(Span::from_ms(60_000)) },
        Command::Resume { worker },
        Command::GiveToken {
            worker,
            epoch: Epoch(3),
            job: JOB,
            lease: LeaseId(7),
            hash: TokenHash([8; 32]),
        },
    ]
}

fn of_the_cluster() -> Vec<Command> {
    vec![
        Command::PutSettings(SettingsChange {
            job_history_compaction_enabled: Change::To(true),
            job_history_to_keep: Change::To(None),
            job_history_max_age: Change::Keep,
            compaction_cron: None,
        }),
        Command::Close { hash: TokenHash([4; 32]) },
        Command::ResetAdmin { hash: TokenHash([7; 32]) },
        Command::Refound,
        Command::RaiseLevel { to: Level::FIRST },
        Command::CreateToken(Box::new(NewToken {
            user: "ann".to_owned(),
            role: Role::Operator,
            hash: TokenHash([5; 32]),
            expires_at: Some(Timestamp::from_ms(1_700_000_002_000)),
            description: "deploys".to_owned(),
        })),
        Command::RevokeToken { id: TokenId::from_bytes([6; 16]) },
        Command::Compact(Box::new(Compaction {
            worker: worker_id(),
            epoch: Epoch(3),
            job: JOB,
            lease: LeaseId(7),
            by: Retention { to_keep: Some(10_000), max_age: Some(Span::from_ms(3_600_000)) },
            jobs: vec![JobId::from_bytes([1; 16]), JOB],
        })),
    ]
}

/// What is asked of many jobs at once.
fn of_queues() -> Vec<Command> {
    let retry = NewJob {
        id: JobId::from_bytes([8; 16]),
        drawn: 301,
        spec: spec(),
        scheduled_at: None,
        retries: Some(2),
        policy: policy(),
        retry_from: Some(JOB),
        parent: None,
    };
    vec![
        Command::Bulk(Box::new(Bulk::Cancel(vec![JOB, JobId::from_bytes([1; 16])]))),
        Command::Bulk(Box::new(Bulk::Delete(vec![JOB]))),
        Command::Bulk(Box::new(Bulk::Retry(vec![retry]))),
        Command::PauseQueue {
            action: "encode".to_owned(),
            by: "ann".to_owned(),
            reason: "the disk is full".to_owned(),
        },
        Command::ResumeQueue { action: "encode".to_owned() },
    ]
}

fn policy() -> Policy {
    Policy {
        priority: Priority::new(70).expect("a level"),
        unique_key: Some("nightly".to_owned()),
        expires_at: Some(Timestamp::from_ms(1_700_000_005_000)),
    }
}

fn of_jobs() -> Vec<Command> {
    let (worker, epoch, job) = (worker_id(), Epoch(3), JOB);
    let line = |stream, text: &str| Line { stream, text: text.to_owned() };
    vec![
        Command::Tick,
        Command::Submit(NewJob {
            id: job,
            drawn: 300,
            spec: spec(),
            scheduled_at: Some(Timestamp::from_ms(0)),
            retries: Some(2),
            parent: Some(Parent { job: JobId::from_bytes([9; 16]), lease: LeaseId(7) }),
            policy: Policy::default(),
            retry_from: None,
        }),
        Command::Cancel { job },
        Command::Delete { job },
        Command::SetCapacity { worker, capacity: capacity() },
        Command::Register(Registration {
            worker,
            incarnation: Incarnation(u64::MAX),
            capacity: capacity(),
            actions: [("encode".to_owned(), traits().into())].into(),
            ttl: Span::from_ms(10_000),
        }),
        Command::Offer(Box::new(Offer {
            worker,
            epoch,
            number: 3,
            capacity: capacity(),
            actions: actions(),
        })),
        Command::Confirm { worker, epoch },
        Command::Heartbeat { worker, epoch },
        Command::Claim { worker, epoch, max: 16 },
        Command::AppendLines {
            worker,
            epoch,
            job,
            lease: LeaseId(7),
            first: 5,
            lines: vec![
                line(Stream::Out, "out"),
                line(Stream::Err, ""),
                line(Stream::Note, "\u{fffd}"),
            ],
        },
        Command::Finish {
            worker,
            epoch,
            runs: vec![
                exit(ExitCause::Own),
                exit(ExitCause::Canceled),
                exit(ExitCause::Deadline),
                exit(ExitCause::Shutdown),
                exit(ExitCause::CouldNotStart("no such file".to_owned())),
                exit(ExitCause::AskedToWait(Span::from_ms(2_500))),
            ],
        },
        Command::Leave { worker, epoch },
        Command::Expire { worker, epoch, renewal: 12 },
    ]
    .into_iter()
    .chain(settings())
    .collect()
}

pub(crate) fn job() -> Job {
    let ends = [
        AttemptEnd::Exited(-3),
        AttemptEnd::Signaled(9),
        AttemptEnd::DeadlineExceeded,
        AttemptEnd::Canceled,
        AttemptEnd::CouldNotStart("why".to_owned()),
        AttemptEnd::WorkerDead,
        AttemptEnd::WorkerShutdown,
    ];
    let attempt = |(end, number): (Option<AttemptEnd>, u32)| Attempt {
        number,
        worker: worker_id(),
        epoch: Epoch(3),
        lease: LeaseId(u64::from(number) + 100),
        traits: traits(),
        started_at: Timestamp::from_ms(1_700_000_000_100),
        end: end.map(|end| (Timestamp::from_ms(1_700_000_000_200), end)),
    };
    Job {
        id: JOB,
        retry_from: JobId::from_bytes([1; 16]),
        spec: spec(),
        status: Status::Running,
        sequence: 44,
        created_at: Timestamp::from_ms(1_700_000_000_000),
        scheduled_at: Timestamp::from_ms(1_700_000_000_050),
        last_updated: Timestamp::from_ms(1_700_000_000_100),
        retries_left: 1,
        retries_total: 3,
        worker: Some(worker_id()),
        from_config: ["in".to_owned()].into(),
        left_out: [LeftOut::Deadline, LeftOut::Retries].into(),
        cron: Some(CronLink {
            id: CronId::from_bytes([2; 16]),
            tick: Some(Timestamp::from_ms(1_700_000_000_000)),
        }),
        delete_requested: true,
        cancel_requested: true,
        reclaims: 2,
        attempt_count: 8,
        attempts: ends.into_iter().map(Some).chain([None]).zip(1..).map(attempt).collect(),
        line_count: 1_000_000,
        parent: Some(JobId::from_bytes([9; 16])),
        children: Children { total: 5, left: 2, failed: 1 },
        ending: Some(Ending::Over(Status::Cancel)),
        token: Some(TokenHash([8; 32])),
        policy: policy(),
        is_expired: true,
        retried_by: Some(JobId::from_bytes([8; 16])),
    }
}

/// The parts of a checkpoint without its jobs, which stand in chunks.
pub(crate) fn parts() -> Parts {
    let worker = |status| Worker {
        id: worker_id(),
        epoch: Epoch(3),
        incarnation: Incarnation(5),
        status,
        is_confirmed: true,
        actions: actions(),
        offer_number: 3,
        capacity_declared: capacity(),
        capacity_set: Some(CapacityMap::default()),
        capacity_in_use: capacity(),
        runs: [(JOB, LeaseId(7))].into(),
        ttl: Span::from_ms(10_000),
        renewal: 12,
        heartbeat_expiration: Timestamp::from_ms(1_700_000_010_000),
        draining: Some(Draining {
            since: Timestamp::from_ms(1_700_000_000_000),
            stops_at: Some(Timestamp::from_ms(1_700_000_060_000)),
        }),
    };
    let statuses = [WorkerStatus::Running, WorkerStatus::Dead, WorkerStatus::Shutdown];
    Parts {
        now: Timestamp::from_ms(1_700_000_000_000),
        sequence: 1_000,
        last_lease: LeaseId(9),
        last_job: 77,
        due_mark: ListKey { scheduled_at: Timestamp::from_ms(1_700_000_000_000), id: JOB },
        workers: statuses.into_iter().map(worker).map(Arc::new).collect(),
        recently_ended_floor: 4,
        invitations: members::invitations(),
        removed: vec![worker_id()],
        ..Parts::default()
    }
}

/// The place of a refusal among the samples.
pub(crate) fn refusal_number(refusal: &Refusal) -> usize {
    match refusal {
        Refusal::NoSuchJob(_) => 0,
        Refusal::NoSuchWorker(_) => 1,
        Refusal::NoSuchAction(_) => 2,
        Refusal::IdTaken(_) => 3,
        Refusal::SubmitTooLate(_) => 4,
        Refusal::QueueFull { .. } => 5,
        Refusal::TooManyShapes { .. } => 6,
        Refusal::OverLimit { .. } => 7,
        Refusal::LeaseTooShort { .. } => 8,
        Refusal::StaleLease { .. } => 9,
        Refusal::StaleEpoch { .. } => 10,
        Refusal::Renewed { .. } => 11,
        Refusal::NotConfirmed(_) => 12,
        Refusal::TooManyWorkers { .. } => 13,
        Refusal::LineGap { .. } => 14,
        Refusal::TooManyLines { .. } => 15,
        Refusal::NoSuchCron(_) => 16,
        Refusal::NoSuchActionConfig(_) => 17,
        Refusal::TooManyCrons { .. } => 18,
        Refusal::TooManyActionConfigs { .. } => 19,
        Refusal::NextRunTooEarly { .. } => 20,
        Refusal::NoSuchToken(_) => 21,
        Refusal::TokenTaken(_) => 22,
        Refusal::TooManyTokens { .. } => 23,
        Refusal::LastAdmin(_) => 24,
        Refusal::TokenExpiresTooEarly { .. } => 25,
        Refusal::BadUser(_) => 26,
        Refusal::ClusterIsOpen => 27,
        Refusal::NoMoreChildren(_) => 28,
        Refusal::TooManyChildren { .. } => 29,
        Refusal::BadParameter { .. } => 30,
        Refusal::OtherRetention => 31,
        Refusal::QueueTooLarge { .. } => 32,
        Refusal::ExpiresTooEarly { .. } => 33,
        Refusal::NotOver(_) => 34,
        Refusal::TooManyPausedQueues { .. } => 35,
        Refusal::OtherTicks(_) => 36,
        Refusal::Members(no) => 37 + members::refusal_number(no),
    }
}

pub(crate) const REFUSALS: usize = 46;

pub(crate) fn refusals() -> Vec<Refusal> {
    let (job, worker) = (JOB, worker_id());
    let mut all = vec![
        Refusal::NoSuchJob(job),
        Refusal::NoSuchWorker(worker),
        Refusal::NoSuchAction("encode".to_owned()),
        Refusal::IdTaken(job),
        Refusal::SubmitTooLate(job),
        Refusal::QueueFull { limit: 500 },
        Refusal::TooManyShapes { action: "encode".to_owned(), limit: 10 },
        Refusal::OverLimit { what: "a name".into(), got: 2, limit: 1 },
        Refusal::LeaseTooShort { got: 1, limit: 500 },
        Refusal::StaleLease { job, lease: LeaseId(7) },
        Refusal::StaleEpoch { worker, epoch: Epoch(3) },
        Refusal::Renewed { worker, renewal: 12 },
        Refusal::NotConfirmed(worker),
        Refusal::TooManyWorkers { limit: 1_024 },
        Refusal::LineGap { job, expected: 5, got: 9 },
        Refusal::TooManyLines { job },
        Refusal::NoSuchCron("encode".to_owned()),
        Refusal::NoSuchActionConfig("encode".to_owned()),
        Refusal::TooManyCrons { limit: 3 },
        Refusal::TooManyActionConfigs { limit: 4 },
        Refusal::NextRunTooEarly { next_run: Timestamp::from_ms(1), anchor: Timestamp::from_ms(2) },
        Refusal::NoSuchToken(TokenId::from_bytes([6; 16])),
        Refusal::TokenTaken(TokenId::from_bytes([6; 16])),
        Refusal::TooManyTokens { limit: 5 },
        Refusal::LastAdmin(TokenId::from_bytes([6; 16])),
        Refusal::TokenExpiresTooEarly {
            expires_at: Timestamp::from_ms(1),
            now: Timestamp::from_ms(2),
        },
        Refusal::BadUser("a:b".to_owned()),
        Refusal::ClusterIsOpen,
        Refusal::NoMoreChildren(job),
        Refusal::TooManyChildren { root: job, limit: 6 },
        Refusal::BadParameter {
            action: "encode".to_owned(),
            parameter: "in".to_owned(),
            problem: "is missing".to_owned(),
        },
        Refusal::OtherRetention,
        Refusal::QueueTooLarge { limit: 268_435_456 },
        Refusal::ExpiresTooEarly {
            job,
            expires_at: Timestamp::from_ms(1),
            due_at: Timestamp::from_ms(2),
        },
        Refusal::NotOver(job),
        Refusal::TooManyPausedQueues { limit: 6 },
        Refusal::OtherTicks("encode".to_owned()),
    ];
    all.extend(members::refusals());
    all
}
