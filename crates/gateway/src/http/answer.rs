//! Answers: JSON, or nothing.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// What JSON is called.
pub(super) const JSON: &str = "application/json; charset=utf-8";

/// An answer with a value.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(value)
        .expect("the shapes of the API have texts for names, and writing to memory does not fail");
    json_bytes(status, bytes)
}

/// An answer with what is JSON already, whole or as it comes.
pub(super) fn json_bytes(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

/// An answer that goes on: one JSON object a line.
pub(super) fn lines(body: Body) -> Response {
    stream("application/x-ndjson", body)
}

/// An answer that goes on: events. No proxy is to hold them back or to keep them.
pub(super) fn events(body: Body) -> Response {
    stream("text/event-stream", body)
}

/// An answer that is a file of this name.
pub(super) fn file(body: Body, name: &'static str) -> Response {
    let mut response = stream("application/octet-stream", body);
    let disposition = format!("attachment; filename=\"{name}\"");
    if let Ok(value) = HeaderValue::try_from(disposition) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

fn stream(kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
