//! What a simulation has come by: it proves nothing about paths that it never took.

use std::collections::BTreeSet;

use stint_core::{
    AttemptEnd, Command, Event, ExitCause, Fate, Job, MembersRefusal, Outcome, Refusal, Reply,
    Status, WaitReason,
};

use super::table;

#[derive(Debug, Default)]
pub(crate) struct Coverage {
    rows: BTreeSet<(Status, Status)>,
    words: BTreeSet<&'static str>,
    /// How much time has passed in the log.
    pub(crate) log_ms: u64,
}

/// As many attempts as take a worker that is stopped again and again.
const DOZENS: usize = 64;

/// Refusals that take more jobs, workers or lines than a simulation has; `bounds.rs` has them.
const REFUSED_IN_BOUNDS: [&str; 10] = [
    "TooManyInvitations",
    "TooManyChildren",
    "TooManyPausedQueues",
    "QueueFull",
    "QueueTooLarge",
    "TooManyShapes",
    "TooManyWorkers",
    "TooManyCrons",
    "TooManyActionConfigs",
    "TooManyTokens",
];

const REFUSALS: [&str; 36] = [
    "NoSuchInvitation",
    "InvitationExpired",
    "InvitationTaken",
    "InvitationTime",
    "OtherInvitation",
    "ReplicaRemoved",
    "TooOld",
    "JoinsMeanwhile",
    "NoMoreChildren",
    "ExpiresTooEarly",
    "NotOver",
    "NoSuchJob",
    "NoSuchWorker",
    "NoSuchAction",
    "BadParameter",
    "IdTaken",
    "SubmitTooLate",
    "OverLimit",
    "LeaseTooShort",
    "StaleLease",
    "StaleEpoch",
    "Renewed",
    "NotConfirmed",
    "LineGap",
    "TooManyLines",
    "NoSuchCron",
    "OtherTicks",
    "NoSuchActionConfig",
    "NextRunTooEarly",
    "NoSuchToken",
    "TokenTaken",
    "LastAdmin",
    "TokenExpiresTooEarly",
    "BadUser",
    "ClusterIsOpen",
    "OtherRetention",
];

const REPLIES: [&str; 8] = [
    "Ok",
    "Submitted",
    "SubmittedBefore",
    "Registered",
    "Claimed",
    "LinesAppended",
    "Finished",
    "Bulk",
];

const EVENTS: [&str; 24] = [
    "+AwaitsChildren",
    "+Retried",
    "+QueuePaused",
    "+QueueResumed",
    "+Submitted",
    "+Due",
    "+Claimed",
    "+CancelRequested",
    "+WorkerLost",
    "+WorkerReturned",
    "+Resurrected",
    "+Ended",
    "+Deleted",
    "+Compacted",
    "+LinesAppended",
    "+WorkerChanged",
    "+CronChanged",
    "+CronDeleted",
    "+CronTicked",
    "+ActionConfigChanged",
    "+ActionConfigDeleted",
    "+SettingsChanged",
    "+TokenCreated",
    "+TokenRevoked",
];

const ENDS: [&str; 7] = [
    "=Exited",
    "=Signaled",
    "=DeadlineExceeded",
    "=Canceled",
    "=CouldNotStart",
    "=WorkerDead",
    "=WorkerShutdown",
];

const WAITS: [&str; 7] = [
    "?Paused",
    "?NotDue",
    "?NoWorkerOffers",
    "?NoWorkerHas",
    "?CapacityInUse",
    "?Draining",
    "?Soon",
];

/// Reasons of skipped ticks that a simulation has jobs and parameters enough for.
const SKIPS: [&str; 7] =
    ["missed", "paused", "too_many", "overlap", "no_such_action", "replaced", "deleted"];

/// Paths that no other word names.
const PATHS: [&str; 23] = [
    "a parent ended with its last child",
    "a parent failed by a child",
    "a parent was canceled with its last child",
    "a parent without a worker waited for a canceled child",
    "a child with children ended",
    "a child was retried",
    "expired",
    "a reclaimed job expired",
    "was the job of its key already",
    "failed and kept its key",
    "failed by its reclaims",
    "abandoned",
    "retried",
    "refused while something became due",
    "had dozens of attempts",
    "its retry was asked to wait",
    "had a parameter of a config",
    "had all that its action has for it",
    "had a parameter that a config has as well",
    "put the same cron again",
    "a tick became a job",
    "a firing was void",
    "put the cron of the compaction",
];

