//! What this replica knows of its cluster, and all that the cluster keeps.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, stream};
use stint_proto::v0;
use stint_proto::v0::cluster_server::Cluster;
use tonic::{Request, Response, Status};

use super::deadline::Deadline;
use super::{caller, shape};
use crate::api::{Api, BackupReader};

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
