//! Which jobs a request is about: the filter of a list, and of what is done to many.

use std::collections::BTreeSet;

use stint_consensus::Place;
use stint_core::{CronId, Filter, Job, JobId, ListKey, Status, Timestamp};

use super::ApiError;
use crate::limits;
use crate::parse::{self, quoted};

/// A filter as it comes; empty and `any` are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) action: String,
    pub(crate) worker: String,
    pub(crate) running: String,
    /// One status, or several with commas between them.
    pub(crate) status: String,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) started_since: Option<Timestamp>,
    pub(crate) started_until: Option<Timestamp>,
    pub(crate) ended_since: Option<Timestamp>,
    pub(crate) ended_until: Option<Timestamp>,
    pub(crate) parent: String,
    pub(crate) cron: String,
    pub(crate) text: String,
    pub(crate) priority: Option<u64>,
    pub(crate) unique_key: String,
    /// Only what has failed for good.
    pub(crate) is_failed: bool,
}

impl Selection {
    /// The filter; `None` if it names a worker that cannot be, and so no jobs.
    pub(crate) fn read(self) -> Result<Option<Filter>, ApiError> {
        let worker = parse::unless_any(&self.worker).map(str::parse).transpose();
        let filter = Filter {
            action: parse::unless_any(&self.action).map(str::to_owned),
            worker: None,
            is_running: parse::boolean_unless_any("running", &self.running)?,
            statuses: statuses(&self.status)?,
            since: self.since,
            until: self.until,
            started_since: self.started_since,
            started_until: self.started_until,
            ended_since: self.ended_since,
            ended_until: self.ended_until,
            parent: parent(&self.parent)?,
            cron: cron(&self.cron)?,
            text: text(self.text)?,
            priority: self.priority.map(|level| parse::priority(Some(level))).transpose()?,
            unique_key: Some(self.unique_key).filter(|key| !key.is_empty()),
            is_failed: self.is_failed,
            created_up_to: None,
        };
        Ok(worker.ok().map(|worker| Filter { worker, ..filter }))
    }
}

fn statuses(text: &str) -> Result<BTreeSet<Status>, ApiError> {
    let Some(text) = parse::unless_any(text) else { return Ok(BTreeSet::new()) };
    let status = |name: &str| {
        // What is deleted is in no list.
        let mut all = Status::ALL.into_iter().filter(|status| *status != Status::Deleted);
        all.find(|status| status.name() == name).ok_or_else(|| {
            let expected = "statuses like waiting or error, with commas between them";
            ApiError::field("status", expected, quoted(name))
        })
    };
    text.split(',').map(status).collect()
}

fn cron(text: &str) -> Result<Option<CronId>, ApiError> {
    let Some(text) = parse::unless_any(text) else { return Ok(None) };
    let wrong = |_| ApiError::field("cron", "the id of a cron", quoted(text));
    text.parse().map(Some).map_err(wrong)
}

fn parent(text: &str) -> Result<Option<JobId>, ApiError> {
    let Some(text) = parse::unless_any(text) else { return Ok(None) };
    let wrong = |_| ApiError::field("parent", "the id of a job", quoted(text));
    text.parse().map(Some).map_err(wrong)
}

fn text(text: String) -> Result<Option<String>, ApiError> {
    if text.len() > limits::TEXT_BYTES_MAX {
        let expected = format!("a text of at most {} bytes", limits::TEXT_BYTES_MAX);
        return Err(ApiError::field("text", expected, format!("{} bytes", text.len())));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// A place in a list, as clients hand it back.
pub(crate) fn place(place: Place) -> String {
    let Some(key) = place.after else { return String::new() };
    let skip = if place.skip == 0 { String::new() } else { format!(".{}", place.skip) };
    format!("{}.{}{skip}", key.scheduled_at.as_ms(), key.id)
}

/// The place behind a job.
pub(crate) fn place_behind(job: &Job) -> String {
    place(Place { after: Some(ListKey::of(job)), skip: 0 })
}

/// The place that a client hands back; empty is the beginning.
pub(crate) fn place_of(field: &str, text: &str) -> Result<Place, ApiError> {
    if text.is_empty() {
        return Ok(Place::default());
    }
    let read = || {
        let (ms, rest) = text.split_once('.')?;
        let (id, skip) = rest.split_once('.').unwrap_or((rest, "0"));
        let (ms, id, skip): (u64, JobId, usize) =
            (ms.parse().ok()?, id.parse().ok()?, skip.parse().ok()?);
        let key = ListKey { scheduled_at: Timestamp::from_ms(ms), id };
        Some(Place { after: Some(key), skip })
    };
    let wrong = || ApiError::field(field, "the `next` of an earlier answer", quoted(text));
    read().ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_as_it_went() {
        let key = ListKey {
            scheduled_at: Timestamp::from_ms(1_700_000_000_123),
            id: JobId::from_bytes([7; 16]),
        };
        for skip in [0, 7] {
            let there = Place { after: Some(key), skip };
            assert_eq!(place_of("after", &place(there)), Ok(there));
        }
        assert_eq!(place_of("after", ""), Ok(Place::default()));
        let id = "07070707-0707-0707-0707-070707070707";
        let wrong =
            [format!("-1.{id}"), format!("1.{id}."), format!("1.{id}.x"), format!("{id}.1")];
        for text in ["1", "1.", ".", "1.2"].into_iter().chain(wrong.iter().map(String::as_str)) {
            let error = place_of("after", text).unwrap_err();
            assert_eq!(error.code(), "INVALID_PARAMETERS", "{text}");
        }
    }

    #[test]
    fn statuses_are_those_that_a_list_can_have() {
        let all = |text: &str| statuses(text).map(|found| found.len());
        assert_eq!(all("any"), Ok(0));
        assert_eq!(all(""), Ok(0));
        assert_eq!(all("error,cancel,error"), Ok(2));
        for text in ["deleted", "failed", "error,", "Error", "error, done"] {
            assert_eq!(statuses(text).unwrap_err().code(), "INVALID_PARAMETERS", "{text}");
        }
    }
}
