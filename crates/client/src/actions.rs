//! The calls about actions.

use stint_proto::v0;

use crate::client::{self, Client};
use crate::error::Error;
use crate::retry::Repeat;

impl Client {
    /// The actions that the workers of the cluster offer.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// for action in client.list_actions().await? {
    ///     println!("{}: {}", action.name, action.description);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn list_actions(&self) -> Result<Vec<v0::Action>, Error> {
        let mut list = Vec::new();
        let mut request = v0::ListActionsRequest::default();
        loop {
            let which = &request;
            let part = self
                .call(Repeat::Harmless, |channel| async {
                    client::actions(channel).list_actions(which.clone()).await
                })
                .await?;
            list.extend(part.actions);
            if part.next.is_empty() {
                return Ok(list);
            }
            request.after = part.next;
        }
    }

    /// One action: what its parameters may be, and what a job has that does not say.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let action = client.get_action("webhook").await?;
    /// for parameter in action.parameters.iter().filter(|parameter| parameter.is_required) {
    ///     println!("{} needs {}", action.name, parameter.name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSuchAction`](crate::Code::NoSuchAction) if no worker offers it.
    pub async fn get_action(&self, name: &str) -> Result<v0::Action, Error> {
        self.call(Repeat::Harmless, |channel| async {
            let request = v0::GetActionRequest { action: name.to_owned() };
            client::actions(channel).get_action(request).await
        })
        .await
    }
}
