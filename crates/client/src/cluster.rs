//! The cluster calls.

use stint_proto::v0;

use crate::client::{self, Client};
use crate::error::Error;
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
}