impl Coverage {
    pub(crate) fn add(&mut self, other: &Self) {
        self.rows.extend(&other.rows);
        self.words.extend(&other.words);
        self.log_ms += other.log_ms;
    }

    pub(crate) fn see_rows(&mut self, rows: &BTreeSet<(Status, Status)>) {
        self.rows.extend(rows);
    }

    pub(crate) fn see_wait(&mut self, reason: &WaitReason) {
        self.words.insert(match reason {
            WaitReason::NotDue(_) => "?NotDue",
            WaitReason::Paused(_) => "?Paused",
            WaitReason::NoWorkerOffers(_) => "?NoWorkerOffers",
            WaitReason::NoWorkerHas(_) => "?NoWorkerHas",
            WaitReason::CapacityInUse { .. } => "?CapacityInUse",
            WaitReason::Draining(_) => "?Draining",
            WaitReason::Soon => "?Soon",
        });
    }

    /// What became of commands that may change nothing, or a cron as well.
    fn see_crons(&mut self, command: &Command, outcome: &Outcome) {
        let is_change = |event: &Event| matches!(event, Event::CronChanged(_));
        if let (Command::PutCron(_), Ok(_)) = (command, &outcome.reply)
            && !outcome.events.iter().any(is_change)
        {
            self.words.insert("put the same cron again");
        }
        let is_tick = |event: &Event| matches!(event, Event::CronTicked(_));
        if let (Command::Fire(_), Ok(_)) = (command, &outcome.reply)
            && !outcome.events.iter().any(is_tick)
        {
            self.words.insert("a firing was void");
        }
        if let (Command::PutSettings(_), true) = (command, outcome.events.iter().any(is_change)) {
            self.words.insert("put the cron of the compaction");
        }
    }

    pub(crate) fn see(&mut self, command: &Command, outcome: &Outcome) {
        match &outcome.reply {
            Ok(reply) => self.see_reply(reply),
            Err(refusal) => {
                self.words.insert(refusal_word(refusal));
                if !outcome.events.is_empty() {
                    self.words.insert("refused while something became due");
                }
            }
        }
        self.see_crons(command, outcome);
        self.see_twin(command, outcome);
        for event in &outcome.events {
            self.words.insert(event_word(event));
            match event {
                Event::Ended(job) => self.see_end(command, job),
                Event::CronTicked(ticked) => {
                    self.words.insert(match ticked.record.fate {
                        Fate::Fired(_) => "a tick became a job",
                        Fate::Skipped(skip) => skip.reason.name(),
                    });
                }
                Event::AwaitsChildren(job) if !job.status.is_running() => {
                    self.words.insert("a parent without a worker waited for a canceled child");
                }
                Event::Submitted(job) if job.retry_from != job.id => {
                    self.words.insert("retried");
                    if job.parent.is_some() {
                        self.words.insert("a child was retried");
                    }
                }
                Event::Submitted(job) if !job.from_config.is_empty() => {
                    if job.left_out.len() == 4 {
                        self.words.insert("had all that its action has for it");
                    }
                    self.words.insert("had a parameter of a config");
                    if job.spec.parameters.as_ref().is_some_and(|all| {
                        all.get("a").is_some_and(|value| value == "b") && all.contains_key("c")
                    }) {
                        self.words.insert("had a parameter that a config has as well");
                    }
                }
                Event::Claimed(job) if job.attempts.len() > DOZENS => {
                    self.words.insert("had dozens of attempts");
                }
                _ => {}
            }
        }
    }

