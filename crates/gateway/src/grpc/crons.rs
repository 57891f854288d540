//! Crons: list, put, get, delete, pause, resume, run; their ticks, past and to come.

use std::sync::Arc;

use stint_proto::v0;
use stint_proto::v0::crons_server::Crons;
use tonic::{Request, Response, Status};

use super::{caller, shape};
use crate::api::{Api, PreviewQuery};

pub(super) struct Service(pub(super) Arc<Api>);

#[tonic::async_trait]
impl Crons for Service {
    async fn list_crons(
        &self,
        request: Request<v0::ListCronsRequest>,
    ) -> Result<Response<v0::ListCronsResponse>, Status> {
        let crons = self.0.list_crons(&caller(&request)?, &request.get_ref().after).await?;
        let crons = crons.iter().map(|cron| shape::cron((&**cron).into()));
        let (crons, next) = shape::part(crons, |cron| &cron.action);
        Ok(Response::new(v0::ListCronsResponse { crons, next }))
    }

    async fn put_cron(
        &self,
        request: Request<v0::PutCronRequest>,
    ) -> Result<Response<v0::Cron>, Status> {
        let caller = caller(&request)?;
        let cron = self.0.put_cron(&caller, shape::cron_form(request.into_inner())?).await?;
        Ok(Response::new(shape::cron((&cron).into())))
    }

    async fn get_cron(
        &self,
        request: Request<v0::GetCronRequest>,
    ) -> Result<Response<v0::Cron>, Status> {
        let cron = self.0.get_cron(&caller(&request)?, &request.get_ref().action).await?;
        Ok(Response::new(shape::cron((&*cron).into())))
    }

    async fn delete_cron(
        &self,
        request: Request<v0::DeleteCronRequest>,
    ) -> Result<Response<v0::DeleteCronResponse>, Status> {
        let caller = caller(&request)?;
        self.0.delete_cron(&caller, request.into_inner().action).await?;
        Ok(Response::new(v0::DeleteCronResponse {}))
    }

    async fn pause_cron(
        &self,
        request: Request<v0::PauseCronRequest>,
    ) -> Result<Response<v0::Cron>, Status> {
        let caller = caller(&request)?;
        let cron = self.0.pause_cron(&caller, request.into_inner().action).await?;
        Ok(Response::new(shape::cron((&*cron).into())))
    }

    async fn resume_cron(
        &self,
        request: Request<v0::ResumeCronRequest>,
    ) -> Result<Response<v0::Cron>, Status> {
        let caller = caller(&request)?;
        let cron = self.0.resume_cron(&caller, request.into_inner().action).await?;
        Ok(Response::new(shape::cron((&*cron).into())))
    }

    async fn run_cron(
        &self,
        request: Request<v0::RunCronRequest>,
    ) -> Result<Response<v0::Job>, Status> {
        let caller = caller(&request)?;
        let view = self.0.run_cron(&caller, request.into_inner().action).await?;
        Ok(Response::new(shape::job(&view)))
    }

    async fn get_cron_history(
        &self,
        request: Request<v0::GetCronHistoryRequest>,
    ) -> Result<Response<v0::GetCronHistoryResponse>, Status> {
        let cron = self.0.get_cron(&caller(&request)?, &request.get_ref().action).await?;
        let history = cron.history.records.iter().rev().map(shape::tick).collect();
        Ok(Response::new(v0::GetCronHistoryResponse { history }))
    }

    async fn preview_schedule(
        &self,
        request: Request<v0::PreviewScheduleRequest>,
    ) -> Result<Response<v0::PreviewScheduleResponse>, Status> {
        let caller = caller(&request)?;
        let v0::PreviewScheduleRequest { action, schedule, time_zone, count } =
            request.into_inner();
        let query = PreviewQuery { action, schedule, time_zone, count };
        let ticks =
            self.0.preview(&caller, query).await?.into_iter().map(shape::timestamp).collect();
        Ok(Response::new(v0::PreviewScheduleResponse { ticks }))
    }
}
