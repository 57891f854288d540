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

#[test]
fn whoever_watches_the_health_of_a_replica_hears_that_it_has_lost_the_others() {
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

    let mut cluster = Cluster::start(&Options::default());
    let endpoint = format!("http://{}", cluster.replicas[0].address);
    // The one that is left has known a leader, and may have been it.
    for lost in [1, 2] {
        cluster.kill(lost);
    }
    runtime().block_on(async {
        let channel = tonic::transport::Endpoint::new(endpoint).expect("an endpoint");
        let mut health = HealthClient::new(channel.connect().await.expect("a connection"));
        let request = || HealthCheckRequest { service: "stint.v0.Jobs".to_owned() };
        let mut news = health.watch(request()).await.expect("answers").into_inner();
        let mut until = async |status| {
            let heard = async {
                while news.message().await.expect("news").expect("no end").status != status {}
            };
            let waited = tokio::time::timeout(crate::harness::PATIENCE, heard).await;
            assert!(waited.is_ok(), "nothing of {status}");
        };
        until(2).await;
        let now = health.check(request()).await.expect("an answer").into_inner();
        assert_eq!(now.status, 2);
        cluster.spawn(1);
        until(1).await;
    });
}