    fn see_end(&mut self, command: &Command, job: &Job) {
        if let Some((_, end)) = job.attempts.last().and_then(|run| run.end.as_ref()) {
            self.words.insert(end_word(end));
        }
        if job.parent.is_some() && job.children.total > 0 {
            self.words.insert("a child with children ended");
        }
        self.see_policy(job);
        let is_lost = !matches!(command, Command::Finish { .. });
        if let Command::Finish { runs, .. } = command
            && runs
                .iter()
                .any(|run| run.job == job.id && matches!(run.exit.cause, ExitCause::AskedToWait(_)))
            && job.retried_by.is_some()
        {
            self.words.insert("its retry was asked to wait");
        }
        match job.status {
            Status::Error if is_lost => self.words.insert("failed by its reclaims"),
            Status::WorkerDead => self.words.insert("abandoned"),
            Status::Done if job.children.total > 0 => {
                self.words.insert("a parent ended with its last child")
            }
            Status::Error if job.children.failed > 0 => {
                self.words.insert("a parent failed by a child")
            }
            Status::Cancel if job.children.total > 0 => {
                self.words.insert("a parent was canceled with its last child")
            }
            _ => false,
        };
    }

    fn see_policy(&mut self, job: &Job) {
        if job.is_expired {
            self.words.insert("expired");
        }
        if job.is_expired && !job.attempts.is_empty() {
            self.words.insert("a reclaimed job expired");
        }
        if job.retried_by.is_some() && job.policy.unique_key.is_some() {
            self.words.insert("failed and kept its key");
        }
    }

    fn see_twin(&mut self, command: &Command, outcome: &Outcome) {
        if let (Command::Submit(new), Ok(Reply::Submitted(job))) = (command, &outcome.reply)
            && new.id != job.id
        {
            self.words.insert("was the job of its key already");
        }
    }

    fn see_reply(&mut self, reply: &Reply) {
        self.words.insert(match reply {
            Reply::Ok => "Ok",
            Reply::Submitted(_) => "Submitted",
            Reply::SubmittedBefore(_) => "SubmittedBefore",
            Reply::Registered { .. } => "Registered",
            Reply::Claimed { .. } => "Claimed",
            Reply::LinesAppended { .. } => "LinesAppended",
            Reply::Finished(_) => "Finished",
            Reply::Bulk(_) => "Bulk",
        });
        if let Reply::Finished(answers) = reply {
            self.words.extend(answers.iter().filter_map(|a| a.as_ref().err()).map(refusal_word));
        }
        if let Reply::Bulk(answers) = reply {
            self.words.extend(answers.iter().filter_map(|a| a.as_ref().err()).map(refusal_word));
        }
    }

    /// What was never come by.
    pub(crate) fn missing(&self) -> Vec<String> {
        let rows = table::ROWS.iter().filter(|(from, to, _)| !self.rows.contains(&(*from, *to)));
        let rows = rows.map(|(from, to, by)| format!("{from} to {to} by {by}"));
        let words = [&REFUSALS[..], &REPLIES, &EVENTS, &ENDS, &WAITS, &SKIPS, &PATHS].concat();
        let words = words.into_iter().filter(|word| !self.words.contains(word));
        rows.chain(words.map(str::to_owned)).collect()
    }

    /// What came by though it is listed as too large for a simulation.
    pub(crate) fn surprises(&self) -> Vec<&'static str> {
        REFUSED_IN_BOUNDS.into_iter().filter(|word| self.words.contains(word)).collect()
    }
}

