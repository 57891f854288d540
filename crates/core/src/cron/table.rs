//! All crons: by action, and in the order in which they are due.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Cron;
use crate::time::Timestamp;

/// An idle cron costs nothing here: only the first that is due is ever looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Crons {
    by_action: BTreeMap<String, Arc<Cron>>,
    /// When each is due that is not paused and has a next tick, and its action.
    due: BTreeSet<(Timestamp, String)>,
    bytes: u64,
}

impl Crons {
    pub(crate) fn get(&self, action: &str) -> Option<&Arc<Cron>> {
        self.by_action.get(action)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_action.len()
    }

    pub(crate) fn values(&self) -> impl ExactSizeIterator<Item = &Arc<Cron>> {
        self.by_action.values()
    }

    /// Bytes that clients have written in all crons.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes the place of the former cron of the action, and gives that one back.
    pub(crate) fn put(&mut self, cron: Arc<Cron>) -> Option<Arc<Cron>> {
        let action = cron.spec.action.clone();
        let former = self.remove(&action);
        self.bytes = self.bytes.saturating_add(cron.bytes());
        if let Some(due) = cron.due() {
            self.due.insert((due, action.clone()));
        }
        self.by_action.insert(action, cron);
        former
    }

    pub(crate) fn remove(&mut self, action: &str) -> Option<Arc<Cron>> {
        let cron = self.by_action.remove(action)?;
        self.bytes = self.bytes.saturating_sub(cron.bytes());
        if let Some(due) = cron.due() {
            self.due.remove(&(due, action.to_owned()));
        }
        Some(cron)
    }

    /// Changes the ticks of a cron that exists, and nothing that its client wrote.
    pub(crate) fn change(&mut self, action: &str, f: impl FnOnce(&mut Cron)) -> Arc<Cron> {
        let cron = self.by_action.get_mut(action).expect("the cron was found before");
        let before = cron.due();
        f(Arc::make_mut(cron));
        let (cron, after) = (Arc::clone(cron), cron.due());
        if before != after {
            if let Some(due) = before {
                self.due.remove(&(due, action.to_owned()));
            }
            if let Some(due) = after {
                self.due.insert((due, action.to_owned()));
            }
        }
        cron
    }

    /// When the first is due.
    pub(crate) fn first_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Those that are due at `now`, the first first.
    pub(crate) fn due(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Cron>> {
        let is_due = move |entry: &&(Timestamp, String)| entry.0 <= now;
        self.due.iter().take_while(is_due).filter_map(|(_, action)| self.get(action))
    }

    /// Whether everything that follows from the crons is in step with them.
    pub(crate) fn is_consistent(&self) -> bool {
        let due = self.values().filter_map(|cron| Some((cron.due()?, cron.spec.action.clone())));
        let bytes = self.values().map(|cron| cron.bytes()).fold(0, u64::saturating_add);
        self.by_action.iter().all(|(action, cron)| *action == cron.spec.action)
            && self.due.iter().cloned().eq(due.collect::<BTreeSet<_>>())
            && self.bytes == bytes
    }
}
