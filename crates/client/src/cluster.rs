//! The cluster calls.

use bytes::Bytes;
use stint_proto::v0;
use tokio::time::timeout;
use tonic::Streaming;

use crate::client::{self, Client};
use crate::error::Error;
use crate::limits;
use crate::retry::Repeat;

impl Client {
    /// What the replica that answers knows of its cluster.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let status = client.cluster_status().await?;
    /// println!("replica {} says that {} leads", status.replica, status.leader);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn cluster_status(&self) -> Result<v0::GetClusterStatusResponse, Error> {
        self.call(Repeat::Harmless, |channel| async {
            client::cluster(channel).get_cluster_status(v0::GetClusterStatusRequest {}).await
        })
        .await
    }

    /// What happened lately, in steps that ended after `since`, oldest first, as the replica that answers
    /// has applied it since its start; and how many jobs there are of each status.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let lately = client.statistics(None).await?;
    /// if let Some(step) = lately.samples.last() {
    ///     println!("{} jobs run, {} are due", step.running, step.due);
    /// }
    /// println!("{} jobs have failed", lately.jobs.get("error").copied().unwrap_or(0));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn statistics(
        &self,
        since: Option<prost_types::Timestamp>,
    ) -> Result<v0::GetStatisticsResponse, Error> {
        self.call(Repeat::Harmless, |channel| async {
            let request = v0::GetStatisticsRequest { since };
            client::cluster(channel).get_statistics(request).await
        })
        .await
    }

    /// What the replica that answers knows of itself: its configuration, what it has logged lately, its
    /// metrics and its machine. It takes the role `admin`.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let found = client.diagnostics().await?;
    /// println!("replica {} ({}): {}", found.replica, found.readiness, found.log.join("\n"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn diagnostics(&self) -> Result<v0::DiagnosticsResponse, Error> {
        self.call(Repeat::Harmless, |channel| async {
            client::cluster(channel).get_diagnostics(v0::GetDiagnosticsRequest {}).await
        })
        .await
    }

    /// Makes an invitation, by which one new replica can join. `expires_in` is a duration in Go's
    /// grammar; empty is an hour.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let invited = client.invite_replica("30m").await?;
    /// println!("stint cluster join {}", invited.invitation);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn invite_replica(
        &self,
        expires_in: &str,
    ) -> Result<v0::InviteReplicaResponse, Error> {
        self.call(Repeat::Harmful, |channel| async {
            let request = v0::InviteReplicaRequest { expires_in: expires_in.to_owned() };
            client::cluster(channel).invite_replica(request).await
        })
        .await
    }

    /// Removes a replica from the cluster. It need not be alive; its id is nobody's from then on.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client, dead: &str) -> Result<(), stint_client::Error> {
    /// client.remove_replica(dead).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSuchMember`](crate::Code::NoSuchMember) if there is none, [`Conflict`](crate::Code::Conflict)
    /// if nothing could be agreed on without it.
    pub async fn remove_replica(&self, id: &str) -> Result<(), Error> {
        self.call(Repeat::Harmless, |channel| async {
            let request = v0::RemoveReplicaRequest { id: id.to_owned() };
            client::cluster(channel).remove_replica(request).await
        })
        .await?;
        Ok(())
    }

    /// Has a replica lead.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client, id: &str) -> Result<(), stint_client::Error> {
    /// client.transfer_leader(id).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSuchMember`](crate::Code::NoSuchMember) if there is none, [`Conflict`](crate::Code::Conflict)
    /// if it cannot be reached, or does not vote yet.
    pub async fn transfer_leader(&self, id: &str) -> Result<(), Error> {
        self.call(Repeat::Harmless, |channel| async {
            let request = v0::TransferLeaderRequest { id: id.to_owned() };
            client::cluster(channel).transfer_leader(request).await
        })
        .await?;
        Ok(())
    }

    /// All that the cluster keeps, as the bytes of a file for `stint restore`. It takes the role `admin`.
    ///
    /// Should the replica fail in between, that is an error: another one would make another backup.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::Write as _;
    ///
    /// let mut file = std::fs::File::create_new("stint.backup")?;
    /// let mut backup = client.backup().await?;
    /// while let Some(piece) = backup.next().await? {
    ///     file.write_all(&piece)?;
    /// }
    /// file.sync_all()?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn backup(&self) -> Result<Backup, Error> {
        let pieces = self.call(Repeat::Harmless, |channel| async {
            client::cluster(channel).backup(v0::BackupRequest {}).await
        });
        Ok(Backup { pieces: pieces.await? })
    }
}

/// A backup on its way.
#[derive(Debug)]
pub struct Backup {
    pieces: Streaming<v0::BackupResponse>,
}

impl Backup {
    /// The next bytes of the file; `None` once all of them have come.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if no more will come: what there is so far is no backup.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let broken = |reason: String| Error::Interrupted { reason };
        match timeout(limits::BACKUP_SILENCE_MAX, self.pieces.message()).await {
            Ok(Ok(piece)) => Ok(piece.map(|piece| piece.data)),
            Ok(Err(status)) => Err(broken(status.message().to_owned())),
            Err(_) => {
                Err(broken(format!("nothing came for {} s", limits::BACKUP_SILENCE_MAX.as_secs())))
            }
        }
    }
}
