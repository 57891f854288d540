//! Who changed what: one record for each proposal of a client, refused ones too.

use stint_core::{Bulk, Command, JobId, MembersChange, Refusal, Timestamp, TokenId};
use stint_storage::Audited;

use crate::codec::{Garbled, decode_audit, encode_audit};
use crate::error::Error;
use crate::inner::Inner;
use crate::limits::{AUDIT_BYTES_MAX, AUDIT_PAGE};

/// Who asked for a change, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The user; empty in an open cluster.
    pub user: String,
    /// The token that said so.
    pub token: Option<TokenId>,
    /// The address of the client.
    pub remote: String,
    /// The id of the request, as the client and the logs know it.
    pub request_id: String,
}

/// One change, or an attempt at one that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// The entry of the log.
    pub index: u64,
    /// When the leader stamped it.
    pub at: Timestamp,
    /// Who asked for it.
    pub origin: Origin,
    /// The name of the command.
    pub operation: String,
    /// The id of what it is about; empty if it is about the cluster.
    pub object: String,
    /// Why it was not carried out, if it was not.
    pub refusal: Option<Refusal>,
}

/// Which records are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// Those of this user.
    pub user: Option<String>,
    /// Those of then and later.
    pub since: Option<Timestamp>,
    /// Those of entries before this one.
    pub before: Option<u64>,
}

/// Some of them, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditPage {
    /// As many as were asked for, unless they are large, or no more are left.
    pub records: Vec<AuditRecord>,
    /// The entry before which there may be more; `None` if there are none.
    pub rest: Option<u64>,
}

impl AuditRecord {
    /// What is known before the command is applied.
    pub(crate) fn begin(index: u64, at: Timestamp, origin: Origin, command: &Command) -> Self {
        let (operation, object) = subject(command);
        Self { index, at, origin, operation: operation.to_owned(), object, refusal: None }
    }

    pub(crate) fn store(&self) -> Audited {
        Audited { index: self.index, body: encode_audit(self) }
    }

    pub(crate) fn restore(stored: &Audited) -> Result<Self, Garbled> {
        decode_audit(stored.index, &stored.body)
    }
}

impl Inner {
    /// See [`crate::Replica::audit`].
    pub(crate) async fn audit(
        &self,
        filter: &AuditFilter,
        start: usize,
        limit: usize,
    ) -> Result<AuditPage, Error> {
        self.barrier().await?;
        let (mut left, mut bytes) = (start, 0);
        let (mut records, mut before) = (Vec::<AuditRecord>::new(), filter.before);
        let mut unwritten = self.unwritten_audit(before);
        while records.len() < limit {
            let state = self.applied.store().state.clone();
            let page = if unwritten.is_empty() {
                self.blocking(move || state.audit(before, AUDIT_PAGE)).await?
            } else {
                std::mem::take(&mut unwritten)
            };
            let Some(last) = page.last() else { return Ok(AuditPage { records, rest: None }) };
            before = Some(last.index);
            for stored in &page {
                let record = AuditRecord::restore(stored)
                    .map_err(|garbled| Error::Failed(garbled.to_string()))?;
                // Time does not go back in the log: what is older comes after.
                if filter.since.is_some_and(|since| record.at < since) {
                    return Ok(AuditPage { records, rest: None });
                }
                if filter.user.as_ref().is_some_and(|user| *user != record.origin.user) {
                    continue;
                }
                if let Some(less) = left.checked_sub(1) {
                    left = less;
                    continue;
                }
                bytes += stored.body.len();
                if let Some(shown) = records.last()
                    && (records.len() >= limit || bytes > AUDIT_BYTES_MAX)
                {
                    let rest = Some(shown.index);
                    return Ok(AuditPage { records, rest });
                }
                records.push(record);
            }
        }
        Ok(AuditPage { records, rest: before })
    }

    /// What is on its way to the disk, the newest first. It is looked for before what is there: a
    /// record is always in at least one of the places.
    fn unwritten_audit(&self, before: Option<u64>) -> Vec<Audited> {
        let view = self.applied.read();
        let newest = view.audited.iter().rev();
        newest.filter(|one| before.is_none_or(|index| one.index < index)).cloned().collect()
    }
}

