//! The client itself: one call, on whichever replica answers.

use std::sync::Arc;
use std::time::Duration;

use stint_proto::v0::action_configs_client::ActionConfigsClient;
use stint_proto::v0::actions_client::ActionsClient;
use stint_proto::v0::audit_client::AuditClient;
use stint_proto::v0::cluster_client::ClusterClient;
use stint_proto::v0::crons_client::CronsClient;
use stint_proto::v0::events_client::EventsClient;
use stint_proto::v0::jobs_client::JobsClient;
use stint_proto::v0::queues_client::QueuesClient;
use stint_proto::v0::settings_client::SettingsClient;
use stint_proto::v0::tokens_client::TokensClient;
use stint_proto::v0::workers_client::WorkersClient;
use tonic::{Response, Status};

use crate::bearer::{Bearer, Line};
use crate::builder::Builder;
use crate::endpoints::{Endpoint, Endpoints};
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
    bearer: Bearer,
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

    pub(crate) fn new(endpoints: Endpoints, bearer: Bearer, deadline: Duration) -> Self {
        Self { inner: Arc::new(Inner { endpoints, bearer, deadline }) }
    }

    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.inner.endpoints
    }

    /// The connection to this replica, by which each call says who calls.
    pub(crate) fn line(&self, endpoint: &Endpoint) -> Line {
        Line::new(endpoint.channel(), self.inner.bearer.clone())
    }

    pub(crate) fn search(&self) -> Search {
        Search::begin(&self.inner.endpoints, self.inner.deadline)
    }

    /// Asks one replica after the other until one answers, or until it would do harm to go on.
    pub(crate) async fn call<T, F>(
        &self,
        repeat: Repeat,
        ask: impl Fn(Line) -> F,
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
            let answer = tokio::time::timeout(attempt_max, ask(self.line(endpoint))).await;
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
pub(crate) fn jobs(line: Line) -> JobsClient<Line> {
    JobsClient::new(line).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}

/// The calls about what happens over this connection.
pub(crate) fn events(line: Line) -> EventsClient<Line> {
    EventsClient::new(line).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}

/// The worker calls over this connection.
pub(crate) fn workers(line: Line) -> WorkersClient<Line> {
    WorkersClient::new(line).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}

/// The queue calls over this connection.
pub(crate) fn queues(line: Line) -> QueuesClient<Line> {
    QueuesClient::new(line).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}

/// The cron calls over this connection.
pub(crate) fn crons(line: Line) -> CronsClient<Line> {
    CronsClient::new(line).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}

/// The action config calls over this connection.
pub(crate) fn action_configs(line: Line) -> ActionConfigsClient<Line> {
    ActionConfigsClient::new(line).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}

/// The calls about actions over this connection.
pub(crate) fn actions(line: Line) -> ActionsClient<Line> {
    ActionsClient::new(line).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}

/// The settings calls over this connection.
pub(crate) fn settings(line: Line) -> SettingsClient<Line> {
    SettingsClient::new(line).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}

/// The cluster calls over this connection.
pub(crate) fn cluster(line: Line) -> ClusterClient<Line> {
    ClusterClient::new(line).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}

/// The audit calls over this connection.
pub(crate) fn audit(line: Line) -> AuditClient<Line> {
    AuditClient::new(line).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}

/// The token calls over this connection.
pub(crate) fn tokens(line: Line) -> TokensClient<Line> {
    TokensClient::new(line).max_decoding_message_size(limits::ANSWER_BYTES_MAX)
}
