//! What happens in the cluster, as it happens.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use stint_proto::v0;
use stint_proto::v0::events_server::Events;
use tonic::{Request, Response, Status};

use super::deadline::Deadline;
use super::{caller, shape};
use crate::api::{Api, Message, Topics, WatchQuery, WatchReader};

pub(super) struct Service(pub(super) Arc<Api>);

type Messages = Pin<Box<dyn Stream<Item = Result<v0::WatchResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Events for Service {
    type WatchStream = Messages;

    async fn watch(
        &self,
        request: Request<v0::WatchRequest>,
    ) -> Result<Response<Messages>, Status> {
        let deadline = request.extensions().get::<Deadline>().copied();
        let caller = caller(&request)?;
        let v0::WatchRequest { from, kinds } = request.into_inner();
        let topics = Topics::named(kinds.iter().map(String::as_str))?;
        let query = WatchQuery { from, seen: None, topics };
        let reader = self.0.watch(&caller, query).await?;
        let batches = stream::try_unfold(reader, move |reader| next(reader, deadline));
        let messages =
            batches.map_ok(|batch| stream::iter(batch).map(|message| Ok(shape::message(&message))));
        Ok(Response::new(Box::pin(messages.try_flatten())))
    }
}

/// The next messages, unless the client's deadline comes first.
async fn next(
    mut reader: WatchReader,
    deadline: Option<Deadline>,
) -> Result<Option<(Vec<Message>, WatchReader)>, Status> {
    let batch = match deadline {
        None => reader.next().await,
        Some(Deadline(at)) => match tokio::time::timeout_at(at, reader.next()).await {
            Ok(batch) => batch,
            Err(_) => return Err(Deadline::exceeded()),
        },
    };
    Ok(batch?.map(|batch| (batch, reader)))
}
