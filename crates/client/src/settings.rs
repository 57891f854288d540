//! The settings calls.

use stint_proto::v0;

use crate::client::{self, Client};
use crate::error::Error;
use crate::retry::Repeat;

impl Client {
    /// The settings of the cluster.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let settings = client.settings().await?;
    /// println!("history keeps {} jobs", settings.job_history_to_keep);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn settings(&self) -> Result<v0::ClusterSettings, Error> {
        self.call(Repeat::Harmless, |channel| async {
            client::settings(channel).get_settings(v0::GetSettingsRequest {}).await
        })
        .await
    }

    /// Changes the settings that are there, and gives all as they are then.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// use stint_client::v0;
    ///
    /// let change =
    ///     v0::ChangeSettingsRequest { job_history_to_keep: Some(10_000), ..Default::default() };
    /// client.change_settings(change).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InvalidParameters`](crate::Code::InvalidParameters) names the setting.
    pub async fn change_settings(
        &self,
        change: v0::ChangeSettingsRequest,
    ) -> Result<v0::ClusterSettings, Error> {
        let change = &change;
        self.call(Repeat::Harmless, |channel| async {
            client::settings(channel).change_settings(change.clone()).await
        })
        .await
    }
}
