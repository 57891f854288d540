//! The action config calls.

use std::collections::BTreeMap;

use stint_proto::v0;

use crate::client::{self, Client};
use crate::error::Error;
use crate::retry::Repeat;

impl Client {
    /// All action configs, in the order of their actions.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// for config in client.list_action_configs().await? {
    ///     println!("{}: {:?}", config.action, config.parameters);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn list_action_configs(&self) -> Result<Vec<v0::ActionConfig>, Error> {
        let mut list = Vec::new();
        let mut request = v0::ListActionConfigsRequest::default();
        loop {
            let which = &request;
            let part = self
                .call(Repeat::Harmless, |channel| async {
                    client::action_configs(channel).list_action_configs(which.clone()).await
                })
                .await?;
            list.extend(part.action_configs);
            if part.next.is_empty() {
                return Ok(list);
            }
            request.after = part.next;
        }
    }

    /// The config of an action.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let config = client.get_action_config("scan").await?;
    /// println!("{:?}", config.parameters);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSuchActionConfig`](crate::Code::NoSuchActionConfig) if the action has none.
    pub async fn get_action_config(&self, action: &str) -> Result<v0::ActionConfig, Error> {
        self.call(Repeat::Harmless, |channel| async {
            let request = v0::GetActionConfigRequest { action: action.to_owned() };
            client::action_configs(channel).get_action_config(request).await
        })
        .await
    }

    /// Sets what every job of an action is told beside its own parameters, in place of what was set
    /// before.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// client.put_action_config("scan", [("depth".to_owned(), "2".to_owned())].into()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSuchAction`](crate::Code::NoSuchAction) if no worker offers it.
    pub async fn put_action_config(
        &self,
        action: &str,
        parameters: BTreeMap<String, String>,
    ) -> Result<v0::ActionConfig, Error> {
        let parameters = &parameters;
        self.call(Repeat::Harmless, |channel| async {
            let parameters = Some(v0::StringMap { entries: parameters.clone() });
            let request = v0::PutActionConfigRequest { action: action.to_owned(), parameters };
            client::action_configs(channel).put_action_config(request).await
        })
        .await
    }

    /// Removes the config of an action. Jobs that are submitted already keep what they have.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// client.delete_action_config("scan").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSuchActionConfig`](crate::Code::NoSuchActionConfig) if the action has none.
    /// [`Error::OutcomeUnknown`] if the call was sent and there is no answer: it is not repeated
    /// then, since that could remove what somebody else has put in between.
    pub async fn delete_action_config(&self, action: &str) -> Result<(), Error> {
        self.call(Repeat::Harmful, |channel| async {
            let request = v0::DeleteActionConfigRequest { action: action.to_owned() };
            client::action_configs(channel).delete_action_config(request).await
        })
        .await?;
        Ok(())
    }
}
