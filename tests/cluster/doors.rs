//! gRPC and JSON on one port are two doors to one house.

use crate::harness::{Cluster, Options};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn reflection_and_health_answer() {
    let cluster = Cluster::start(&Options { replicas: 1, ..Options::default() });
    let endpoint = format!("http://{}", cluster.replicas[0].address);
    runtime().block_on(async {
        use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
        use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
        use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
        use tonic_reflection::pb::v1::{ServerReflectionRequest, server_reflection_response};

        let channel = tonic::transport::Endpoint::new(endpoint).expect("an endpoint");
        let channel = channel.connect().await.expect("a connection");
        let mut health = HealthClient::new(channel.clone());
        let services = ["Jobs", "Workers", "Crons", "ActionConfigs", "Settings", "Cluster"]
            .map(|name| format!("stint.v0.{name}"));
        for service in services.iter().map(String::as_str).chain([""]) {
            let request = HealthCheckRequest { service: service.to_owned() };
            let mut answers = health.watch(request).await.expect("answers").into_inner();
            let serving = async {
                while answers.message().await.expect("an answer").expect("an answer").status != 1 {}
            };
            let waited = tokio::time::timeout(crate::harness::wait::PATIENCE, serving).await;
            assert!(waited.is_ok(), "{service:?} is not serving");
        }
        let mut reflection = ServerReflectionClient::new(channel);
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let requests = tokio_stream::once(request);
        let mut answers =
            reflection.server_reflection_info(requests).await.expect("answers").into_inner();
        let answer = answers.message().await.expect("an answer").expect("an answer");
        let Some(server_reflection_response::MessageResponse::ListServicesResponse(list)) =
            answer.message_response
        else {
            panic!("no list of services: {answer:?}");
        };
        let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
        for name in &services {
            assert!(names.contains(&name.as_str()), "{names:?}");
        }
    });
}
