//! What those who watch are told, as JSON.

use serde::Serialize;

use super::super::time::Rfc3339;
use super::write::{Job, Worker};
use crate::api::{self, Subject};

/// One message. It has only those of `name`, `job` and `worker` that say something.
#[derive(Serialize)]
pub(in crate::http) struct Message<'a> {
    index: u64,
    number: u32,
    next: u64,
    at: Rfc3339,
    kind: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<Job<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<Worker<'a>>,
}

impl<'a> Message<'a> {
    pub(in crate::http) fn of(message: &'a api::Message) -> Self {
        let (job, worker) = match &message.subject {
            Subject::Name => (None, None),
            Subject::Job(job) => (Some(Job::of(job)), None),
            Subject::Worker(worker) => (None, Some(Worker::of(worker))),
        };
        Self {
            index: message.place.index,
            number: message.place.number,
            next: message.next,
            at: Rfc3339(message.at),
            kind: message.kind,
            name: &message.name,
            job,
            worker,
        }
    }
}
