//! The queues of actions.

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;

use super::query::Query;
use super::shape;
use super::{answer, body, list};
use crate::api::{Api, ApiError, Caller};

pub(super) async fn list(api: &Api, caller: &Caller, query: &str) -> Result<Response, ApiError> {
    let queues = api.list_queues(caller, Query::parse(query)?.text("after")).await?;
    let queues = list::body("queues", queues, |piece, queue| {
        serde_json::to_writer(piece, &shape::Queue::of(queue))
    });
    Ok(answer::json_bytes(StatusCode::OK, queues))
}

pub(super) async fn pause(
    api: &Api,
    caller: &Caller,
    action: &str,
    request: Request,
) -> Result<Response, ApiError> {
    let reason = body::form_or_none(api, caller, request, shape::pause_reason).await?;
    let queue = api.pause_queue(caller, action, reason).await?;
    Ok(answer::json(StatusCode::OK, &shape::Queue::of(&queue)))
}

pub(super) async fn resume(api: &Api, caller: &Caller, action: &str) -> Result<Response, ApiError> {
    let queue = api.resume_queue(caller, action).await?;
    Ok(answer::json(StatusCode::OK, &shape::Queue::of(&queue)))
}
