//! Workers and what they have.

use std::sync::Arc;

use stint_proto::v0;
use stint_proto::v0::workers_server::Workers;
use tonic::{Request, Response, Status};

use super::{caller, shape};
use crate::api::Api;
use crate::parse;

pub(super) struct Service(pub(super) Arc<Api>);

#[tonic::async_trait]
impl Workers for Service {
    async fn list_workers(
        &self,
        request: Request<v0::ListWorkersRequest>,
    ) -> Result<Response<v0::ListWorkersResponse>, Status> {
        let workers = self.0.list_workers(&caller(&request)?, &request.get_ref().after).await?;
        let workers = workers.iter().map(|worker| shape::worker(worker));
        let (workers, next) = shape::part(workers, |worker| &worker.id);
        Ok(Response::new(v0::ListWorkersResponse { workers, next }))
    }

    async fn set_worker_capacity(
        &self,
        request: Request<v0::SetWorkerCapacityRequest>,
    ) -> Result<Response<v0::SetWorkerCapacityResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let worker = parse::worker_id(&request.id)?;
        let capacity = shape::capacity(request.capacity_map)?.unwrap_or_default();
        self.0.set_worker_capacity(&caller, worker, capacity).await?;
        Ok(Response::new(v0::SetWorkerCapacityResponse {}))
    }

    async fn drain_worker(
        &self,
        request: Request<v0::DrainWorkerRequest>,
    ) -> Result<Response<v0::DrainWorkerResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let worker = parse::worker_id(&request.id)?;
        let limit = parse::timeout("limit", &request.limit)?;
        self.0.drain_worker(&caller, worker, limit).await?;
        Ok(Response::new(v0::DrainWorkerResponse {}))
    }

    async fn resume_worker(
        &self,
        request: Request<v0::ResumeWorkerRequest>,
    ) -> Result<Response<v0::ResumeWorkerResponse>, Status> {
        let caller = caller(&request)?;
        self.0.resume_worker(&caller, parse::worker_id(&request.get_ref().id)?).await?;
        Ok(Response::new(v0::ResumeWorkerResponse {}))
    }
}
