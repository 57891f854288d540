//! What this replica knows of its cluster, and all that the cluster keeps.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use futures_util::stream;
use http::StatusCode;

use super::{answer, shape};
use crate::api::{Api, ApiError, BackupReader, Caller};

pub(super) fn status(api: &Api) -> Response {
    answer::json(StatusCode::OK, &shape::Cluster::of(&api.cluster_status()))
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
