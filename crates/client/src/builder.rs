//! How a client is told where its cluster is.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::authority::Authority;
use crate::bearer::Bearer;
use crate::client::Client;
use crate::endpoints::Endpoints;
use crate::error::Error;
use crate::limits;

/// Makes a [`Client`].
#[derive(Clone)]
pub struct Builder {
    endpoints: Vec<String>,
    ca_certificate: Option<PathBuf>,
    token: Option<String>,
    deadline: Duration,
}

impl fmt::Debug for Builder {
    /// The token is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoints, ca_certificate, token: _, deadline } = self;
        let mut all = f.debug_struct("Builder");
        all.field("endpoints", endpoints)
            .field("ca_certificate", ca_certificate)
            .field("deadline", deadline)
            .finish_non_exhaustive()
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            ca_certificate: None,
            token: None,
            deadline: limits::DEADLINE,
        }
    }
}

impl Builder {
    /// Where the replicas are, as `host:port`, `https://host:port` or `http://host:port`; any number
    /// of them, in any order. Adds to those given before. Without a scheme connections are
    /// encrypted if there is a [`Self::ca_certificate`].
    #[must_use]
    pub fn endpoints<T: Into<String>>(mut self, endpoints: impl IntoIterator<Item = T>) -> Self {
        self.endpoints.extend(endpoints.into_iter().map(Into::into));
        self
    }

    /// The file, in PEM, of the certificates of the authorities that have signed those of the
    /// replicas. No others count, and those of the system do not. `https://` takes it.
    #[must_use]
    pub fn ca_certificate(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca_certificate = Some(file.into());
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
    /// [`Error::BadCertificate`] if the file is of no use; [`Error::BadToken`] if the token cannot
    /// be sent.
    pub fn build(self) -> Result<Client, Error> {
        let authority = self.ca_certificate.as_deref().map(Authority::read).transpose()?;
        let endpoints = Endpoints::new(&self.endpoints, authority.as_ref())?;
        let bearer = self.token.as_deref().map(Bearer::new).transpose()?.unwrap_or_default();
        Ok(Client::new(endpoints, bearer, self.deadline))
    }
}
