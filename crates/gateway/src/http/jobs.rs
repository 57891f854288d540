//! Submit, list, get, cancel and delete.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::query::Query;
use super::shape::{self, Fields};
use super::{answer, body, list};
use crate::api::{Api, ApiError, Caller, IdempotencyKey, JobView, JobsQuery, Submission};
use crate::parse;

/// By what a client tells the repetition of a submission from another one.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

pub(super) async fn list(api: &Api, query: &str) -> Result<Response, ApiError> {
    let query = Query::parse(query)?;
    let jobs = api.list_jobs(JobsQuery {
        action: query.unless_any("action"),
        worker: query.unless_any("worker"),
        is_running: parse::boolean_unless_any("running", query.text("running"))?,
        start: query.number("start")?.unwrap_or(0),
        limit: query.number("limit")?,
    });
    Ok(answer::json_bytes(StatusCode::OK, page(jobs.await?)))
}

fn page(jobs: Vec<JobView>) -> Body {
    list::body("jobs", jobs, |piece, job| serde_json::to_writer(piece, &shape::Job::of(job)))
}

pub(super) async fn submit(
    api: &Api,
    caller: &Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let key = idempotency_key(request.headers());
    let body = body::read(request).await?;
    let submission = Submission { key: key?, ..shape::submission(Fields::parse(&body)?)? };
    let job = api.submit_job(caller, submission).await?;
    Ok(answer::json(StatusCode::ACCEPTED, &shape::Job::of(&job)))
}

/// The header `Idempotency-Key`. Of two it would be unclear which is meant.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ApiError::field(IDEMPOTENCY_KEY, "one such header", "more than one"));
    }
    IdempotencyKey::parse(IDEMPOTENCY_KEY, value.as_bytes()).map(Some)
}

pub(super) async fn get(api: &Api, caller: &Caller, id: &str) -> Result<Response, ApiError> {
    let job = api.get_job(caller, parse::job_id(id)?).await?;
    Ok(answer::json(StatusCode::OK, &shape::Job::of(&job)))
}

pub(super) async fn attempts(api: &Api, caller: &Caller, id: &str) -> Result<Response, ApiError> {
    let job = api.get_job(caller, parse::job_id(id)?).await?;
    Ok(answer::json(StatusCode::OK, &shape::Attempts::of(&job)))
}

pub(super) async fn cancel(api: &Api, caller: &Caller, id: &str) -> Result<Response, ApiError> {
    api.cancel_job(caller, parse::job_id(id)?).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn delete(api: &Api, caller: &Caller, id: &str) -> Result<Response, ApiError> {
    api.delete_job(caller, parse::job_id(id)?).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use futures_util::StreamExt as _;
    use stint_core::{Job, JobId, JobSpec, Policy, Status, Timestamp};

    use super::*;
    use crate::limits;

    fn job(number: u8, bytes: usize) -> JobView {
        let id = JobId::from_bytes([number; 16]);
        let parameters = Some(BTreeMap::from([("P".to_owned(), "x".repeat(bytes))]));
        let action = "noop".to_owned();
        let job = Job {
            id,
            retry_from: id,
            spec: JobSpec {
                action,
                parameters,
                capacity_map: None,
                deadline: None,
                stop_timeout: None,
            },
            status: Status::Waiting,
            sequence: 1,
            created_at: Timestamp::ZERO,
            scheduled_at: Timestamp::ZERO,
            last_updated: Timestamp::ZERO,
            retries_left: 0,
            retries_total: 0,
            worker: None,
            delete_requested: false,
            cancel_requested: false,
            reclaims: 0,
            attempt_count: 0,
            attempts: Vec::new(),
            line_count: 0,
            policy: Policy::default(),
            is_expired: false,
            retried_by: None,
            from_config: std::collections::BTreeSet::new(),
            parent: None,
            children: stint_core::Children::default(),
            ending: None,
            token: None,
            left_out: std::collections::BTreeSet::new(),
            cron: None,
        };
        JobView::of(Arc::new(job))
    }

    async fn pieces(jobs: Vec<JobView>) -> Vec<Vec<u8>> {
        let pieces = page(jobs).into_data_stream().map(|piece| piece.unwrap().to_vec());
        pieces.collect().await
    }

    #[tokio::test]
    async fn a_small_page_is_one_piece_and_a_large_one_never_is_in_memory_as_a_whole() {
        assert_eq!(pieces(Vec::new()).await, [b"{\"jobs\":[]}"]);
        for (count, bytes, pieces_min) in
            [(1, 10, 1), (9, 10, 1), (200, 20_000, 20), (3, 70_000, 3)]
        {
            let jobs = (0..count).map(|number| job(number, bytes)).collect();
            let pieces = pieces(jobs).await;
            assert!(pieces.len() >= pieces_min, "{} pieces of {count} jobs", pieces.len());
            let longest = pieces.iter().map(Vec::len).max().unwrap();
            assert!(longest < limits::PIECE_BYTES_MIN + bytes + 1_000, "{longest} bytes");
            let json: serde_json::Value = serde_json::from_slice(&pieces.concat()).unwrap();
            assert_eq!(json["jobs"].as_array().unwrap().len(), usize::from(count));
        }
    }
}
