//! The health service of gRPC: each service serves while the replica is ready, as `/readyz` says it.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, stream};
use tokio::sync::watch;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health as Service, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::api::{Api, stopped};
use crate::limits;
use crate::operation::Operation;

/// Looks for those who watch, once for all of them.
pub(crate) struct Health(Arc<watch::Sender<bool>>);

/// The service.
pub(super) struct Answers {
    api: Arc<Api>,
    /// What was seen last, told each time that somebody has looked.
    seen: Arc<watch::Sender<bool>>,
    names: BTreeSet<&'static str>,
}

/// What one who watches is told.
struct Watch {
    seen: watch::Receiver<bool>,
    stopping: watch::Receiver<bool>,
    now: ServingStatus,
    told: Option<ServingStatus>,
}

impl Health {
    /// The one who looks, and the service.
    pub(super) fn new(api: &Arc<Api>) -> (Self, HealthServer<Answers>) {
        let seen = Arc::new(watch::Sender::new(false));
        // The empty name is the server as a whole.
        let names = Operation::ALL.into_iter().map(|operation| operation.grpc().0);
        let names = names.chain([""]).collect();
        let answers = Answers { api: Arc::clone(api), seen: Arc::clone(&seen), names };
        (Self(seen), HealthServer::new(answers))
    }

    /// Looks again and again while somebody watches, until the gateway stops. To be sure of it
    /// costs a question to the leader.
    pub(crate) async fn run(self, api: &Api, mut stopping: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = stopped(&mut stopping) => return,
                () = tokio::time::sleep(limits::HEALTH_INTERVAL) => {}
            }
            if self.0.receiver_count() > 0 {
                let is_ready = api.readiness().await.is_ok();
                self.0.send_replace(is_ready);
            }
        }
    }
}

#[tonic::async_trait]
impl Service for Answers {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !self.names.contains(request.get_ref().service.as_str()) {
            return Err(Status::not_found("there is no service of this name"));
        }
        Ok(Response::new(answer(status(self.api.readiness().await.is_ok()))))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        if !self.names.contains(request.get_ref().service.as_str()) {
            // The protocol has no error for it here: the service may come yet.
            let unknown = stream::iter([Ok(answer(ServingStatus::ServiceUnknown))]);
            return Ok(Response::new(Box::pin(unknown)));
        }
        let seen = self.seen.subscribe();
        let now = status(self.api.readiness().await.is_ok());
        let watch = Watch { seen, stopping: self.api.stopping(), now, told: None };
        let news = stream::unfold(watch, async |mut watch| {
            let next = watch.next().await?;
            Some((Ok(answer(next)), watch))
        });
        Ok(Response::new(Box::pin(news)))
    }
}

impl Watch {
    /// What is new; `None` once the gateway has stopped and that is told.
    async fn next(&mut self) -> Option<ServingStatus> {
        loop {
            let is_stopping = *self.stopping.borrow();
            if is_stopping {
                self.now = ServingStatus::NotServing;
            }
            if self.told.replace(self.now) != Some(self.now) {
                return Some(self.now);
            }
            if is_stopping {
                return None;
            }
            tokio::select! {
                () = stopped(&mut self.stopping) => {}
                changed = self.seen.changed() => {
                    changed.ok()?;
                    self.now = status(*self.seen.borrow_and_update());
                }
            }
        }
    }
}

fn status(is_ready: bool) -> ServingStatus {
    if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
