//! What only builds for tests of upgrades have: something that needs the next feature level.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use serde_json::json;

use super::{answer, status};
use crate::api::{Api, ApiError};

pub(super) fn router(api: &Arc<Api>) -> Router {
    let (asked, told) = (Arc::clone(api), Arc::clone(api));
    let count = get(|| async move { answer_of(asked.notches().await) });
    let count = count.post(|| async move { answer_of(told.notch().await) });
    Router::new().route("/api/v0/meta/notches", count)
}

fn answer_of(notches: Result<u64, ApiError>) -> Response {
    match notches {
        Ok(notches) => answer::json(StatusCode::OK, &json!({"notches": notches})),
        Err(error) => status::response(&error),
    }
}
