//! What is not part of the v0 API: whether this process lives, whether it can serve, and what it is.

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{StatusCode, header};
use serde_json::json;

use super::answer;
use super::docs::{self, API_VERSION};
use crate::VERSION;
use crate::api::Api;
use crate::metrics::CONTENT_TYPE;

/// Where the process says that it lives: answered however busy it is.
pub(crate) const ALIVE_PATH: &str = "/healthz";

/// What this replica counts, for Prometheus. Whoever may call at all may read it.
const METRICS_PATH: &str = "/metrics";

const READY_PATH: &str = "/readyz";
const VERSION_PATH: &str = "/version";

/// Whether this asks how the process is, which is answered however much else is asked.
pub(crate) fn is_probe(path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    [ALIVE_PATH, READY_PATH].contains(&path)
}

/// Whether anybody may ask this.
pub(crate) fn is_public(path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    [ALIVE_PATH, READY_PATH, VERSION_PATH, docs::PATH].contains(&path)
}

pub(super) fn router(api: &Arc<Api>) -> Router {
    let mut router = Router::new();
    for slash in ["", "/"] {
        let (api, measured) = (Arc::clone(api), Arc::clone(api));
        router = router
            .route(&format!("{METRICS_PATH}{slash}"), get(|| async move { metrics(&measured) }))
            .route(&format!("{ALIVE_PATH}{slash}"), get(|| async { "ok\n" }))
            .route(&format!("{READY_PATH}{slash}"), get(move || ready(api)))
            .route(&format!("{VERSION_PATH}{slash}"), get(|| async { version() }));
    }
    router
}

async fn ready(api: Arc<Api>) -> Response {
    match api.readiness().await {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

fn metrics(api: &Api) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], api.metrics.text()).into_response()
}

fn version() -> Response {
    answer::json(StatusCode::OK, &json!({"version": VERSION, "apiVersion": API_VERSION}))
}
