//! The health service of gRPC: each service serves while a leader is known.

use std::collections::BTreeSet;

use tokio::sync::watch;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health as Service, HealthServer};
use tonic_health::server::HealthReporter;

use crate::api::{Api, stopped};
use crate::limits;
use crate::operation::Operation;

/// Keeps what the service says true.
pub(crate) struct Health(HealthReporter);

impl Health {
    /// The keeper and the service.
    pub(super) fn new() -> (Self, HealthServer<impl Service>) {
        let (reporter, service) = tonic_health::server::health_reporter();
        (Self(reporter), service)
    }

    /// Looks for a leader again and again, until the gateway stops.
    pub(crate) async fn run(mut self, api: &Api, mut stopping: watch::Receiver<bool>) {
        let mut was_serving = None;
        loop {
            let is_serving = !*stopping.borrow() && api.has_leader();
            if was_serving != Some(is_serving) {
                self.set(is_serving).await;
                was_serving = Some(is_serving);
            }
            if *stopping.borrow() {
                return self.end().await;
            }
            tokio::select! {
                () = stopped(&mut stopping) => {}
                () = tokio::time::sleep(limits::HEALTH_INTERVAL) => {}
            }
        }
    }

    async fn set(&self, is_serving: bool) {
        let status = if is_serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in services() {
            self.0.set_service_status(service, status).await;
        }
    }

    /// Ends the answers of those who watch: a connection with one would last until it is cut off.
    async fn end(&mut self) {
        for service in services() {
            self.0.clear_service_status(service).await;
        }
    }
}

/// The names that can be asked for. The empty one is the server as a whole.
fn services() -> BTreeSet<&'static str> {
    Operation::ALL.into_iter().map(|operation| operation.grpc().0).chain([""]).collect()
}
