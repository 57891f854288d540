//! The same operations over gRPC: the services of `proto/stint/v0`, health and reflection.

mod action_configs;
mod actions;
mod audit;
mod cluster;
mod crons;
mod deadline;
mod events;
#[cfg(test)]
mod fuzz;
mod health;
mod jobs;
mod message;
mod queues;
mod settings;
mod shape;
mod status;
mod tokens;
mod workers;

use std::sync::Arc;

use axum::Router;
use http::{HeaderMap, header};
use stint_proto::v0;
use stint_proto::v0::action_configs_server::ActionConfigsServer;
use stint_proto::v0::actions_server::ActionsServer;
use stint_proto::v0::audit_server::AuditServer;
use stint_proto::v0::cluster_server::ClusterServer;
use stint_proto::v0::crons_server::CronsServer;
use stint_proto::v0::events_server::EventsServer;
use stint_proto::v0::jobs_server::JobsServer;
use stint_proto::v0::queues_server::QueuesServer;
use stint_proto::v0::settings_server::SettingsServer;
use stint_proto::v0::tokens_server::TokensServer;
use stint_proto::v0::workers_server::WorkersServer;
use tonic::Request;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic_reflection::server::Builder;

pub(crate) use deadline::Deadline;
pub(crate) use health::Health;
pub(crate) use message::pass_on;
pub(crate) use status::status;

use crate::api::{Api, ApiError, Caller};
use crate::error::Error;
use crate::limits;

/// Where the health service stands. Anybody may ask it: load balancers have no token.
pub(crate) const HEALTH_PATH: &str = "/grpc.health.v1.Health/";

/// All services. What they do not know they answer with `UNIMPLEMENTED`.
pub(crate) fn router(api: &Arc<Api>) -> Result<(Router, Health), Error> {
    let (health, health_service) = Health::new(api);
    let descriptors = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(v0::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let max = limits::GRPC_MESSAGE_BYTES_MAX;
    let jobs = JobsServer::new(jobs::Service(Arc::clone(api)))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(max);
    let workers = WorkersServer::new(workers::Service(Arc::clone(api)))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(max);
    let cluster = ClusterServer::new(cluster::Service(Arc::clone(api)))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(max);
    let events = EventsServer::new(events::Service(Arc::clone(api)))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(max);
    let tokens = TokensServer::new(tokens::Service(Arc::clone(api)))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(max);
    let audit = AuditServer::new(audit::Service(Arc::clone(api)))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(max);
    let crons = CronsServer::new(crons::Service(Arc::clone(api)))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(max);
    let action_configs = ActionConfigsServer::new(action_configs::Service(Arc::clone(api)))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(max);
    let actions = ActionsServer::new(actions::Service(Arc::clone(api)))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(max);
    let settings = SettingsServer::new(settings::Service(Arc::clone(api)))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(max);
    let queues = QueuesServer::new(queues::Service(Arc::clone(api)))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(max);
    let routes = Routes::new(jobs)
        .add_service(queues)
        .add_service(workers)
        .add_service(crons)
        .add_service(actions)
        .add_service(action_configs)
        .add_service(settings)
        .add_service(cluster)
        .add_service(events)
        .add_service(tokens)
        .add_service(audit)
        .add_service(health_service)
        .add_service(descriptors().build_v1()?)
        .add_service(descriptors().build_v1alpha()?);
    Ok((routes.prepare().into_axum_router(), health))
}

/// Who asks. The doors let nobody pass who is not known.
fn caller<T>(request: &Request<T>) -> Result<Caller, ApiError> {
    let stranger = ApiError::NotAuthenticated("a token is needed");
    request.extensions().get::<Caller>().cloned().ok_or(stranger)
}

/// Whether the request is for this door.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let suffix = kind.and_then(|kind| kind.strip_prefix(b"application/grpc"));
    suffix.is_some_and(|suffix| matches!(suffix.first(), None | Some(b'+' | b';')))
}
