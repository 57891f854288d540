//! What this replica knows of its cluster.

use std::sync::Arc;

use stint_proto::v0;
use stint_proto::v0::cluster_server::Cluster;
use tonic::{Request, Response, Status};

use super::shape;
use crate::api::Api;

pub(super) struct Service(pub(super) Arc<Api>);

#[tonic::async_trait]
impl Cluster for Service {
    async fn get_cluster_status(
        &self,
        _request: Request<v0::GetClusterStatusRequest>,
    ) -> Result<Response<v0::GetClusterStatusResponse>, Status> {
        Ok(Response::new(shape::cluster(self.0.cluster_status())))
    }
}
