//! How the other members are, in their own words: each is asked with its clock, and remembered until it
//! says otherwise. So any replica can tell how all of them are, and not only the one that leads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stint_proto::peer::v1 as pb;
use stint_storage::Usage;
use tokio::time::Instant;

use crate::blocking::blocking;
use crate::inner::Inner;
use crate::limits::{CONDITION_LOOK, WARNING_BYTES_MAX, WARNINGS_MAX};
use crate::status::own_warnings;

/// How a replica is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Condition {
    /// The last entry of its log.
    pub last_log_index: u64,
    /// What is left of its disk, and what there is in all; `None` if it does not say.
    pub disk: Option<(u64, u64)>,
    /// What is wrong with it, in words.
    pub warnings: Vec<String>,
}

/// A condition, and when it was heard.
pub(crate) type Heard = (Condition, Instant);

/// This replica's own condition, and those of the others.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    own: Mutex<Condition>,
    others: Mutex<BTreeMap<u64, Heard>>,
}

impl Condition {
    pub(crate) fn new(last_log_index: u64, disk: Option<Usage>, warnings: Vec<String>) -> Self {
        let disk = disk.map(|disk| (disk.free_bytes, disk.total_bytes));
        Self { last_log_index, disk, warnings }
    }

    /// What a peer says of itself; a version that says nothing of it is no condition.
    pub(crate) fn of_wire(answer: &pb::ClockResponse) -> Option<Self> {
        let warning = |text: &String| {
            let shown = text.chars().filter(|c| !c.is_control());
            shown.take(WARNING_BYTES_MAX / 4).collect::<String>()
        };
        let disk = (answer.disk_free_bytes, answer.disk_total_bytes);
        (answer.last_log_index > 0).then(|| Self {
            last_log_index: answer.last_log_index,
            disk: Some(disk).filter(|(_, total)| *total > 0),
            warnings: answer.warnings.iter().take(WARNINGS_MAX).map(warning).collect(),
        })
    }
}

impl Conditions {
    fn known(&self) -> MutexGuard<'_, BTreeMap<u64, Heard>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, peer: u64, condition: Condition) {
        self.known().insert(peer, (condition, Instant::now()));
    }

    /// Forgets those who are no members.
    pub(crate) fn retain(&self, members: &[u64]) {
        self.known().retain(|peer, _| members.contains(peer));
    }

    pub(crate) fn of(&self, peer: u64) -> Option<Heard> {
        self.known().get(&peer).cloned()
    }

    /// What others are told of this replica, but for where its log ends.
    pub(crate) fn own(&self) -> Condition {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Looks after this replica's own condition until it stops: whoever tells it to others must not wait for
/// a disk that hangs.
pub(crate) async fn run(inner: Arc<Inner>, mut stopping: tokio::sync::watch::Receiver<bool>) {
    loop {
        let here = Arc::clone(&inner);
        let look = blocking(move || {
            let disk = here.applied.store().usage().ok();
            let mut warnings = own_warnings(&here, disk);
            warnings.truncate(WARNINGS_MAX);
            let own = Condition::new(0, disk, warnings);
            *here.conditions.own.lock().unwrap_or_else(PoisonError::into_inner) = own;
        });
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = async { drop(look.await); tokio::time::sleep(CONDITION_LOOK).await; } => {}
        }
    }
}

/// How long after it was heard last a replica counts as silent, where nobody but its clock speaks.
pub(crate) const SILENT_AFTER: Duration = Duration::from_secs(6);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_peer_says_of_itself_is_bounded_and_commands_no_terminal() {
        let said = pb::ClockResponse {
            last_log_index: 7,
            disk_free_bytes: 1,
            disk_total_bytes: 2,
            warnings: vec!["\u{1b}[2Jfull\n".repeat(10_000); 100],
            ..Default::default()
        };
        let heard = Condition::of_wire(&said).expect("a condition");
        assert_eq!((heard.last_log_index, heard.disk), (7, Some((1, 2))));
        assert_eq!(heard.warnings.len(), WARNINGS_MAX);
        assert!(heard.warnings.iter().all(|text| text.len() <= WARNING_BYTES_MAX));
        assert!(!heard.warnings.concat().contains(['\u{1b}', '\n']));
    }

    #[test]
    fn an_earlier_version_says_nothing_of_itself() {
        assert_eq!(Condition::of_wire(&pb::ClockResponse::default()), None);
    }
}
