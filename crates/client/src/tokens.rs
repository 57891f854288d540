//! The token calls.

use stint_proto::v0;

use crate::client::{self, Client};
use crate::error::Error;
use crate::retry::Repeat;

impl Client {
    /// All tokens, expired ones too, without their secrets.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// for token in client.list_tokens().await? {
    ///     println!("{} is {} as {}", token.id, token.user, token.role);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn list_tokens(&self) -> Result<Vec<v0::Token>, Error> {
        let list = self
            .call(Repeat::Harmless, |line| async {
                client::tokens(line).list_tokens(v0::ListTokensRequest {}).await
            })
            .await?;
        Ok(list.tokens)
    }

    /// As whom the cluster takes this client, and what that user may do.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// let me = client.caller().await?;
    /// println!("{} has the role {}", me.user, me.role);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn caller(&self) -> Result<v0::Caller, Error> {
        self.call(Repeat::Harmless, |line| async {
            client::tokens(line).get_caller(v0::GetCallerRequest {}).await
        })
        .await
    }

    /// Gives somebody a token. The answer has its secret, which is told this once.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// use stint_client::v0::CreateTokenRequest;
    ///
    /// let (user, role) = ("ann".to_owned(), "operator".to_owned());
    /// let ann = CreateTokenRequest { user, role, ..Default::default() };
    /// println!("{}", client.create_token(ann).await?.secret);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create_token(
        &self,
        new: v0::CreateTokenRequest,
    ) -> Result<v0::CreateTokenResponse, Error> {
        let new = &new;
        self.call(Repeat::Harmful, |line| async {
            client::tokens(line).create_token(new.clone()).await
        })
        .await
    }

    /// Makes a token worthless.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client, id: &str) -> Result<(), stint_client::Error> {
    /// client.revoke_token(id).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSuchToken`](crate::Code::NoSuchToken) if there is none, [`Conflict`](crate::Code::Conflict)
    /// if nobody could manage tokens without it.
    pub async fn revoke_token(&self, id: &str) -> Result<(), Error> {
        self.call(Repeat::Harmful, |line| async {
            client::tokens(line).revoke_token(v0::RevokeTokenRequest { id: id.to_owned() }).await
        })
        .await?;
        Ok(())
    }
}
