//! How a client is told where its cluster is.

use std::fmt;
use std::time::Duration;

use crate::bearer::Bearer;
use crate::client::Client;
use crate::endpoints::Endpoints;
use crate::error::Error;
use crate::limits;

/// Makes a [`Client`].
#[derive(Clone)]
pub struct Builder {
    endpoints: Vec<String>,
    token: Option<String>,
    deadline: Duration,
}

impl fmt::Debug for Builder {
    /// The token is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoints, token: _, deadline } = self;
        let mut all = f.debug_struct("Builder");
        all.field("endpoints", endpoints).field("deadline", deadline).finish_non_exhaustive()
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self { endpoints: Vec::new(), token: None, deadline: limits::DEADLINE }
    }
}

impl Builder {
    /// Where the replicas are, as `host:port` or `http://host:port`; any number of them, in any
    /// order. Adds to those given before.
    #[must_use]
    pub fn endpoints<T: Into<String>>(mut self, endpoints: impl IntoIterator<Item = T>) -> Self {
        self.endpoints.extend(endpoints.into_iter().map(Into::into));
        self
    }

    /// The token that says who calls; a cluster that is open needs none.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// How long one call goes on looking for a replica that answers; 30 s unless set.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Makes the client. It connects at the first call.
    ///
    /// # Errors
    /// [`Error::BadEndpoint`] if there is no endpoint, or one that cannot be understood;
    /// [`Error::BadToken`] if the token cannot be sent.
    pub fn build(self) -> Result<Client, Error> {
        let bearer = self.token.as_deref().map(Bearer::new).transpose()?.unwrap_or_default();
        Ok(Client::new(Endpoints::new(&self.endpoints)?, bearer, self.deadline))
    }
}
