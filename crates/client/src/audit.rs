//! The audit call.

use stint_proto::v0;

use crate::client::{self, Client};
use crate::error::Error;
use crate::retry::Repeat;

impl Client {
    /// Who changed what, the newest first: what the request asks for, in the words of the API.
    ///
    /// ```no_run
    /// # async fn example(client: stint_client::Client) -> Result<(), stint_client::Error> {
    /// use stint_client::v0::ListAuditRequest;
    ///
    /// let of_ann = ListAuditRequest { user: "ann".into(), limit: Some(100), ..Default::default() };
    /// for record in client.list_audit(of_ann).await? {
    ///     println!("{} {}: {}", record.operation, record.object, record.result);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NotAuthorized`](crate::Code::NotAuthorized) unless the token is an administrator's.
    pub async fn list_audit(
        &self,
        wanted: v0::ListAuditRequest,
    ) -> Result<Vec<v0::AuditRecord>, Error> {
        let wanted = &wanted;
        let list = self
            .call(Repeat::Harmless, |line| async {
                client::audit(line).list_audit(wanted.clone()).await
            })
            .await?;
        Ok(list.records)
    }
}