/// What a command does, and to what.
fn subject(command: &Command) -> (&'static str, String) {
    match command {
        Command::Tick => ("Tick", String::new()),
        Command::Submit(new) => match new.retry_from {
            None => ("Submit", new.id.to_string()),
            Some(job) => ("Retry", job.to_string()),
        },
        Command::Cancel { job } => ("Cancel", job.to_string()),
        Command::Delete { job } => ("Delete", job.to_string()),
        Command::Bulk(bulk) => match &**bulk {
            Bulk::Cancel(jobs) => ("BulkCancel", jobs_of(jobs)),
            Bulk::Delete(jobs) => ("BulkDelete", jobs_of(jobs)),
            Bulk::Retry(jobs) => {
                let ids: Vec<_> = jobs.iter().filter_map(|new| new.retry_from).collect();
                ("BulkRetry", jobs_of(&ids))
            }
        },
        Command::PauseQueue { action, .. } => ("PauseQueue", named(action)),
        Command::ResumeQueue { action } => ("ResumeQueue", named(action)),
        Command::SetCapacity { worker, .. } => ("SetCapacity", worker.to_string()),
        Command::Drain { worker, .. } => ("Drain", worker.to_string()),
        Command::Resume { worker } => ("Resume", worker.to_string()),
        Command::GiveToken { job, .. } => ("GiveToken", job.to_string()),
        Command::Register(new) => ("Register", new.worker.to_string()),
        Command::Offer(new) => ("Offer", new.worker.to_string()),
        Command::Confirm { worker, .. } => ("Confirm", worker.to_string()),
        Command::Heartbeat { worker, .. } => ("Heartbeat", worker.to_string()),
        Command::Claim { worker, .. } => ("Claim", worker.to_string()),
        Command::AppendLines { job, .. } => ("AppendLines", job.to_string()),
        Command::Finish { worker, .. } => ("Finish", worker.to_string()),
        Command::Leave { worker, .. } => ("Leave", worker.to_string()),
        Command::Expire { worker, .. } => ("Expire", worker.to_string()),
        Command::PutCron(new) => ("PutCron", named(&new.spec.action)),
        Command::DeleteCron { action, .. } => ("DeleteCron", named(action)),
        Command::Fire(_) => ("Fire", String::new()),
        Command::PauseCron { action } => ("PauseCron", named(action)),
        Command::ResumeCron { action } => ("ResumeCron", named(action)),
        Command::RunCron { action, .. } => ("RunCron", named(action)),
        Command::PutActionConfig(config) => ("PutActionConfig", named(&config.action)),
        Command::DeleteActionConfig { action } => ("DeleteActionConfig", named(action)),
        Command::PutSettings(_) => ("PutSettings", String::new()),
        Command::Compact(step) => ("Compact", step.job.to_string()),
        Command::Close { hash } => ("Close", TokenId::of(*hash).to_string()),
        Command::ResetAdmin { hash } => ("ResetAdmin", TokenId::of(*hash).to_string()),
        Command::Refound => ("Refound", String::new()),
        Command::RaiseLevel { to } => ("RaiseLevel", to.to_string()),
        #[cfg(feature = "next-level")]
        Command::Notch => ("Notch", String::new()),
        Command::CreateToken(new) => ("CreateToken", TokenId::of(new.hash).to_string()),
        Command::RevokeToken { id } => ("RevokeToken", id.to_string()),
        Command::Members(change) => match &**change {
            MembersChange::Invite { hash, .. } => ("InviteReplica", TokenId::of(*hash).to_string()),
            MembersChange::Join { replica, .. } => ("JoinReplica", replica.to_string()),
            MembersChange::Remove { replica } => ("RemoveReplica", replica.to_string()),
            MembersChange::Lead { replica } => ("TransferLeader", replica.to_string()),
        },
    }
}

/// The ids, as many as there can be.
fn jobs_of(jobs: &[JobId]) -> String {
    let jobs = jobs.iter().take(stint_core::limits::BULK_MAX);
    jobs.map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// As much of an action's name as there can be: a client may send more.
fn named(action: &str) -> String {
    action.chars().take(stint_core::limits::NAME_BYTES_MAX).collect()
}
