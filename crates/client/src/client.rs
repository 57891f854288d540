//! The client itself: one call, on whichever replica answers.

use std::sync::Arc;
use std::time::Duration;

use stint_proto::v0::action_configs_client::ActionConfigsClient;
use stint_proto::v0::cluster_client::ClusterClient;
use stint_proto::v0::crons_client::CronsClient;
use stint_proto::v0::jobs_client::JobsClient;
use stint_proto::v0::settings_client::SettingsClient;
use stint_proto::v0::workers_client::WorkersClient;
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::builder::Builder;
use crate::endpoints::Endpoints;
use crate::error::Error;
use crate::limits;
use crate::retry::{Attempt, Repeat, Search};

/// A client of one cluster. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    endpoints: Endpoints,
    deadline: Duration,
}

impl Client {
    /// A new client, to be told where its cluster is.
    ///
    /// ```
    /// let client = stint_client::Client::builder()
    ///     .endpoints(["http://127.0.0.1:7401", "http://127.0.0.1:7402"])
    ///     .build()?;
    /// # Ok::<(), stint_client::Error>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(endpoints: Endpoints, deadline: Duration) -> Self {
        Self { inner: Arc::new(Inner { endpoints, deadline }) }
    }

    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.inner.endpoints
    }

    pub(crate) fn search(&self) -> Search {
        Search::begin(&self.inner.endpoints, self.inner.deadline)
    }

    /// Asks one replica after the other until one answers, or until it would do harm to go on.
    pub(crate) async fn call<T, F>(
        &self,
        repeat: Repeat,
        ask: impl Fn(Channel) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let endpoints = self.endpoints();
        let mut search = self.search();
        let mut is_repetition = false;
        loop {
            let endpoint = search.endpoint(endpoints);
            let attempt_max = search.attempt_max();
            let answer = tokio::time::timeout(attempt_max, ask(endpoint.channel())).await;
            let failure = match answer {
                Ok(Ok(response)) => {
                    search.has_answered(endpoints);
                    return Ok(response.into_inner());
                }
                Ok(Err(status)) => Attempt::of(&status),
                Err(_) => Attempt::silence(attempt_max),
            };
            match failure {
                Attempt::Answered(code, message) => {
                    search.has_answered(endpoints);
                    let endpoint = endpoint.url.clone();
                    return Err(Error::Refused { code, message, endpoint, is_repetition });
                }
                Attempt::Unknown(reason) if repeat == Repeat::Harmful => {
                    return Err(Error::OutcomeUnknown { endpoint: endpoint.url.clone(), reason });
                }
                Attempt::Unknown(reason) => {
                    is_repetition = true;
                    search.go_on(endpoints, reason).await?;
                }
                Attempt::NotCarriedOut(reason) => search.go_on(endpoints, reason).await?,
            }
        }
    }
}

/// The job calls over this connection.
pub(crate) fn jobs(channel: Channel) -> JobsClient<Channel> {
    JobsClient::new(channel).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}

/// The worker calls over this connection.
pub(crate) fn workers(channel: Channel) -> WorkersClient<Channel> {
    WorkersClient::new(channel).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}

/// The cron calls over this connection.
pub(crate) fn crons(channel: Channel) -> CronsClient<Channel> {
    CronsClient::new(channel).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}

/// The action config calls over this connection.
pub(crate) fn action_configs(channel: Channel) -> ActionConfigsClient<Channel> {
    ActionConfigsClient::new(channel).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}

/// The settings calls over this connection.
pub(crate) fn settings(channel: Channel) -> SettingsClient<Channel> {
    SettingsClient::new(channel).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}

/// The cluster calls over this connection.
pub(crate) fn cluster(channel: Channel) -> ClusterClient<Channel> {
    ClusterClient::new(channel).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}
