//! What happened, and what must not: entries by (term, leader, index), where they are appended and
//! where they are applied.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openraft::EntryPayload;
use tokio::time::Instant;

use crate::{Entry, LogId, Value};

/// How a run ended.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What must not happen, in the order in which it was seen.
    pub violations: Vec<Violation>,
    /// What happened, line by line.
    pub trace: Vec<String>,
    /// How many values were acknowledged.
    pub acknowledged: usize,
}

/// What must not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// One (term, leader, index) is two different entries.
    Forked(String),
    /// Two nodes have applied different entries at one index.
    Diverged(String),
    /// An acknowledged value is not where it was acknowledged, on some node.
    Lost(String),
    /// The nodes do not come to agree after all is mended.
    Stuck(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forked(text) => write!(f, "FORKED: {text}"),
            Self::Diverged(text) => write!(f, "DIVERGED: {text}"),
            Self::Lost(text) => write!(f, "LOST: {text}"),
            Self::Stuck(text) => write!(f, "STUCK: {text}"),
        }
    }
}

/// The trace of a run. Clones share it.
#[derive(Clone)]
pub(crate) struct Trace {
    began: Instant,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    outcome: Outcome,
    appended: BTreeMap<LogId, (String, u64)>,
    applied: BTreeMap<u64, (String, u64)>,
    /// What each node has applied since it was started.
    held: BTreeMap<u64, BTreeMap<u64, String>>,
    acknowledged: Vec<(LogId, Value)>,
}

/// What an entry says.
pub(crate) fn what(entry: &Entry) -> String {
    match &entry.payload {
        EntryPayload::Blank => "blank".to_owned(),
        EntryPayload::Normal(value) => value.to_string(),
        EntryPayload::Membership(_) => "the members".to_owned(),
    }
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), seen: Arc::default() }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, node: u64, text: &str) -> String {
        format!("{:>9} us  node {node}  {text}", self.began.elapsed().as_micros())
    }

    pub(crate) fn say(&self, node: u64, text: &str) {
        let line = self.line(node, text);
        self.seen().outcome.trace.push(line);
    }

    pub(crate) fn started(&self, node: u64, text: &str) {
        self.say(node, text);
        self.seen().held.insert(node, BTreeMap::new());
    }

    pub(crate) fn violation(&self, violation: Violation) {
        let line = format!("{:>9} us  {violation}", self.began.elapsed().as_micros());
        let mut seen = self.seen();
        seen.outcome.trace.push(line);
        seen.outcome.violations.push(violation);
    }

    pub(crate) fn appended(&self, node: u64, entry: &Entry) {
        let (id, what) = (entry.log_id, what(entry));
        self.say(node, &format!("appends {id} {what}"));
        let former = match self.seen().appended.entry(id) {
            Slot::Vacant(slot) => {
                slot.insert((what.clone(), node));
                return;
            }
            Slot::Occupied(slot) => slot.get().clone(),
        };
        if former.0 != what {
            let (other, at) = former;
            let text = format!("{id} is {other} on node {at}, and {what} on node {node}");
            self.violation(Violation::Forked(text));
        }
    }

    pub(crate) fn applied(&self, node: u64, entry: &Entry) {
        let index = entry.log_id.index;
        let what = format!("{} {}", entry.log_id, what(entry));
        self.say(node, &format!("applies {what}"));
        let former = {
            let mut seen = self.seen();
            seen.held.entry(node).or_default().insert(index, what.clone());
            seen.applied.entry(index).or_insert_with(|| (what.clone(), node)).clone()
        };
        if former.0 != what {
            let (other, at) = former;
            let text = format!("node {at} has applied {other}, and node {node} {what}");
            self.violation(Violation::Diverged(text));
        }
    }

    pub(crate) fn acknowledged(&self, node: u64, id: LogId, value: Value) {
        self.say(node, &format!("has acknowledged {id} {value}"));
        let mut seen = self.seen();
        seen.outcome.acknowledged += 1;
        seen.acknowledged.push((id, value));
    }

    /// Whether this node has applied this entry since it was started.
    pub(crate) fn has_applied(&self, node: u64, id: LogId) -> bool {
        self.seen().held.get(&node).is_some_and(|held| held.contains_key(&id.index))
    }

    /// Looks for what was acknowledged, on each node.
    pub(crate) fn judge(&self) {
        let mut lost = Vec::new();
        {
            let seen = self.seen();
            for (node, held) in &seen.held {
                for (id, value) in &seen.acknowledged {
                    let found = held.get(&id.index).map_or("nothing", String::as_str);
                    if found != format!("{id} {value}") {
                        lost.push(format!(
                            "{id} {value} was acknowledged; node {node} has {found}"
                        ));
                    }
                }
            }
        }
        for text in lost {
            self.violation(Violation::Lost(text));
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        self.seen().outcome.clone()
    }
}
