//! Who changed what.

use axum::response::Response;
use http::StatusCode;

use super::query::Query;
use super::{answer, shape, time};
use crate::api::{Api, ApiError, AuditQuery, Caller};

pub(super) async fn list(api: &Api, caller: &Caller, query: &str) -> Result<Response, ApiError> {
    let query = Query::parse(query)?;
    let user = Some(query.text("user")).filter(|user| !user.is_empty()).map(str::to_owned);
    let (start, limit) = (query.number("start")?.unwrap_or(0), query.number("limit")?);
    let since = time::parse("since", query.text("since"))?;
    let after = query.text("after").to_owned();
    let page = api.list_audit(caller, AuditQuery { user, since, after, start, limit }).await?;
    Ok(answer::json(StatusCode::OK, &shape::Audit::of(&page)))
}
