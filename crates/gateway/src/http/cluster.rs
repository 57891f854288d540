//! What this replica knows of its cluster, who is a member, and all that the cluster keeps.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::stream;
use http::StatusCode;

use super::query::Query;
use super::shape;
use super::{answer, body, time};
use crate::api::{Api, ApiError, BackupReader, Caller};
use crate::parse;

pub(super) fn status(api: &Api) -> Response {
    answer::json(StatusCode::OK, &shape::Cluster::of(&api.cluster_status()))
}

pub(super) async fn statistics(api: &Api, query: &str) -> Result<Response, ApiError> {
    let query = Query::parse(query)?;
    let since = time::parse("since", query.text("since"))?;
    let found = api.statistics(since).await;
    Ok(answer::json(StatusCode::OK, &shape::Statistics::of(&found)))
}

pub(super) async fn diagnostics(api: &Api, caller: &Caller) -> Result<Response, ApiError> {
    let found = api.diagnostics(caller).await?;
    Ok(answer::json(StatusCode::OK, &shape::Diagnosed::of(&found)))
}

/// A file. If it cannot be read to its end the connection breaks, so that no client takes it for one
/// that is whole.
pub(super) async fn backup(api: &Arc<Api>, caller: &Caller) -> Result<Response, ApiError> {
    let reader = api.backup(caller).await?;
    let pieces = stream::try_unfold(reader, async |mut reader: BackupReader| {
        Ok::<_, ApiError>(reader.next().await?.map(|piece| (piece, reader)))
    });
    Ok(answer::file(Body::from_stream(pieces), "stint.backup"))
}

pub(super) async fn invite(
    api: &Api,
    caller: &Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let expires_in = body::form_or_none(api, caller, request, shape::invitation_time).await?;
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
