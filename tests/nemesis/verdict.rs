//! What has to be true of the history of a cell, once the cluster has come to rest. Each promise has a
//! checker of its own, which looks at records only and asks nobody.

mod commits;
mod kept;
mod lines;
mod reads;
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;
use stint_client::v0::WatchResponse;

use super::history::{Operation, Wish};

/// The end of a cell, as it was found.
pub(super) struct Found {
    /// What clients have asked in this cell, and were told.
    pub(super) operations: Vec<Operation>,
    /// All that was committed since the founding.
    pub(super) events: Vec<WatchResponse>,
    /// By replica, all jobs of this cell that are in lists.
    pub(super) listed: Vec<Vec<Value>>,
    /// Those of the jobs that clients know which are in no list, by id, as they are read.
    pub(super) unlisted: BTreeMap<String, Value>,
    /// By replica, the lines of some jobs.
    pub(super) lines: Vec<BTreeMap<String, Vec<(u64, String)>>>,
    /// What followers were sent.
    pub(super) followed: BTreeMap<String, Vec<(u64, String)>>,
    /// Whether jobs may end as `error`: their guardians were killed.
    pub(super) may_fail: bool,
}

/// All that is wrong.
pub(super) fn reach(found: &Found) -> Vec<String> {
    let mut wrong = Vec::new();
    commits::check(&found.events, &mut wrong);
    kept::check(found, &mut wrong);
    reads::check(found, &mut wrong);
    lines::check(found, &mut wrong);
    wrong
}

impl Found {
    /// Whether a client has wished this job to be deleted, or canceled, with whatever outcome.
    fn was_wished_away(&self, id: &str, is_deletion: bool) -> bool {
        self.operations.iter().any(|operation| match &operation.wish {
            Wish::Delete { id: of } => of == id,
            Wish::Cancel { id: of } => !is_deletion && of == id,
            Wish::Submit { .. } | Wish::Read { .. } => false,
        })
    }
}
