//! What clients have asked and were told, with the times of both.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::http::Answer;

/// What a client wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// A job with this parameter `N`; with a key it is asked for again until it is there.
    Submit {
        number: String,
        key: Option<String>,
    },
    Cancel {
        id: String,
    },
    Delete {
        id: String,
    },
    Read {
        id: String,
    },
}

/// What became of it.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// Done, with the record that came, if any.
    Done(Value),
    /// An answer that says that nothing was changed: the status and the code.
    Refused(u16, #[expect(dead_code, reason = "shown where a check fails")] String),
    /// No answer, or one that does not know.
    Unknown(#[expect(dead_code, reason = "shown where a check fails")] String),
}

#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) wish: Wish,
    /// The address of the replica that was asked.
    #[expect(dead_code, reason = "shown where a check fails")]
    pub(super) by: String,
    pub(super) began: Instant,
    pub(super) ended: Instant,
    pub(super) outcome: Outcome,
}

/// All that the clients of one cell have done.
#[derive(Debug, Default)]
pub(super) struct History {
    operations: Mutex<Vec<Operation>>,
    /// The jobs that are known, which clients may cancel, delete and read.
    known: Mutex<Vec<String>>,
    /// The lines that a follower was sent of a job, with their numbers.
    lines: Mutex<BTreeMap<String, Vec<(u64, String)>>>,
}

impl History {
    pub(super) fn add(&self, operation: Operation) {
        if let (Wish::Submit { .. }, Outcome::Done(job)) = (&operation.wish, &operation.outcome) {
            let id = job["id"].as_str().expect("an id").to_owned();
            self.known.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        }
        self.operations.lock().unwrap_or_else(PoisonError::into_inner).push(operation);
    }

    pub(super) fn operations(&self) -> Vec<Operation> {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn known(&self) -> Vec<String> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn followed(&self, id: &str, lines: Vec<(u64, String)>) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), lines);
    }

    pub(super) fn lines(&self) -> BTreeMap<String, Vec<(u64, String)>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Outcome {
    pub(super) fn of(answer: Result<Answer, String>) -> Self {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Self::Unknown(error),
        };
        if matches!(answer.status, 200..=202) {
            return Self::Done(answer.json());
        }
        if answer.status == 204 {
            return Self::Done(Value::Null);
        }
        let Ok(json) = serde_json::from_str::<Value>(&answer.body) else {
            return Self::Unknown(format!("{answer:?}"));
        };
        // Faults of the replica itself say nothing of what they have changed.
        if json["errors"][0]["detail"]["outcome"] == "unknown" || answer.status == 500 {
            return Self::Unknown(answer.body);
        }
        Self::Refused(answer.status, answer.error_code())
    }
}

/// How many became what, and how long the slowest answer took.
pub(super) fn summary(operations: &[Operation]) -> String {
    let count = |is: fn(&Outcome) -> bool| operations.iter().filter(|one| is(&one.outcome)).count();
    let longest = operations.iter().map(|one| one.ended - one.began).max();
    format!(
        "{} ok, {} refused, {} unknown, slowest {:.1} s",
        count(|outcome| matches!(outcome, Outcome::Done(_))),
        count(|outcome| matches!(outcome, Outcome::Refused(..))),
        count(|outcome| matches!(outcome, Outcome::Unknown(_))),
        longest.unwrap_or(Duration::ZERO).as_secs_f32()
    )
}
