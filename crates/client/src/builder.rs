//! How a client is told where its cluster is.

use std::time::Duration;

use crate::client::Client;
use crate::endpoints::Endpoints;
use crate::error::Error;
use crate::limits;

/// Makes a [`Client`].
#[derive(Debug, Clone)]
pub struct Builder {
    endpoints: Vec<String>,
    deadline: Duration,
}

impl Default for Builder {
    fn default() -> Self {
        Self { endpoints: Vec::new(), deadline: limits::DEADLINE }
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

    /// How long one call goes on looking for a replica that answers; 30 s unless set.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Makes the client. It connects at the first call.
    ///
    /// # Errors
    /// [`Error::BadEndpoint`] if there is no endpoint, or one that cannot be understood.
    pub fn build(self) -> Result<Client, Error> {
        Ok(Client::new(Endpoints::new(&self.endpoints)?, self.deadline))
    }
}
