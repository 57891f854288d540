//! Workers and what they have.

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;

use super::query::Query;
use super::shape;
use super::{answer, body, list};
use crate::api::{Api, ApiError, Caller};
use crate::parse;

pub(super) async fn list(api: &Api, caller: &Caller, query: &str) -> Result<Response, ApiError> {
    let workers = api.list_workers(caller, Query::parse(query)?.text("after")).await?;
    let workers = list::body("workers", workers, |piece, worker| {
        serde_json::to_writer(piece, &shape::Worker::of(worker))
    });
    Ok(answer::json_bytes(StatusCode::OK, workers))
}

pub(super) async fn set_capacity(
    api: &Api,
    caller: &Caller,
    id: &str,
    request: Request,
) -> Result<Response, ApiError> {
    let worker = parse::worker_id(id)?;
    let capacity = body::form(api, caller, request, shape::capacity).await?;
    // A map that is missing has its default like any field, and is the empty one.
    api.set_worker_capacity(caller, worker, capacity.unwrap_or_default()).await?;
    Ok(answer::empty(StatusCode::ACCEPTED))
}

pub(super) async fn drain(
    api: &Api,
    caller: &Caller,
    id: &str,
    request: Request,
) -> Result<Response, ApiError> {
    let worker = parse::worker_id(id)?;
    let limit = body::form_or_none(api, caller, request, shape::drain_limit).await?;
    api.drain_worker(caller, worker, limit).await?;
    Ok(answer::empty(StatusCode::ACCEPTED))
}

pub(super) async fn resume(api: &Api, caller: &Caller, id: &str) -> Result<Response, ApiError> {
    api.resume_worker(caller, parse::worker_id(id)?).await?;
    Ok(answer::empty(StatusCode::ACCEPTED))
}
