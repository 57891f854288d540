//! Checkpoints, written beside the one who applies.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use openraft::RaftSnapshotBuilder;
use openraft::type_config::alias::{SnapshotMetaOf, SnapshotOf};
use stint_failpoint::failpoint;

use super::Applied;
use crate::blocking::blocking;
use crate::codec::{decode_header, encode_chunks, encode_header};
use crate::snapshot::SnapshotData;
use crate::types::{
    Types, log_id_of, log_id_to_wire, stored_membership_of, stored_membership_to_wire,
};

/// The last checkpoint, as a snapshot.
pub(super) fn current(
    applied: &Applied,
) -> Result<Option<SnapshotOf<Types, SnapshotData>>, io::Error> {
    let header = applied.store.state.checkpoint();
    let Some(header) = header.map_err(|error| applied.fail("the checkpoint", &error))? else {
        return Ok(None);
    };
    let (_, last, membership) = decode_header(&header.header)?;
    let meta = SnapshotMetaOf::<Types> {
        last_log_id: last.as_ref().map(log_id_of),
        last_membership: stored_membership_of(membership)?,
    };
    let snapshot = SnapshotData::Stored(applied.store.state.clone());
    Ok(Some(SnapshotOf::<Types, SnapshotData> { meta, snapshot }))
}

/// Writes checkpoints, beside the one who applies.
pub(crate) struct Checkpointer(pub(super) Arc<Applied>);

impl RaftSnapshotBuilder<Types> for Checkpointer {
    type SnapshotData = SnapshotData;

    async fn build_snapshot(&mut self) -> Result<SnapshotOf<Types, SnapshotData>, io::Error> {
        let applied = Arc::clone(&self.0);
        let build = blocking(move || {
            failpoint!("consensus::checkpoint::build")?;
            let _alone = applied.checkpointing();
            let (parts, last, membership, bytes) = {
                let _whole = applied.insist("history", || applied.written())?;
                let bytes = applied.bytes.load(Ordering::Relaxed);
                let view = applied.read();
                (view.state.parts(), view.applied, view.membership.clone(), bytes)
            };
            let index = last.as_ref().map_or(0, |id| id.index);
            let last = last.as_ref().map(log_id_to_wire);
            let header = encode_header(&parts, last, stored_membership_to_wire(&membership));
            // What the log is about to forget must be on disk: lines first, then the checkpoint,
            // which takes along the history before it.
            applied.insist("output", || applied.store.output.sync())?;
            applied.insist("the checkpoint", || {
                applied.store.state.write_checkpoint(index, &header, encode_chunks(parts.clone()))
            })?;
            applied.bytes_checkpointed.store(bytes, Ordering::Relaxed);
            current(&applied)?.ok_or_else(|| io::Error::other("the checkpoint is gone"))
        });
        build.await.map_err(io::Error::other)?
    }
}
