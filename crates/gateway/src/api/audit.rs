//! Who changed what.

use stint_consensus::{AuditFilter, AuditPage, AuditRecord};
use stint_core::{Command, Refusal, Reply, Timestamp};

use super::jobs::page_limit;
use super::{Api, ApiError, Caller};
use crate::limits;
use crate::parse::quoted;

/// The result of a change that was carried out.
const CARRIED_OUT: &str = "OK";

/// Which records a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AuditQuery {
    /// Only what this user has changed.
    pub(crate) user: Option<String>,
    /// Only what was changed then or later.
    pub(crate) since: Option<Timestamp>,
    /// Where an earlier answer says to go on; empty is the beginning.
    pub(crate) after: String,
    /// So many are left out first.
    pub(crate) start: u64,
    /// How many are shown, as in a list of jobs.
    pub(crate) limit: Option<u64>,
}

impl Api {
    /// What clients have changed, the newest first.
    pub(crate) async fn list_audit(
        &self,
        caller: &Caller,
        query: AuditQuery,
    ) -> Result<AuditPage, ApiError> {
        if query.start > limits::START_MAX {
            let expected = format!("an integer of at most {}", limits::START_MAX);
            return Err(ApiError::field("start", expected, query.start.to_string()));
        }
        let start = usize::try_from(query.start).unwrap_or(usize::MAX);
        let limit = page_limit(query.limit);
        let before = Some(query.after.as_str()).filter(|after| !after.is_empty());
        let wrong =
            |after| ApiError::field("after", "the `next` of an earlier answer", quoted(after));
        let before = before.map(|after| after.parse().map_err(|_| wrong(after))).transpose()?;
        let filter = AuditFilter { user: query.user, since: query.since, before };
        let _turn = self.turn_to_page(caller).await?;
        let found = self.replica.audit(&filter, start, limit).await;
        found.map_err(ApiError::of_read)
    }

    /// Has a command carried out for a caller, who is written down with it.
    pub(super) async fn propose(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<Result<Reply, Refusal>, stint_consensus::Error> {
        let _turn = self.turn_to_call(caller).await?;
        self.replica.propose_for(&caller.origin(), command).await
    }
}

/// `OK`, or the code that the client was told.
pub(crate) fn result(record: &AuditRecord) -> &'static str {
    record.refusal.clone().map_or(CARRIED_OUT, |refusal| ApiError::from(refusal).code())
}
