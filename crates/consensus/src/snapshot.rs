//! A snapshot on its way: read from disk frame by frame, or received onto it.

use bytes::Bytes;
use futures_util::Stream;
use stint_proto::peer::v1 as pb;
use stint_storage::{Received, SnapshotWriter, StateStore};
use tonic::{Status, Streaming};

/// What openraft hands around as a snapshot. Neither kind is in memory.
pub(crate) enum SnapshotData {
    /// The last checkpoint and the history of this replica; opened when it is sent.
    Stored(StateStore),
    /// Received whole and checked, waiting to be installed.
    Received(Box<Received>),
}

/// The frames of this replica's snapshot, each read when the peer has room for it.
pub(crate) fn frames(
    store: StateStore,
    header: pb::SnapshotHeader,
) -> impl Stream<Item = pb::SnapshotFrame> + Send + 'static {
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        let first = pb::SnapshotFrame { header: Some(header), data: Bytes::new() };
        if sender.blocking_send(first).is_err() {
            return;
        }
        let mut reader = match store.snapshot() {
            Ok(Some(reader)) => reader,
            Ok(None) => return,
            Err(error) => return tracing::error!(%error, "the snapshot cannot be read"),
        };
        loop {
            // A stream that ends early lacks its last frame, and the receiver refuses it.
            match reader.next_frame() {
                Ok(Some(data)) => {
                    let frame = pb::SnapshotFrame { header: None, data: data.into() };
                    if sender.blocking_send(frame).is_err() {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => return tracing::error!(%error, "the snapshot cannot be read"),
            }
        }
    });
    tokio_stream::wrappers::ReceiverStream::new(receiver)
}

/// Writes the frames of a peer's snapshot beside our own state, and checks the whole.
pub(crate) async fn receive(
    store: &StateStore,
    frames: &mut Streaming<pb::SnapshotFrame>,
) -> Result<Received, Status> {
    let mut writer = blocking({
        let store = store.clone();
        move || store.receive()
    })
    .await?;
    while let Some(frame) = frames.message().await? {
        writer = blocking(move || -> Result<SnapshotWriter, stint_storage::Error> {
            writer.write_frame(&frame.data)?;
            Ok(writer)
        })
        .await?;
    }
    blocking(move || writer.finish()).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, stint_storage::Error> + Send + 'static,
) -> Result<T, Status> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Status::internal(error.to_string()))?
        .map_err(|error| Status::aborted(error.to_string()))
}
