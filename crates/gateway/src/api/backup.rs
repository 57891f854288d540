//! All that the cluster keeps, for whoever puts it away.

use std::sync::Arc;

use bytes::Bytes;
use stint_consensus::Backup;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{Api, ApiError, Caller, stopped};

/// A backup on its way to a caller.
pub(crate) struct BackupReader {
    api: Arc<Api>,
    caller: Caller,
    backup: Backup,
    stopping: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Api {
    /// Begins a backup. One at a time: each keeps disk space from being used again while it lasts.
    pub(crate) async fn backup(
        self: &Arc<Self>,
        caller: &Caller,
    ) -> Result<BackupReader, ApiError> {
        let permit = Arc::clone(&self.backups).try_acquire_owned().map_err(|_| {
            let message = "this replica gives another backup now; wait for its end, or ask another \
                           replica";
            ApiError::TooManyRequests(message.to_owned())
        })?;
        let backup = self.replica.backup().await.map_err(ApiError::of_read)?;
        let (caller, stopping) = (caller.clone(), self.stopping.clone());
        Ok(BackupReader { api: Arc::clone(self), caller, backup, stopping, _permit: permit })
    }
}

impl BackupReader {
    /// The next bytes; `None` after the last ones.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        let (api, caller) = (Arc::clone(&self.api), self.caller.clone());
        let next = async {
            tokio::select! {
                biased;
                () = stopped(&mut self.stopping) => {
                    Err(stint_consensus::Error::ShuttingDown.into())
                }
                piece = self.backup.next() => piece.transpose().map_err(ApiError::of_read),
            }
        };
        api.while_welcome(&caller, next).await
    }
}
