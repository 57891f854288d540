//! What this replica knows of its cluster, and who is a member.

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;

use super::shape::{self, Fields};
use super::{answer, body};
use crate::api::{Api, ApiError, Caller};
use crate::parse;

pub(super) fn status(api: &Api) -> Response {
    answer::json(StatusCode::OK, &shape::Cluster::of(&api.cluster_status()))
}

pub(super) async fn invite(
    api: &Api,
    caller: &Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let body = body::read(request).await?;
    let expires_in = shape::invitation_time(Fields::parse_or_none(&body)?)?;
    let invited = api.invite_replica(caller, expires_in).await?;
    let mut answer = answer::json(StatusCode::CREATED, &shape::Invited::of(&invited));
    // Nobody on the way may keep it (RFC 9111, 5.2.2.5).
    let no_store = http::HeaderValue::from_static("no-store");
    answer.headers_mut().insert(http::header::CACHE_CONTROL, no_store);
    Ok(answer)
}

pub(super) async fn remove(api: &Api, caller: &Caller, id: &str) -> Result<Response, ApiError> {
    api.remove_replica(caller, parse::member_id(id)?).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn lead(api: &Api, caller: &Caller, id: &str) -> Result<Response, ApiError> {
    api.transfer_leader(caller, parse::member_id(id)?).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}
