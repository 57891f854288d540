//! The audit call.

use stint_proto::v0;

use crate::client::{self, Client};
use crate::error::Error;
use crate::limits;
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
    /// Gives as many as `limit` says, if there are so many, from as many pages as that takes.
    ///
    /// # Errors
    /// [`NotAuthorized`](crate::Code::NotAuthorized) unless the token is an administrator's.
    pub async fn list_audit(
        &self,
        wanted: v0::ListAuditRequest,
    ) -> Result<Vec<v0::AuditRecord>, Error> {
        let mut which = wanted;
        let wanted = match which.limit {
            None => limits::PAGE_DEFAULT,
            Some(0) => limits::PAGE_MAX,
            Some(limit) => limit,
        };
        let mut records = Vec::new();
        loop {
            let asked = &which;
            let page = self
                .call(Repeat::Harmless, |line| async {
                    client::audit(line).list_audit(asked.clone()).await
                })
                .await?;
            records.extend(page.records);
            let found = u32::try_from(records.len()).unwrap_or(u32::MAX);
            if page.next.is_empty() || found >= wanted {
                return Ok(records);
            }
            // What was to be left out first has been left out.
            (which.after, which.start, which.limit) = (page.next, 0, Some(wanted - found));
        }
    }
}
