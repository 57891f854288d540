//! Actions: list and get.

use std::sync::Arc;

use stint_proto::v0;
use stint_proto::v0::actions_server::Actions;
use tonic::{Request, Response, Status};

use super::{caller, shape};
use crate::api::Api;

pub(super) struct Service(pub(super) Arc<Api>);

#[tonic::async_trait]
impl Actions for Service {
    async fn list_actions(
        &self,
        request: Request<v0::ListActionsRequest>,
    ) -> Result<Response<v0::ListActionsResponse>, Status> {
        let actions = self.0.list_actions(&caller(&request)?, &request.get_ref().after).await?;
        let actions = actions.into_iter().map(shape::action);
        let (actions, next) = shape::part(actions, |action| &action.name);
        Ok(Response::new(v0::ListActionsResponse { actions, next }))
    }

    async fn get_action(
        &self,
        request: Request<v0::GetActionRequest>,
    ) -> Result<Response<v0::Action>, Status> {
        let action = self.0.get_action(&caller(&request)?, &request.get_ref().action).await?;
        Ok(Response::new(shape::action(action)))
    }
}
