//! Submit, list, get, cancel and delete.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, StatusCode};

use super::query::Query;
use super::shape;
use super::{answer, body, time};
use crate::api::{
    Api, ApiError, BulkForm, Caller, IdempotencyKey, JobView, JobsQuery, JobsReader, Selection,
    Submission,
};
use crate::parse;

/// By what a client tells the repetition of a submission from another one.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

pub(super) async fn list(
    api: &Arc<Api>,
    caller: &Caller,
    query: &str,
) -> Result<Response, ApiError> {
    let query = Query::parse(query)?;
    let query = JobsQuery {
        selection: selection(&query)?,
        order: parse::order(query.text("order"))?,
        after: query.text("after").to_owned(),
        start: query.number("start")?.unwrap_or(0),
        limit: query.number("limit")?,
    };
    page(api.list_jobs(caller, query).await?).await
}

/// `{"jobs":[...]}`, in one piece if it is small, and else as it is read. An error in the first piece
/// is an answer; a later one can only break the answer off.
async fn page(mut reader: JobsReader) -> Result<Response, ApiError> {
    let head = b"{\"jobs\":[".to_vec();
    let (mut head, is_first) = reader.next(|jobs| put(head, jobs, true)).await?;
    if reader.is_at_end() {
        head.extend_from_slice(&end(&reader));
        return Ok(answer::json_bytes(StatusCode::OK, head));
    }
    let rest = stream::try_unfold(Some((reader, is_first)), async |left| {
        let Some((mut reader, is_first)) = left else { return Ok(None) };
        let (mut piece, is_first) =
            reader.next(move |jobs| put(Vec::new(), jobs, is_first)).await?;
        if reader.is_at_end() {
            piece.extend_from_slice(&end(&reader));
            return Ok::<_, ApiError>(Some((piece, None)));
        }
        Ok(Some((piece, Some((reader, is_first)))))
    });
    let body = Body::from_stream(stream::once(async { Ok(head) }).chain(rest));
    Ok(answer::json_bytes(StatusCode::OK, body))
}

/// What comes after the last job: a place is digits, hyphens and dots.
fn end(reader: &JobsReader) -> Vec<u8> {
    let next = reader.rest().map(|next| format!(",\"next\":\"{next}\"")).unwrap_or_default();
    format!("]{next}}}").into_bytes()
}

/// These jobs as a list is written.
pub(crate) fn list_of(jobs: &[JobView]) -> Vec<u8> {
    let (mut list, _) = put(b"[".to_vec(), jobs, true);
    list.push(b']');
    list
}

/// Adds jobs to a list that has some already, unless these are the first; and whether the next are.
fn put(mut piece: Vec<u8>, jobs: &[JobView], mut is_first: bool) -> (Vec<u8>, bool) {
    for job in jobs {
        if !std::mem::take(&mut is_first) {
            piece.push(b',');
        }
        serde_json::to_writer(&mut piece, &shape::Job::of(job)).expect(
            "the shapes of the API have texts for names, and writing to memory does not fail",
        );
    }
    (piece, is_first)
}

pub(super) fn selection(query: &Query<'_>) -> Result<Selection, ApiError> {
    let text = |name| query.text(name).to_owned();
    let instant = |name| time::parse(name, query.text(name));
    Ok(Selection {
        action: text("action"),
        worker: text("worker"),
        running: text("running"),
        status: query.texts("status").join(","),
        since: instant("since")?,
        until: instant("until")?,
        started_since: instant("startedSince")?,
        started_until: instant("startedUntil")?,
        ended_since: instant("endedSince")?,
        ended_until: instant("endedUntil")?,
        parent: text("parent"),
        cron: text("cron"),
        text: text("text"),
        priority: query.number("priority")?,
        unique_key: text("uniqueKey"),
        is_failed: query.boolean("failed")?,
    })
}

pub(super) async fn retry(
    api: &Api,
    caller: &Caller,
    id: &str,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let job = api.retry_job(caller, parse::job_id(id)?, idempotency_key(headers)?).await?;
    Ok(answer::json(StatusCode::ACCEPTED, &shape::Job::of(&job)))
}

pub(super) async fn bulk(
    api: &Api,
    caller: &Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let key = idempotency_key(request.headers());
    let form = body::form(api, caller, request, shape::bulk).await?;
    let form = BulkForm { key: key?, ..form };
    let view = api.bulk_jobs(caller, form).await?;
    Ok(answer::json(StatusCode::OK, &shape::Bulk::of(&view)))
}

pub(super) async fn submit(
    api: &Api,
    caller: &Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let key = idempotency_key(request.headers());
    let submission = body::form(api, caller, request, shape::submission).await?;
    let submission = Submission { key: key?, ..submission };
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
