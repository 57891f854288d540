//! Traces: what a collector of OpenTelemetry gets to know.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::harness::cluster::Replica;
use crate::harness::{Cluster, Options, wait_for};

/// Takes what it is sent.
#[derive(Debug, Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans;
        let scopes = resources.into_iter().flat_map(|resource| resource.scope_spans);
        let spans = scopes.flat_map(|scope| scope.spans);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// Serves at this address until what it returns is dropped, with all connections.
    fn serve(&self, address: SocketAddr) -> (tokio::runtime::Runtime, SocketAddr) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let listener = wait_for("the place of the collector", || {
            runtime.block_on(tokio::net::TcpListener::bind(address))
        });
        let address = listener.local_addr().expect("an address");
        let service = TraceServiceServer::new(self.clone());
        let incoming = TcpListenerStream::new(listener);
        runtime.spawn(
            tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming),
        );
        (runtime, address)
    }

    /// The spans of a trace.
    fn trace(&self, id: &str) -> Vec<Span> {
        let spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spans.iter().filter(|span| hex(&span.trace_id) == id).cloned().collect()
    }

    /// Waits until a job has been told to its end, and gives its spans by their beginnings.
    fn job(&self, job: &str) -> Vec<Span> {
        let trace = job.replace('-', "");
        wait_for("the trace of a job", || {
            let mut spans = self.trace(&trace);
            spans.sort_by_key(|span| (span.start_time_unix_nano, span.end_time_unix_nano));
            let is_whole = spans.iter().any(|span| span.name.starts_with("job "));
            if is_whole { Ok(spans) } else { Err(spans) }
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn text(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    let value = found.value.as_ref()?.value.as_ref()?;
    if let Value::StringValue(text) = value { Some(text.clone()) } else { None }
}

fn names(spans: &[Span]) -> Vec<&str> {
    let mut names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    names
}

fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

fn start(collector: SocketAddr) -> Cluster {
    let actions = format!(
        "[traces]\nendpoint = \"http://{collector}\"\n\
         [actions.fine]\ncommand = [\"true\"]\n[actions.bad]\ncommand = [\"false\"]\n\
         [actions.long]\ncommand = [\"sleep\", \"600\"]\n"
    );
    Cluster::start(&Options { actions: actions.leak(), ..Options::default() })
}

#[test]
fn the_trace_of_a_job_tells_its_life_and_the_request_stands_in_that_of_its_client() {
    let collector = Collector::default();
    let (_runtime, address) = collector.serve(([127, 0, 0, 1], 0).into());
    let cluster = start(address);
    let client = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let url = format!("http://{}/api/v0/jobs", cluster.replicas[0].address);
    let mut answer = ureq::post(&url)
        .header("traceparent", &format!("00-{}-{}-01", client.0, client.1))
        .header("content-type", "application/json")
        .send("{\"action\":\"fine\"}")
        .expect("an answer");
    let body = answer.body_mut().read_to_string().expect("a body");
    let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let job = body["id"].as_str().expect("an id");

    let spans = collector.job(job);
    assert_eq!(names(&spans), ["job fine", "run", "wait"], "{spans:#?}");
    let whole = spans.iter().find(|span| span.name == "job fine").expect("the job");
    assert!(whole.parent_span_id.iter().all(|byte| *byte == 0), "it is the first of its trace");
    assert_eq!(text(whole, "stint.job.status").as_deref(), Some("done"));
    for part in spans.iter().filter(|span| span.name != "job fine") {
        assert_eq!(part.parent_span_id, whole.span_id);
        assert!(part.start_time_unix_nano >= whole.start_time_unix_nano);
        assert!(part.end_time_unix_nano <= whole.end_time_unix_nano);
        assert!(!is_error(part));
    }

    let requests = wait_for("the trace of the client", || {
        Some(collector.trace(client.0)).filter(|spans| !spans.is_empty()).ok_or("none")
    });
    let [request] = requests.as_slice() else { panic!("{requests:#?}") };
    assert_eq!(request.name, "SubmitJob");
    assert_eq!(hex(&request.parent_span_id), client.1);
    assert_eq!(text(request, "stint.code").as_deref(), Some("202"));
    assert_eq!(text(request, "stint.job.id").as_deref(), Some(job));
    assert_eq!(request.links.first().map(|link| hex(&link.trace_id)), Some(job.replace('-', "")));
}

#[test]
fn traces_go_on_after_the_death_of_a_worker_and_of_the_collector() {
    let collector = Collector::default();
    let (runtime, address) = collector.serve(([127, 0, 0, 1], 0).into());
    let mut cluster = start(address);
    let leader = cluster.leader();
    let job = cluster.submit(leader, "{\"action\":\"long\",\"deadline\":\"590s\"}");
    let running = cluster.wait_for_status(leader, &job, "running");
    let is_at = |replica: &Replica| running["workerID"] == replica.id.as_str();
    let lost = cluster.replicas.iter().position(is_at).expect("its worker");
    cluster.kill(lost);
    let other = (lost + 1) % 3;
    wait_for("the second attempt", || {
        let job = cluster.job(other, &job);
        let count = job["attempts"].as_array().map(Vec::len);
        if job["status"] == "running" && count == Some(2) { Ok(()) } else { Err(job) }
    });
    let answer = cluster.post(other, &format!("/api/v0/jobs/{job}/cancel"), "").expect("an answer");
    assert_eq!(answer.status, 204, "{answer:?}");
    let spans = collector.job(&job);
    let runs: Vec<_> = spans.iter().filter(|span| span.name == "run").collect();
    let [first, second] = runs.as_slice() else { panic!("{spans:#?}") };
    assert!(is_error(first), "its worker died: {first:?}");
    assert!(!is_error(second), "it was canceled: {second:?}");
    assert!(first.end_time_unix_nano <= second.start_time_unix_nano);

    drop(runtime);
    let unseen = cluster.submit(other, "{\"action\":\"bad\"}");
    cluster.wait_for_status(other, &unseen, "error");
    let (_runtime, _) = collector.serve(address);
    // What is sent while a connection breaks may be lost with it: nothing waits for traces.
    let mut sent = Vec::new();
    wait_for("a job to be told again", || {
        let job = cluster.submit(other, "{\"action\":\"bad\"}");
        cluster.wait_for_status(other, &job, "error");
        sent.push(job.replace('-', ""));
        let told = sent.iter().map(|trace| collector.trace(trace));
        let is_whole = |spans: &Vec<Span>| spans.iter().filter(|span| is_error(span)).count() == 2;
        if told.into_iter().any(|spans| is_whole(&spans)) { Ok(()) } else { Err(sent.len()) }
    });
}
