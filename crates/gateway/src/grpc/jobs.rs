//! Submit, list, get, cancel, delete, and output.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, stream};
use stint_proto::v0;
use stint_proto::v0::jobs_server::Jobs;
use tonic::{Request, Response, Status};

use super::deadline::Deadline;
use super::{caller, shape};
use crate::api::{Api, JobsQuery, LogQuery, LogReader};
use crate::parse;

pub(super) struct Service(pub(super) Arc<Api>);

type Lines = Pin<Box<dyn Stream<Item = Result<v0::GetJobLogsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Jobs for Service {
    async fn list_jobs(
        &self,
        request: Request<v0::ListJobsRequest>,
    ) -> Result<Response<v0::ListJobsResponse>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let (start, limit) = (u64::from(request.start), request.limit.map(u64::from));
        let order = parse::order(&request.order)?;
        let (selection, after) = shape::selection_of_list(request)?;
        let query = JobsQuery { selection, order, after, start, limit };
        let mut reader = self.0.list_jobs(&caller, query).await?;
        let mut page = shape::JobsPage::default();
        while !reader.is_at_end() {
            let added = move |views: &[_]| {
                let has_room = page.add(views);
                (page, has_room)
            };
            let has_room;
            (page, has_room) = reader.next(added).await?;
            if !has_room {
                return Ok(Response::new(page.cut()));
            }
        }
        Ok(Response::new(page.end(reader.rest())))
    }

    async fn submit_job(
        &self,
        request: Request<v0::SubmitJobRequest>,
    ) -> Result<Response<v0::Job>, Status> {
        let caller = caller(&request)?;
        let submission = shape::submission(request.into_inner())?;
        let job = self.0.submit_job(&caller, submission).await?;
        Ok(Response::new(shape::job(&job)))
    }

    async fn get_job(
        &self,
        request: Request<v0::GetJobRequest>,
    ) -> Result<Response<v0::Job>, Status> {
        let caller = caller(&request)?;
        let id = parse::job_id(&request.get_ref().id)?;
        let job = self.0.get_job(&caller, id).await?;
        Ok(Response::new(shape::job(&job)))
    }

    async fn delete_job(
        &self,
        request: Request<v0::DeleteJobRequest>,
    ) -> Result<Response<v0::DeleteJobResponse>, Status> {
        let caller = caller(&request)?;
        self.0.delete_job(&caller, parse::job_id(&request.get_ref().id)?).await?;
        Ok(Response::new(v0::DeleteJobResponse {}))
    }

    async fn cancel_job(
        &self,
        request: Request<v0::CancelJobRequest>,
    ) -> Result<Response<v0::CancelJobResponse>, Status> {
        let caller = caller(&request)?;
        self.0.cancel_job(&caller, parse::job_id(&request.get_ref().id)?).await?;
        Ok(Response::new(v0::CancelJobResponse {}))
    }

    async fn list_job_attempts(
        &self,
        request: Request<v0::ListJobAttemptsRequest>,
    ) -> Result<Response<v0::ListJobAttemptsResponse>, Status> {
        let caller = caller(&request)?;
        let id = parse::job_id(&request.get_ref().id)?;
        let job = self.0.get_job(&caller, id).await?;
        Ok(Response::new(shape::attempts(&job)))
    }

    async fn retry_job(
        &self,
        request: Request<v0::RetryJobRequest>,
    ) -> Result<Response<v0::Job>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        let key = shape::key(&request.idempotency_key)?;
        let job = self.0.retry_job(&caller, parse::job_id(&request.id)?, key).await?;
        Ok(Response::new(shape::job(&job)))
    }

    async fn bulk_jobs(
        &self,
        request: Request<v0::BulkJobsRequest>,
    ) -> Result<Response<v0::BulkJobsResponse>, Status> {
        let caller = caller(&request)?;
        let form = shape::bulk_form(request.into_inner())?;
        let view = self.0.bulk_jobs(&caller, form).await?;
        Ok(Response::new(shape::bulk(view)))
    }

    type GetJobLogsStream = Lines;

    async fn get_job_logs(
        &self,
        request: Request<v0::GetJobLogsRequest>,
    ) -> Result<Response<Lines>, Status> {
        let deadline = request.extensions().get::<Deadline>().copied();
        let caller = caller(&request)?;
        let request = request.into_inner();
        let id = parse::job_id(&request.id)?;
        let query =
            LogQuery { offset: request.offset, limit: request.limit, is_followed: request.stream };
        let reader = self.0.job_logs(&caller, id, query).await?;
        let lines = stream::try_unfold(reader, move |reader| next(reader, deadline));
        Ok(Response::new(Box::pin(lines)))
    }
}

/// The next lines, unless the client's deadline comes first.
async fn next(
    mut reader: LogReader,
    deadline: Option<Deadline>,
) -> Result<Option<(v0::GetJobLogsResponse, LogReader)>, Status> {
    let page = match deadline {
        None => reader.next().await,
        Some(Deadline(at)) => match tokio::time::timeout_at(at, reader.next()).await {
            Ok(page) => page,
            Err(_) => return Err(Deadline::exceeded()),
        },
    };
    Ok(page?.map(|page| (shape::lines(page), reader)))
}
