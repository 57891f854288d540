//! Who may call.

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;

use super::shape;
use super::{answer, body};
use crate::api::{Api, ApiError, Caller};
use crate::parse;

pub(super) async fn list(api: &Api, caller: &Caller) -> Result<Response, ApiError> {
    let tokens = api.list_tokens(caller).await?;
    Ok(answer::json(StatusCode::OK, &shape::Tokens::of(&tokens)))
}

pub(super) fn caller(caller: &Caller) -> Response {
    answer::json(StatusCode::OK, &shape::WhoCalls::of(caller.who()))
}

pub(super) async fn create(
    api: &Api,
    caller: &Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let request = body::form(api, caller, request, shape::token_request).await?;
    let (token, secret) = api.create_token(caller, request).await?;
    let mut answer = answer::json(StatusCode::CREATED, &shape::NewToken::of(&token, &secret));
    // Nobody on the way may keep it (RFC 9111, 5.2.2.5).
    let no_store = http::HeaderValue::from_static("no-store");
    answer.headers_mut().insert(http::header::CACHE_CONTROL, no_store);
    Ok(answer)
}

pub(super) async fn revoke(api: &Api, caller: &Caller, id: &str) -> Result<Response, ApiError> {
    api.revoke_token(caller, parse::token_id(id)?).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}
