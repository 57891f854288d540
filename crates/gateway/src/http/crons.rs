//! Crons: list, put, get, delete, pause, resume, run; their ticks, past and to come.

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;

use super::query::Query;
use super::shape;
use super::{answer, body, list};
use crate::api::{Api, ApiError, Caller, PreviewQuery};

pub(super) async fn list(api: &Api, caller: &Caller, query: &str) -> Result<Response, ApiError> {
    let crons = list::body(
        "crons",
        api.list_crons(caller, Query::parse(query)?.text("after")).await?,
        |piece, cron| serde_json::to_writer(piece, &shape::Cron::of((&**cron).into())),
    );
    Ok(answer::json_bytes(StatusCode::OK, crons))
}

pub(super) async fn put(
    api: &Api,
    caller: &Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let form = body::form(api, caller, request, shape::cron).await?;
    let cron = api.put_cron(caller, form).await?;
    Ok(answer::json(StatusCode::ACCEPTED, &shape::Cron::of((&cron).into())))
}

pub(super) async fn get(api: &Api, caller: &Caller, action: &str) -> Result<Response, ApiError> {
    let cron = api.get_cron(caller, action).await?;
    Ok(answer::json(StatusCode::OK, &shape::Cron::of((&*cron).into())))
}

pub(super) async fn delete(api: &Api, caller: &Caller, action: &str) -> Result<Response, ApiError> {
    api.delete_cron(caller, action.to_owned()).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn pause(api: &Api, caller: &Caller, action: &str) -> Result<Response, ApiError> {
    let cron = api.pause_cron(caller, action.to_owned()).await?;
    Ok(answer::json(StatusCode::ACCEPTED, &shape::Cron::of((&*cron).into())))
}

pub(super) async fn resume(api: &Api, caller: &Caller, action: &str) -> Result<Response, ApiError> {
    let cron = api.resume_cron(caller, action.to_owned()).await?;
    Ok(answer::json(StatusCode::ACCEPTED, &shape::Cron::of((&*cron).into())))
}

pub(super) async fn run(api: &Api, caller: &Caller, action: &str) -> Result<Response, ApiError> {
    let view = api.run_cron(caller, action.to_owned()).await?;
    Ok(answer::json(StatusCode::ACCEPTED, &shape::Job::of(&view)))
}

pub(super) async fn history(
    api: &Api,
    caller: &Caller,
    action: &str,
) -> Result<Response, ApiError> {
    let cron = api.get_cron(caller, action).await?;
    Ok(answer::json(StatusCode::OK, &shape::CronHistory::of(&cron)))
}

pub(super) async fn preview(api: &Api, caller: &Caller, query: &str) -> Result<Response, ApiError> {
    let query = Query::parse(query)?;
    let wanted = PreviewQuery {
        action: query.text("action").to_owned(),
        schedule: query.text("schedule").to_owned(),
        time_zone: query.text("timeZone").to_owned(),
        count: query.number("n")?,
    };
    let ticks = api.preview(caller, wanted).await?;
    Ok(answer::json(StatusCode::OK, &shape::Preview::of(&ticks)))
}
