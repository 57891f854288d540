//! The queues of actions.

use std::sync::Arc;

use stint_proto::v0;
use stint_proto::v0::queues_server::Queues;
use tonic::{Request, Response, Status};

use super::{caller, shape};
use crate::api::Api;

pub(super) struct Service(pub(super) Arc<Api>);

#[tonic::async_trait]
impl Queues for Service {
    async fn list_queues(
        &self,
        request: Request<v0::ListQueuesRequest>,
    ) -> Result<Response<v0::ListQueuesResponse>, Status> {
        let queues = self.0.list_queues(&caller(&request)?, &request.get_ref().after).await?;
        let (queues, next) = shape::part(queues.iter().map(shape::queue), |queue| &queue.action);
        Ok(Response::new(v0::ListQueuesResponse { queues, next }))
    }

    async fn pause_queue(
        &self,
        request: Request<v0::PauseQueueRequest>,
    ) -> Result<Response<v0::Queue>, Status> {
        let caller = caller(&request)?;
        let v0::PauseQueueRequest { action, reason } = request.into_inner();
        let queue = self.0.pause_queue(&caller, &action, reason).await?;
        Ok(Response::new(shape::queue(&queue)))
    }

    async fn resume_queue(
        &self,
        request: Request<v0::ResumeQueueRequest>,
    ) -> Result<Response<v0::Queue>, Status> {
        let queue = self.0.resume_queue(&caller(&request)?, &request.get_ref().action).await?;
        Ok(Response::new(shape::queue(&queue)))
    }
}
