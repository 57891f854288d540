//! What this replica knows of its cluster.

use axum::response::Response;
use http::StatusCode;

use super::{answer, shape};
use crate::api::Api;

pub(super) fn status(api: &Api) -> Response {
    answer::json(StatusCode::OK, &shape::Cluster::of(&api.cluster_status()))
}
