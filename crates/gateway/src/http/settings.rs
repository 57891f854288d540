//! The settings of the cluster.

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;

use super::shape;
use super::{answer, body};
use crate::api::{Api, ApiError, Caller};

pub(super) async fn get(api: &Api, caller: &Caller) -> Result<Response, ApiError> {
    let settings = api.settings(caller).await?;
    Ok(answer::json(StatusCode::OK, &shape::Settings::of(&settings)))
}

pub(super) async fn change(
    api: &Api,
    caller: &Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let form = body::form(api, caller, request, shape::settings).await?;
    let settings = api.change_settings(caller, form).await?;
    Ok(answer::json(StatusCode::ACCEPTED, &shape::Settings::of(&settings)))
}
