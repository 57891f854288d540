//! The queues of actions.

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;

use super::shape::{self, Fields};
use super::{answer, body};
use crate::api::{Api, ApiError, Caller};

pub(super) async fn list(api: &Api) -> Result<Response, ApiError> {
    let queues = api.list_queues().await?;
    Ok(answer::json(StatusCode::OK, &shape::Queues::of(&queues)))
}

pub(super) async fn pause(
    api: &Api,
    caller: &Caller,
    action: &str,
    request: Request,
) -> Result<Response, ApiError> {
    let body = body::read(request).await?;
    let reason = shape::pause_reason(Fields::parse_or_none(&body)?)?;
    let queue = api.pause_queue(caller, action, reason).await?;
    Ok(answer::json(StatusCode::OK, &shape::Queue::of(&queue)))
}

pub(super) async fn resume(api: &Api, caller: &Caller, action: &str) -> Result<Response, ApiError> {
    let queue = api.resume_queue(caller, action).await?;
    Ok(answer::json(StatusCode::OK, &shape::Queue::of(&queue)))
}
