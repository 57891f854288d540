//! The same house by the other door.

use std::time::{Duration, Instant};

use serde_json::json;
use stint_gateway::Operation;
use stint_proto::v0;
use stint_proto::v0::cluster_client::ClusterClient;
use stint_proto::v0::jobs_client::JobsClient;
use stint_proto::v0::workers_client::WorkersClient;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::harness::{House, Puppet, soon};

pub(crate) async fn channel(house: &House) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{}", house.address)).expect("an endpoint");
    endpoint.connect().await.expect("a connection")
}

pub(crate) fn reason(status: &Status) -> (Code, String) {
    let info = status.get_details_error_info().expect("an ErrorInfo");
    assert_eq!(info.domain, "stint");
    (status.code(), info.reason)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_came_by_one_door_reads_alike_by_both() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[("scan", 1)]).await;
    let mut jobs = JobsClient::new(channel(&house).await);
    let submitted = jobs
        .submit_job(v0::SubmitJobRequest {
            action: "say".to_owned(),
            capacity_map: Some(v0::CapacityMap { entries: [("scan".to_owned(), 1)].into() }),
            parameters: Some(v0::StringMap::default()),
            deadline: "1h30m".to_owned(),
            retries: Some(1),
            scheduled_at: Some(prost_types::Timestamp {
                seconds: 1_487_293_787,
                nanos: 771_000_000,
            }),
            ..v0::SubmitJobRequest::default()
        })
        .await
        .expect("a job")
        .into_inner();
    assert_eq!(submitted.status, "waiting");
    assert_eq!(submitted.wait_reason, "it is about to be claimed");
    let id = submitted.id.parse().expect("an id");
    worker.run(id, &["one", "two"], 3).await;
    let job =
        jobs.get_job(v0::GetJobRequest { id: submitted.id }).await.expect("a job").into_inner();
    let json = house.get(&format!("/api/v0/jobs/{id}")).await.json();
    assert_eq!(json["scheduledAt"], "2017-02-17T01:09:47.771Z");
    assert_eq!(job.scheduled_at.map(|at| at.nanos), Some(771_000_000));
    assert_eq!(json["status"], job.status.as_str());
    assert_eq!(json["workerID"], job.worker_id.as_str());
    assert_eq!(json["capacityMap"], json!({"scan": 1}));
    assert_eq!(job.capacity_map.expect("a map").entries["scan"], 1);
    assert_eq!(json["parameters"], json!({}));
    assert_eq!(job.parameters, Some(v0::StringMap::default()));
    assert_eq!(json["deadline"], job.deadline.as_str());
    assert_eq!(json["lineCount"], job.line_count);
    let attempt = &job.attempts[0];
    assert_eq!(json["attempts"][0]["exitCode"], json!(attempt.exit_code));
    assert_eq!(json["attempts"][0]["reason"], attempt.reason.as_str());
    assert_eq!(json["attempts"][0]["lease"], attempt.lease);

    let list = jobs.list_jobs(v0::ListJobsRequest::default()).await.expect("a list").into_inner();
    assert_eq!(list.jobs.len(), 2, "the job and its retry");
    let running = v0::ListJobsRequest { running: "T".to_owned(), ..Default::default() };
    assert!(jobs.list_jobs(running).await.expect("a list").into_inner().jobs.is_empty());
    let workers = WorkersClient::new(channel(&house).await)
        .list_workers(v0::ListWorkersRequest::default())
        .await
        .expect("a list");
    assert_eq!(workers.into_inner().workers[0].actions, ["say"]);
    let status = ClusterClient::new(channel(&house).await)
        .get_cluster_status(v0::GetClusterStatusRequest {})
        .await
        .expect("a status");
    assert_eq!(status.into_inner().replica_health["000000000000"], "OK");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_doors_refuse_alike() {
    let house = House::start().await;
    let mut jobs = JobsClient::new(channel(&house).await);
    let mut submit = async |request: v0::SubmitJobRequest| {
        reason(&jobs.submit_job(request).await.expect_err("a refusal"))
    };
    let base = || v0::SubmitJobRequest { action: "noop".to_owned(), ..Default::default() };
    let invalid = (Code::InvalidArgument, "INVALID_PARAMETERS".to_owned());
    assert_eq!(submit(v0::SubmitJobRequest::default()).await, invalid);
    let unknown = v0::SubmitJobRequest { action: "unheard-of".to_owned(), ..base() };
    assert_eq!(submit(unknown).await, (Code::NotFound, "NO_SUCH_ACTION".to_owned()));
    assert_eq!(submit(v0::SubmitJobRequest { deadline: "5".to_owned(), ..base() }).await, invalid);
    assert_eq!(submit(v0::SubmitJobRequest { retries: Some(u32::MAX), ..base() }).await, invalid);
    let at = Some(prost_types::Timestamp { seconds: -1, nanos: 0 });
    assert_eq!(submit(v0::SubmitJobRequest { scheduled_at: at, ..base() }).await, invalid);
    let entries = [("scan".to_owned(), -1)].into();
    let capacity_map = Some(v0::CapacityMap { entries });
    assert_eq!(submit(v0::SubmitJobRequest { capacity_map, ..base() }).await, invalid);
    let entries = [("P".to_owned(), "x".repeat(3 << 20))].into();
    let parameters = Some(v0::StringMap { entries });
    assert_eq!(submit(v0::SubmitJobRequest { parameters, ..base() }).await, invalid);

    let id = "1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b".to_owned();
    let missing = (Code::NotFound, "NO_SUCH_JOB".to_owned());
    let status = jobs.get_job(v0::GetJobRequest { id: id.clone() }).await.expect_err("a refusal");
    assert_eq!(reason(&status), missing);
    assert_eq!(status.get_details_error_info().expect("one").metadata["jobID"], id);
    let status = jobs.cancel_job(v0::CancelJobRequest { id: "x".to_owned() }).await;
    assert_eq!(reason(&status.expect_err("a refusal")), missing);
    let request = v0::GetJobLogsRequest { id, stream: true, ..Default::default() };
    assert_eq!(reason(&jobs.get_job_logs(request).await.expect_err("a refusal")), missing);
    let running = v0::ListJobsRequest { running: "maybe".to_owned(), ..Default::default() };
    let status = jobs.list_jobs(running).await.expect_err("a refusal");
    assert_eq!(reason(&status), invalid);
    let violations = status.get_details_bad_request().expect("a BadRequest").field_violations;
    assert_eq!(violations[0].field, "running");

    let job = house.submit(r#"{"action":"noop"}"#).await.to_string();
    jobs.cancel_job(v0::CancelJobRequest { id: job.clone() }).await.expect("canceled");
    let status = jobs.cancel_job(v0::CancelJobRequest { id: job }).await.expect_err("a refusal");
    assert_eq!(reason(&status), (Code::FailedPrecondition, "CONFLICT".to_owned()));
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_method_of_the_table_is_served_and_no_other() {
    let house = House::start().await;
    let mut client = tonic::client::Grpc::new(channel(&house).await);
    let others = [("stint.v0.Jobs", "Nothing"), ("stint.v0.Nobody", "ListJobs")];
    for (i, (service, method)) in
        Operation::ALL.into_iter().map(Operation::grpc).chain(others).enumerate()
    {
        client.ready().await.expect("a connection");
        let path = format!("/{service}/{method}").parse().expect("a path");
        let codec = tonic_prost::ProstCodec::<v0::GetJobRequest, v0::CancelJobResponse>::default();
        // Nobody's id, and to those who expect a number garbled: a watch would have no end.
        let request = v0::GetJobRequest { id: "nobody".to_owned() };
        let outcome = client.unary(Request::new(request), path, codec).await;
        let code = outcome.err().map_or(Code::Ok, |status| status.code());
        let is_served = code != Code::Unimplemented;
        assert_eq!(is_served, i < Operation::ALL.len(), "{service}/{method}: {code:?}");
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_is_followed_until_the_job_ends() {
    let house = House::start().await;
    let worker = Puppet::register(&house, &[]).await;
    let job = house.submit(r#"{"action":"say"}"#).await;
    let lease = worker.claim(job).await;
    worker.print(job, lease, 0, &["one"]).await;
    let mut jobs = JobsClient::new(channel(&house).await);
    let request = v0::GetJobLogsRequest { id: job.to_string(), stream: true, ..Default::default() };
    let mut pages = jobs.get_job_logs(request).await.expect("output").into_inner();
    let mut lines = Vec::new();
    let first = soon("a page", pages.message()).await.expect("a page").expect("a page");
    lines.extend(first.lines);
    worker.print(job, lease, 1, &["two", "three"]).await;
    worker.finish(job, lease, 0).await;
    while let Some(page) = soon("a page", pages.message()).await.expect("a page") {
        lines.extend(page.lines);
    }
    let lines: Vec<_> = lines.iter().map(|line| (line.line_num, line.data.as_str())).collect();
    assert_eq!(lines, [(0, "one"), (1, "two"), (2, "three")]);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_ends_what_would_go_on() {
    let house = House::start().await;
    Puppet::register(&house, &[]).await;
    let job = house.submit(r#"{"action":"say"}"#).await;
    let mut jobs = JobsClient::new(channel(&house).await);
    let follow = v0::GetJobLogsRequest { id: job.to_string(), stream: true, ..Default::default() };
    let mut request = Request::new(follow);
    // Set by hand, so that it is the server that ends it.
    request.metadata_mut().insert("grpc-timeout", "200m".parse().expect("a value"));
    let ended = soon("the deadline", async {
        match jobs.get_job_logs(request).await {
            Ok(pages) => pages.into_inner().message().await.expect_err("an end"),
            Err(status) => status,
        }
    });
    assert_eq!(ended.await.code(), Code::DeadlineExceeded);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_may_be_compressed_and_are_bounded() {
    let house = House::start().await;
    let mut jobs = JobsClient::new(channel(&house).await)
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    let noop = |bytes: usize| v0::SubmitJobRequest {
        action: "noop".to_owned(),
        parameters: Some(v0::StringMap { entries: [("P".to_owned(), "x".repeat(bytes))].into() }),
        ..v0::SubmitJobRequest::default()
    };
    let job = jobs.submit_job(noop(1_000)).await.expect("a job").into_inner();
    assert_eq!(job.parameters.expect("parameters").entries["P"].len(), 1_000);
    // Small on the wire, and more than a message may be.
    assert!(jobs.submit_job(noop(64 << 20)).await.is_err());
    let mut plain = JobsClient::new(channel(&house).await);
    let status = plain.submit_job(noop(5 << 20)).await.expect_err("a refusal");
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_follows_the_leader_and_ends_with_the_doors() {
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
    let mut house = House::start().await;
    let mut health = HealthClient::new(channel(&house).await);
    for service in ["", "stint.v0.Jobs", "stint.v0.Workers", "stint.v0.Cluster"] {
        crate::harness::until("the service to be serving", async || {
            let request = HealthCheckRequest { service: service.to_owned() };
            health.check(request).await.is_ok_and(|answer| answer.into_inner().status == 1)
        })
        .await;
    }
    let request = HealthCheckRequest { service: String::new() };
    let mut watch = health.watch(request).await.expect("a watch").into_inner();
    assert_eq!(watch.message().await.expect("a status").expect("a status").status, 1);
    house.leave();
    let news = soon("the news", watch.message()).await.expect("a status").expect("a status");
    assert_eq!(news.status, 2, "not serving, before the doors close");
    let start = Instant::now();
    let ((), last) = tokio::join!(house.shut_doors(), soon("the end", watch.message()));
    assert!(matches!(last, Ok(None) | Err(_)), "{last:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "a watch holds the doors open");
    house.replica.shutdown().await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_versions_of_reflection_name_all_services() {
    use tonic_reflection::pb::{v1, v1alpha};
    let house = House::start().await;
    let channel = channel(&house).await;
    let names = ["stint.v0.Jobs", "stint.v0.Workers", "stint.v0.Cluster", "grpc.health.v1.Health"];

    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let requests = futures_util::stream::iter([request]);
    let mut answers = client.server_reflection_info(requests).await.expect("answers").into_inner();
    let answer = answers.message().await.expect("an answer").expect("an answer");
    let text = format!("{answer:?}");
    assert!(names.iter().all(|name| text.contains(name)), "{text}");

    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
                "stint.v0.Jobs".to_owned(),
            ),
        ),
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let requests = futures_util::stream::iter([request]);
    let mut answers = client.server_reflection_info(requests).await.expect("answers").into_inner();
    let answer = answers.message().await.expect("an answer").expect("an answer");
    let text = format!("{answer:?}");
    assert!(text.contains("FileDescriptorResponse"), "{text}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_too_large_for_one_message_goes_on_where_it_was_cut() {
    let house = House::start().await;
    Puppet::register(&house, &[]).await;
    let text = "x".repeat(250 << 10);
    let body = json!({"action": "say", "parameters": {"text": text}}).to_string();
    let mut expected = Vec::new();
    for _ in 0..20 {
        expected.insert(0, house.submit(&body).await.to_string());
    }
    let mut jobs = JobsClient::new(channel(&house).await);
    let mut which = v0::ListJobsRequest { limit: Some(0), ..Default::default() };
    let (mut ids, mut messages) = (Vec::new(), 0);
    loop {
        let page = jobs.list_jobs(which.clone()).await.expect("a page").into_inner();
        messages += 1;
        ids.extend(page.jobs.into_iter().map(|job| job.id));
        if page.next.is_empty() {
            break;
        }
        which.after = page.next;
    }
    assert_eq!((ids, messages), (expected, 2));
    house.stop().await;
}
