//! Who changed what.

use std::sync::Arc;

use stint_proto::v0;
use stint_proto::v0::audit_server::Audit;
use tonic::{Request, Response, Status};

use super::{caller, shape};
use crate::api::{Api, AuditQuery};

pub(super) struct Service(pub(super) Arc<Api>);

#[tonic::async_trait]
impl Audit for Service {
    async fn list_audit(
        &self,
        request: Request<v0::ListAuditRequest>,
    ) -> Result<Response<v0::ListAuditResponse>, Status> {
        let caller = caller(&request)?;
        let v0::ListAuditRequest { start, limit, user, since, after } = request.into_inner();
        let query = AuditQuery {
            user: Some(user).filter(|user| !user.is_empty()),
            since: shape::instant("since", since)?,
            after,
            start: u64::from(start),
            limit: limit.map(u64::from),
        };
        let page = self.0.list_audit(&caller, query).await?;
        let records = page.records.into_iter().map(shape::audit).collect();
        let next = page.rest.map_or_else(String::new, |rest| rest.to_string());
        Ok(Response::new(v0::ListAuditResponse { records, next }))
    }
}
