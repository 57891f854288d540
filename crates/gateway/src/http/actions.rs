//! Actions: list and get.

use axum::response::Response;
use http::StatusCode;

use super::query::Query;
use super::{answer, list, shape};
use crate::api::{Api, ApiError, Caller};

pub(super) async fn list(api: &Api, caller: &Caller, query: &str) -> Result<Response, ApiError> {
    let actions = api.list_actions(caller, Query::parse(query)?.text("after")).await?;
    let actions = list::body("actions", actions, |piece, action| {
        serde_json::to_writer(piece, &shape::Action::of(action))
    });
    Ok(answer::json_bytes(StatusCode::OK, actions))
}

pub(super) async fn get(api: &Api, caller: &Caller, name: &str) -> Result<Response, ApiError> {
    let action = api.get_action(caller, name).await?;
    Ok(answer::json(StatusCode::OK, &shape::Action::of(&action)))
}
