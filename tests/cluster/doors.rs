//! gRPC and JSON on one port are two doors to one house.

use std::time::Duration;

use stint_client::v0;

use crate::harness::{Cluster, Options};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn a_job_that_came_by_one_door_reads_alike_by_both() {
    let cluster = Cluster::start(&Options { replicas: 1, ..Options::default() });
    let id = cluster.submit(
        0,
        r#"{"action":"noop","parameters":{"A":"b"},"capacityMap":{},"retries":1,"deadline":"1m"}"#,
    );
    let json = cluster.wait_for_status(0, &id, "done");
    let endpoint = format!("http://{}", cluster.replicas[0].address);
    let job = runtime().block_on(async {
        let channel = tonic::transport::Endpoint::new(endpoint)
            .expect("an endpoint")
            .timeout(Duration::from_secs(30))
            .connect()
            .await
            .expect("a connection");
        let mut jobs = v0::jobs_client::JobsClient::new(channel);
        jobs.get_job(v0::GetJobRequest { id: id.clone() }).await.expect("a job").into_inner()
    });
    assert_eq!(job.id, id);
    assert_eq!(json["status"], job.status.as_str());
    assert_eq!(json["workerID"], job.worker_id.as_str());
    assert_eq!(json["retriesLeft"], job.retries_left);
    assert_eq!(json["deadline"], job.deadline.as_str());
    assert_eq!(json["parameters"]["A"], "b");
    assert_eq!(job.parameters.expect("parameters").entries.get("A").map(String::as_str), Some("b"));
    assert_eq!(json["capacityMap"], serde_json::json!({}));
    assert!(job.capacity_map.expect("a map").entries.is_empty());
}

#[test]
fn both_doors_refuse_alike() {
    let cluster = Cluster::start(&Options { replicas: 1, ..Options::default() });
    let endpoint = format!("http://{}", cluster.replicas[0].address);
    let status = runtime().block_on(async {
        let mut jobs = v0::jobs_client::JobsClient::connect(endpoint).await.expect("a connection");
        let request =
            v0::SubmitJobRequest { action: "unheard-of".to_owned(), ..Default::default() };
        jobs.submit_job(request).await.expect_err("a refusal")
    });
    assert_eq!(status.code(), tonic::Code::NotFound, "{status:?}");
    let answer = cluster.post(0, "/api/v0/jobs", r#"{"action":"unheard-of"}"#).expect("an answer");
    assert_eq!(answer.error_code(), "NO_SUCH_ACTION");
    let details = String::from_utf8_lossy(status.details()).into_owned();
    assert!(details.contains("NO_SUCH_ACTION"), "{details}");
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
