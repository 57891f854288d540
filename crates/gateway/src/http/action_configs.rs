//! Action configs: list, put, get and delete.

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;

use super::query::Query;
use super::shape;
use super::{answer, body, list};
use crate::api::{Api, ApiError, Caller};

pub(super) async fn list(api: &Api, caller: &Caller, query: &str) -> Result<Response, ApiError> {
    let configs = api.list_action_configs(caller, Query::parse(query)?.text("after")).await?;
    let configs = list::body("actionConfigs", configs, |piece, config| {
        serde_json::to_writer(piece, &shape::ActionConfig::of(config))
    });
    Ok(answer::json_bytes(StatusCode::OK, configs))
}

pub(super) async fn put(
    api: &Api,
    caller: &Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let form = body::form(api, caller, request, shape::action_config).await?;
    let config = api.put_action_config(caller, form).await?;
    Ok(answer::json(StatusCode::ACCEPTED, &shape::ActionConfig::of(&config)))
}

pub(super) async fn get(api: &Api, caller: &Caller, action: &str) -> Result<Response, ApiError> {
    let config = api.get_action_config(caller, action).await?;
    Ok(answer::json(StatusCode::OK, &shape::ActionConfig::of(&config)))
}

pub(super) async fn delete(api: &Api, caller: &Caller, action: &str) -> Result<Response, ApiError> {
    api.delete_action_config(caller, action.to_owned()).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}
