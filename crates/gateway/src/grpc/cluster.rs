//! What this replica knows of its cluster, who is a member, and all that the cluster keeps.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, stream};
use stint_proto::v0;
use stint_proto::v0::cluster_server::Cluster;
use tonic::{Request, Response, Status};

use super::deadline::Deadline;
use super::{caller, shape};
use crate::api::{Api, BackupReader};
use crate::limits::SAMPLE_INTERVAL;
use crate::metrics::Sample;
use crate::parse;

pub(super) struct Service(pub(super) Arc<Api>);

type Pieces = Pin<Box<dyn Stream<Item = Result<v0::BackupResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Cluster for Service {
    async fn get_cluster_status(
        &self,
        _request: Request<v0::GetClusterStatusRequest>,
    ) -> Result<Response<v0::GetClusterStatusResponse>, Status> {
        Ok(Response::new(shape::cluster(self.0.cluster_status())))
    }

    async fn get_statistics(
        &self,
        request: Request<v0::GetStatisticsRequest>,
    ) -> Result<Response<v0::GetStatisticsResponse>, Status> {
        let since = request.into_inner().since;
        let since = shape::instant("since", since)?;
        let found = self.0.statistics(since).await;
        let jobs = found.jobs.into_iter().flatten();
        Ok(Response::new(v0::GetStatisticsResponse {
            replica: found.replica.to_string(),
            interval_seconds: SAMPLE_INTERVAL.as_secs(),
            samples: found.samples.into_iter().map(sample).collect(),
            jobs: jobs.map(|(status, count)| (status.to_owned(), count)).collect(),
        }))
    }

    async fn get_diagnostics(
        &self,
        request: Request<v0::GetDiagnosticsRequest>,
    ) -> Result<Response<v0::DiagnosticsResponse>, Status> {
        let found = self.0.diagnostics(&caller(&request)?).await?;
        Ok(Response::new(shape::diagnostics(found)))
    }

    async fn invite_replica(
        &self,
        request: Request<v0::InviteReplicaRequest>,
    ) -> Result<Response<v0::InviteReplicaResponse>, Status> {
        let caller = caller(&request)?;
        let expires_in = parse::timeout("expiresIn", &request.get_ref().expires_in)?;
        let invited = self.0.invite_replica(&caller, expires_in).await?;
        Ok(Response::new(v0::InviteReplicaResponse {
            invitation: invited.invitation.reveal(),
            expires_at: Some(shape::timestamp(invited.expires_at)),
        }))
    }

    async fn remove_replica(
        &self,
        request: Request<v0::RemoveReplicaRequest>,
    ) -> Result<Response<v0::RemoveReplicaResponse>, Status> {
        let caller = caller(&request)?;
        self.0.remove_replica(&caller, parse::member_id(&request.get_ref().id)?).await?;
        Ok(Response::new(v0::RemoveReplicaResponse {}))
    }

    async fn transfer_leader(
        &self,
        request: Request<v0::TransferLeaderRequest>,
    ) -> Result<Response<v0::TransferLeaderResponse>, Status> {
        let caller = caller(&request)?;
        self.0.transfer_leader(&caller, parse::member_id(&request.get_ref().id)?).await?;
        Ok(Response::new(v0::TransferLeaderResponse {}))
    }

    type BackupStream = Pieces;

    async fn backup(
        &self,
        request: Request<v0::BackupRequest>,
    ) -> Result<Response<Pieces>, Status> {
        let deadline = request.extensions().get::<Deadline>().copied();
        let reader = self.0.backup(&caller(&request)?).await?;
        let pieces = stream::try_unfold(reader, move |reader| next(reader, deadline));
        Ok(Response::new(Box::pin(pieces)))
    }
}

fn sample(sample: Sample) -> v0::Sample {
    let ended = sample.ended.into_iter().map(|(status, count)| (status.to_owned(), count));
    v0::Sample {
        at: Some(shape::timestamp(sample.at)),
        submitted: sample.submitted,
        ended: ended.collect(),
        due: sample.due,
        running: sample.running,
        scheduled: sample.scheduled,
        oldest_due_ms: sample.oldest_due_ms,
    }
}

/// The next piece, unless the client's deadline comes first.
async fn next(
    mut reader: BackupReader,
    deadline: Option<Deadline>,
) -> Result<Option<(v0::BackupResponse, BackupReader)>, Status> {
    let piece = match deadline {
        None => reader.next().await,
        Some(Deadline(at)) => match tokio::time::timeout_at(at, reader.next()).await {
            Ok(piece) => piece,
            Err(_) => return Err(Deadline::exceeded()),
        },
    };
    Ok(piece?.map(|data| (v0::BackupResponse { data }, reader)))
}
