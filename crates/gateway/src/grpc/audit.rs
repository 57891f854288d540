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
        let v0::ListAuditRequest { start, limit, user, since } = request.into_inner();
        let query = AuditQuery {
            user: Some(user).filter(|user| !user.is_empty()),
            since: since.map(|at| shape::instant("since", at)).transpose()?,
            start: u64::from(start),
            limit: limit.map(u64::from),
        };
        let records = self.0.list_audit(&caller, query).await?;
        let records = records.into_iter().map(shape::audit).collect();
        Ok(Response::new(v0::ListAuditResponse { records }))
    }
}