fn refusal_word(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NoSuchJob(_) => "NoSuchJob",
        Refusal::NoSuchWorker(_) => "NoSuchWorker",
        Refusal::NoSuchAction(_) => "NoSuchAction",
        Refusal::BadParameter { .. } => "BadParameter",
        Refusal::IdTaken(_) => "IdTaken",
        Refusal::SubmitTooLate(_) => "SubmitTooLate",
        Refusal::QueueFull { .. } => "QueueFull",
        Refusal::QueueTooLarge { .. } => "QueueTooLarge",
        Refusal::TooManyShapes { .. } => "TooManyShapes",
        Refusal::OverLimit { .. } => "OverLimit",
        Refusal::LeaseTooShort { .. } => "LeaseTooShort",
        Refusal::StaleLease { .. } => "StaleLease",
        Refusal::StaleEpoch { .. } => "StaleEpoch",
        Refusal::Renewed { .. } => "Renewed",
        Refusal::NotConfirmed(_) => "NotConfirmed",
        Refusal::TooManyWorkers { .. } => "TooManyWorkers",
        Refusal::LineGap { .. } => "LineGap",
        Refusal::TooManyLines { .. } => "TooManyLines",
        Refusal::NoSuchCron(_) => "NoSuchCron",
        Refusal::OtherTicks(_) => "OtherTicks",
        Refusal::NoSuchActionConfig(_) => "NoSuchActionConfig",
        Refusal::TooManyCrons { .. } => "TooManyCrons",
        Refusal::TooManyActionConfigs { .. } => "TooManyActionConfigs",
        Refusal::NextRunTooEarly { .. } => "NextRunTooEarly",
        Refusal::NoSuchToken(_) => "NoSuchToken",
        Refusal::TokenTaken(_) => "TokenTaken",
        Refusal::TooManyTokens { .. } => "TooManyTokens",
        Refusal::LastAdmin(_) => "LastAdmin",
        Refusal::TokenExpiresTooEarly { .. } => "TokenExpiresTooEarly",
        Refusal::BadUser(_) => "BadUser",
        Refusal::ClusterIsOpen => "ClusterIsOpen",
        Refusal::Members(MembersRefusal::NoSuchInvitation) => "NoSuchInvitation",
        Refusal::Members(MembersRefusal::InvitationExpired(_)) => "InvitationExpired",
        Refusal::Members(MembersRefusal::InvitationTaken(_)) => "InvitationTaken",
        Refusal::Members(MembersRefusal::InvitationTime) => "InvitationTime",
        Refusal::Members(MembersRefusal::OtherInvitation) => "OtherInvitation",
        Refusal::Members(MembersRefusal::TooManyInvitations { .. }) => "TooManyInvitations",
        Refusal::Members(MembersRefusal::ReplicaRemoved(_)) => "ReplicaRemoved",
        Refusal::Members(MembersRefusal::TooOld { .. }) => "TooOld",
        Refusal::Members(MembersRefusal::JoinsMeanwhile { .. }) => "JoinsMeanwhile",
        Refusal::NoMoreChildren(_) => "NoMoreChildren",
        Refusal::TooManyChildren { .. } => "TooManyChildren",
        Refusal::OtherRetention => "OtherRetention",
        Refusal::ExpiresTooEarly { .. } => "ExpiresTooEarly",
        Refusal::NotOver(_) => "NotOver",
        Refusal::TooManyPausedQueues { .. } => "TooManyPausedQueues",
    }
}

fn event_word(event: &Event) -> &'static str {
    match event {
        Event::Submitted(_) => "+Submitted",
        Event::Due(_) => "+Due",
        Event::Claimed(_) => "+Claimed",
        Event::CancelRequested(_) => "+CancelRequested",
        Event::WorkerLost(_) => "+WorkerLost",
        Event::WorkerReturned(_) => "+WorkerReturned",
        Event::Resurrected(_) => "+Resurrected",
        Event::AwaitsChildren(_) => "+AwaitsChildren",
        Event::Ended(_) => "+Ended",
        Event::Deleted(_) => "+Deleted",
        Event::Compacted(_) => "+Compacted",
        Event::Retried { .. } => "+Retried",
        Event::QueuePaused(_) => "+QueuePaused",
        Event::QueueResumed(_) => "+QueueResumed",
        Event::LinesAppended { .. } => "+LinesAppended",
        Event::WorkerChanged(_) => "+WorkerChanged",
        Event::CronChanged(_) => "+CronChanged",
        Event::CronDeleted(_) => "+CronDeleted",
        Event::CronTicked(_) => "+CronTicked",
        Event::ActionConfigChanged(_) => "+ActionConfigChanged",
        Event::ActionConfigDeleted(_) => "+ActionConfigDeleted",
        Event::SettingsChanged(_) => "+SettingsChanged",
        Event::TokenCreated(_) => "+TokenCreated",
        Event::TokenRevoked(_) => "+TokenRevoked",
    }
}

fn end_word(end: &AttemptEnd) -> &'static str {
    match end {
        AttemptEnd::Exited(_) => "=Exited",
        AttemptEnd::Signaled(_) => "=Signaled",
        AttemptEnd::DeadlineExceeded => "=DeadlineExceeded",
        AttemptEnd::Canceled => "=Canceled",
        AttemptEnd::CouldNotStart(_) => "=CouldNotStart",
        AttemptEnd::WorkerDead => "=WorkerDead",
        AttemptEnd::WorkerShutdown => "=WorkerShutdown",
    }
}
