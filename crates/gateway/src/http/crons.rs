//! Crons: list, put, get and delete.

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;

use super::shape::{self, Fields};
use super::{answer, body, list};
use crate::api::{Api, ApiError, Caller};

pub(super) async fn list(api: &Api) -> Result<Response, ApiError> {
    let crons = list::body("crons", api.list_crons().await?, |piece, cron| {
        serde_json::to_writer(piece, &shape::Cron::of((&**cron).into()))
    });
    Ok(answer::json_bytes(StatusCode::OK, crons))
}

pub(super) async fn put(
    api: &Api,
    caller: &Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let body = body::read(request).await?;
    let cron = api.put_cron(caller, shape::cron(Fields::parse(&body)?)?).await?;
    Ok(answer::json(StatusCode::ACCEPTED, &shape::Cron::of((&cron).into())))
}

pub(super) async fn get(api: &Api, action: &str) -> Result<Response, ApiError> {
    let cron = api.get_cron(action).await?;
    Ok(answer::json(StatusCode::OK, &shape::Cron::of((&*cron).into())))
}

pub(super) async fn delete(api: &Api, caller: &Caller, action: &str) -> Result<Response, ApiError> {
    api.delete_cron(caller, action.to_owned()).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}
