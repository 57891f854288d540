//! The calls of operators, which the fake carries out without a word.

use std::sync::Arc;

use stint_proto::v0;
use stint_proto::v0::action_configs_server::ActionConfigs;
use stint_proto::v0::crons_server::Crons;
use stint_proto::v0::settings_server::Settings;
use tonic::Request;

use super::{Reply, Service};

/// The same fake, for calls that are not about jobs.
pub(super) struct Configuration(pub(super) Arc<Service>);

#[tonic::async_trait]
impl Crons for Configuration {
    async fn list_crons(&self, _: Request<v0::ListCronsRequest>) -> Reply<v0::ListCronsResponse> {
        self.0.done("list").await
    }

    async fn put_cron(&self, _: Request<v0::PutCronRequest>) -> Reply<v0::Cron> {
        self.0.done("put").await
    }

    async fn get_cron(&self, _: Request<v0::GetCronRequest>) -> Reply<v0::Cron> {
        self.0.done("get").await
    }

    async fn delete_cron(
        &self,
        _: Request<v0::DeleteCronRequest>,
    ) -> Reply<v0::DeleteCronResponse> {
        self.0.done("delete").await
    }

    async fn pause_cron(&self, _: Request<v0::PauseCronRequest>) -> Reply<v0::Cron> {
        self.0.done("pause").await
    }

    async fn resume_cron(&self, _: Request<v0::ResumeCronRequest>) -> Reply<v0::Cron> {
        self.0.done("resume").await
    }

    async fn run_cron(&self, _: Request<v0::RunCronRequest>) -> Reply<v0::Job> {
        self.0.done("run").await
    }

    async fn get_cron_history(
        &self,
        _: Request<v0::GetCronHistoryRequest>,
    ) -> Reply<v0::GetCronHistoryResponse> {
        self.0.done("history").await
    }

    async fn preview_schedule(
        &self,
        _: Request<v0::PreviewScheduleRequest>,
    ) -> Reply<v0::PreviewScheduleResponse> {
        self.0.done("preview").await
    }
}

#[tonic::async_trait]
impl ActionConfigs for Configuration {
    async fn list_action_configs(
        &self,
        _: Request<v0::ListActionConfigsRequest>,
    ) -> Reply<v0::ListActionConfigsResponse> {
        self.0.done("list").await
    }

    async fn put_action_config(
        &self,
        _: Request<v0::PutActionConfigRequest>,
    ) -> Reply<v0::ActionConfig> {
        self.0.done("put").await
    }

    async fn get_action_config(
        &self,
        _: Request<v0::GetActionConfigRequest>,
    ) -> Reply<v0::ActionConfig> {
        self.0.done("get").await
    }

    async fn delete_action_config(
        &self,
        _: Request<v0::DeleteActionConfigRequest>,
    ) -> Reply<v0::DeleteActionConfigResponse> {
        self.0.done("delete").await
    }
}

#[tonic::async_trait]
impl Settings for Configuration {
    async fn get_settings(&self, _: Request<v0::GetSettingsRequest>) -> Reply<v0::ClusterSettings> {
        self.0.done("get").await
    }

    async fn change_settings(
        &self,
        _: Request<v0::ChangeSettingsRequest>,
    ) -> Reply<v0::ClusterSettings> {
        self.0.done("put").await
    }
}
