//! What those who watch are told, as JSON.

use serde::Serialize;

use super::super::time::Rfc3339;
use super::write::{Cron, Job, Tick, Worker};
use crate::api::{self, CronView, Subject};

/// One message. It has only those of its subjects that say something.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<Cron<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tick: Option<Tick>,
}

impl<'a> Message<'a> {
    pub(in crate::http) fn of(message: &'a api::Message) -> Self {
        let (mut job, mut worker, mut cron, mut tick) = (None, None, None, None);
        match &message.subject {
            Subject::Name => {}
            Subject::Job(view) => job = Some(Job::of(view)),
            Subject::Worker(found) => worker = Some(Worker::of(found)),
            Subject::Cron(found) => cron = Some(Cron::of(CronView::from(&**found))),
            Subject::Tick(record) => tick = Some(Tick::of(record)),
        }
        Self {
            index: message.place.index,
            number: message.place.number,
            next: message.next,
            at: Rfc3339(message.at),
            kind: message.kind,
            name: &message.name,
            job,
            worker,
            cron,
            tick,
        }
    }
}
