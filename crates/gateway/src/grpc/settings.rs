//! The settings of the cluster.

use std::sync::Arc;

use stint_proto::v0;
use stint_proto::v0::settings_server::Settings;
use tonic::{Request, Response, Status};

use super::{caller, shape};
use crate::api::{Api, SettingsForm};

pub(super) struct Service(pub(super) Arc<Api>);

#[tonic::async_trait]
impl Settings for Service {
    async fn get_settings(
        &self,
        request: Request<v0::GetSettingsRequest>,
    ) -> Result<Response<v0::ClusterSettings>, Status> {
        Ok(Response::new(shape::settings(&self.0.settings(&caller(&request)?).await?)))
    }

    async fn change_settings(
        &self,
        request: Request<v0::ChangeSettingsRequest>,
    ) -> Result<Response<v0::ClusterSettings>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let form = SettingsForm {
            compaction_enabled: request.job_history_compaction_enabled,
            to_keep: request.job_history_to_keep,
            max_age: request.job_history_max_age,
        };
        Ok(Response::new(shape::settings(&self.0.change_settings(&caller, form).await?)))
    }
}
