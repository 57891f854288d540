//! Action configs: list, put, get and delete.

use std::sync::Arc;

use stint_proto::v0;
use stint_proto::v0::action_configs_server::ActionConfigs;
use tonic::{Request, Response, Status};

use super::{caller, shape};
use crate::api::{ActionConfigForm, Api};

pub(super) struct Service(pub(super) Arc<Api>);

#[tonic::async_trait]
impl ActionConfigs for Service {
    async fn list_action_configs(
        &self,
        request: Request<v0::ListActionConfigsRequest>,
    ) -> Result<Response<v0::ListActionConfigsResponse>, Status> {
        let configs =
            self.0.list_action_configs(&caller(&request)?, &request.get_ref().after).await?;
        let configs = configs.iter().map(|config| shape::action_config(config));
        let (action_configs, next) = shape::part(configs, |config| &config.action);
        Ok(Response::new(v0::ListActionConfigsResponse { action_configs, next }))
    }

    async fn put_action_config(
        &self,
        request: Request<v0::PutActionConfigRequest>,
    ) -> Result<Response<v0::ActionConfig>, Status> {
        let caller = caller(&request)?;
        let v0::PutActionConfigRequest { action, parameters } = request.into_inner();
        let parameters = parameters.map(|map| map.entries);
        let config =
            self.0.put_action_config(&caller, ActionConfigForm { action, parameters }).await?;
        Ok(Response::new(shape::action_config(&config)))
    }

    async fn get_action_config(
        &self,
        request: Request<v0::GetActionConfigRequest>,
    ) -> Result<Response<v0::ActionConfig>, Status> {
        let config =
            self.0.get_action_config(&caller(&request)?, &request.get_ref().action).await?;
        Ok(Response::new(shape::action_config(&config)))
    }

    async fn delete_action_config(
        &self,
        request: Request<v0::DeleteActionConfigRequest>,
    ) -> Result<Response<v0::DeleteActionConfigResponse>, Status> {
        let caller = caller(&request)?;
        self.0.delete_action_config(&caller, request.into_inner().action).await?;
        Ok(Response::new(v0::DeleteActionConfigResponse {}))
    }
}
