//! A replica that answers as a test tells it to, over a real connection.

mod configuration;

use std::collections::{BTreeMap, HashMap};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_util::{Stream, StreamExt as _};
use stint_proto::v0;
use stint_proto::v0::action_configs_server::ActionConfigsServer;
use stint_proto::v0::crons_server::CronsServer;
use stint_proto::v0::events_server::{Events, EventsServer};
use stint_proto::v0::jobs_server::{Jobs, JobsServer};
use stint_proto::v0::settings_server::SettingsServer;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use configuration::Configuration;

type Reply<T> = Result<Response<T>, Status>;
type Lines = Result<v0::GetJobLogsResponse, Status>;
type Message = Result<v0::WatchResponse, Status>;

/// What the fake does with a call.
pub(super) enum Answer {
    Job(Box<v0::Job>),
    Done,
    No(Status),
    /// Sends these, and then nothing more, but does not end.
    LinesAndSilence(Vec<Lines>),
    Lines(Vec<Lines>),
    Messages(Vec<Message>),
    Silence,
}

/// One call as the fake sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct Call {
    pub(super) method: &'static str,
    /// Counted from 0, for each method.
    pub(super) number: usize,
    pub(super) logs: v0::GetJobLogsRequest,
    pub(super) watch: v0::WatchRequest,
}

/// The fake, while it lives.
pub(super) struct Fake {
    pub(super) address: SocketAddr,
    calls: Arc<Mutex<BTreeMap<&'static str, usize>>>,
    /// Its own, so that its connections end with it.
    runtime: Option<Runtime>,
}

impl Fake {
    pub(super) fn start(script: impl Fn(Call) -> Answer + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let calls = Arc::default();
        let service = Arc::new(Service { script: Box::new(script), calls: Arc::clone(&calls) });
        runtime.spawn(async {
            let listener = TcpListener::from_std(listener).expect("a socket");
            tonic::transport::Server::builder()
                .add_service(CronsServer::new(Configuration(Arc::clone(&service))))
                .add_service(ActionConfigsServer::new(Configuration(Arc::clone(&service))))
                .add_service(SettingsServer::new(Configuration(Arc::clone(&service))))
                .add_service(EventsServer::from_arc(Arc::clone(&service)))
                .add_service(JobsServer::from_arc(service))
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await
        });
        Self { address, calls, runtime: Some(runtime) }
    }

    /// How often this method was called.
    pub(super) fn calls(&self, method: &str) -> usize {
        self.calls.lock().expect("no test panicked").get(method).copied().unwrap_or(0)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A port that is taken but where nobody listens, and nobody else can while this lives: tests run
/// beside each other, and a port that is free again is soon the port of another test's fake.
pub(super) struct Nobody {
    pub(super) address: SocketAddr,
    _taken: TcpSocket,
}

impl Nobody {
    pub(super) fn take() -> Self {
        let taken = TcpSocket::new_v4().expect("a socket");
        taken.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        Self { address: taken.local_addr().expect("an address"), _taken: taken }
    }
}

/// A replica that stops: whatever it is asked, it says that it has not begun with it, and closes.
pub(super) fn stopping() -> SocketAddr {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    // The last stream that it has looked at is none, and there is no error.
    const GO_AWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    /// The kind of a frame that begins a request, at its place in the head.
    const HEADERS: u8 = 1;
    const PREFACE_BYTES: usize = 24;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            if stream.read_exact(&mut [0; PREFACE_BYTES]).is_err() {
                continue;
            }
            stream.write_all(&SETTINGS).expect("a client");
            loop {
                let mut head = [0; 9];
                if stream.read_exact(&mut head).is_err() {
                    break;
                }
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                let length = usize::try_from(length).expect("24 bits");
                stream.read_exact(&mut vec![0; length]).expect("a frame");
                if head[3] == HEADERS {
                    stream.write_all(&GO_AWAY).expect("a client");
                }
            }
        }
    });
    address
}

/// A "no" as replicas say it.
pub(super) fn no(code: Code, reason: &str, message: &str) -> Answer {
    let details = ErrorDetails::with_error_info(reason, "stint", HashMap::new());
    Answer::No(Status::with_error_details(code, message, details))
}

/// How they say that they do not know.
pub(super) fn unknown() -> Answer {
    let metadata = HashMap::from([("outcome".to_owned(), "unknown".to_owned())]);
    let details = ErrorDetails::with_error_info("NO_LEADER", "stint", metadata);
    Answer::No(Status::with_error_details(Code::Unavailable, "the leader was lost", details))
}

/// A job of this status.
pub(super) fn job(status: &str) -> Answer {
    let job = v0::Job { id: "a".into(), status: status.into(), ..Default::default() };
    Answer::Job(Box::new(job))
}

#[expect(clippy::unnecessary_wraps, reason = "it stands among failures in a list of messages")]
/// The lines of these numbers, in one message.
pub(super) fn lines(numbers: std::ops::Range<u64>) -> Lines {
    let line = |line_num| v0::LogLine {
        data: format!("line {line_num}"),
        line_num,
        source: "stdout".into(),
    };
    Ok(v0::GetJobLogsResponse { lines: numbers.map(line).collect() })
}

struct Service {
    script: Box<dyn Fn(Call) -> Answer + Send + Sync>,
    calls: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

impl Service {
    fn answer(&self, call: Call) -> Answer {
        let method = call.method;
        let number = {
            let mut calls = self.calls.lock().expect("no test panicked");
            let count = calls.entry(method).or_default();
            *count += 1;
            *count - 1
        };
        (self.script)(Call { number, ..call })
    }

    async fn job(&self, method: &'static str) -> Reply<v0::Job> {
        match self.answer(Call { method, ..Call::default() }) {
            Answer::Job(job) => Ok(Response::new(*job)),
            Answer::No(status) => Err(status),
            Answer::Silence => std::future::pending().await,
            Answer::Done | Answer::Lines(_) | Answer::LinesAndSilence(_) | Answer::Messages(_) => {
                panic!("not an answer to {method}")
            }
        }
    }

    async fn done<T: Default>(&self, method: &'static str) -> Reply<T> {
        match self.answer(Call { method, ..Call::default() }) {
            Answer::Done => Ok(Response::new(T::default())),
            Answer::No(status) => Err(status),
            Answer::Silence => std::future::pending().await,
            Answer::Job(_)
            | Answer::Lines(_)
            | Answer::LinesAndSilence(_)
            | Answer::Messages(_) => {
                panic!("not an answer to {method}")
            }
        }
    }
}

#[tonic::async_trait]
impl Jobs for Service {
    type GetJobLogsStream = Pin<Box<dyn Stream<Item = Lines> + Send>>;

    async fn list_jobs(&self, _: Request<v0::ListJobsRequest>) -> Reply<v0::ListJobsResponse> {
        self.done("list").await
    }

    async fn submit_job(&self, _: Request<v0::SubmitJobRequest>) -> Reply<v0::Job> {
        self.job("submit").await
    }

    async fn get_job(&self, _: Request<v0::GetJobRequest>) -> Reply<v0::Job> {
        self.job("get").await
    }

    async fn delete_job(&self, _: Request<v0::DeleteJobRequest>) -> Reply<v0::DeleteJobResponse> {
        self.done("delete").await
    }

    async fn cancel_job(&self, _: Request<v0::CancelJobRequest>) -> Reply<v0::CancelJobResponse> {
        self.done("cancel").await
    }

    async fn retry_job(&self, _: Request<v0::RetryJobRequest>) -> Reply<v0::Job> {
        self.job("retry").await
    }

    async fn bulk_jobs(&self, _: Request<v0::BulkJobsRequest>) -> Reply<v0::BulkJobsResponse> {
        self.done("bulk").await
    }

    async fn list_job_attempts(
        &self,
        _: Request<v0::ListJobAttemptsRequest>,
    ) -> Reply<v0::ListJobAttemptsResponse> {
        self.done("attempts").await
    }

    async fn get_job_logs(
        &self,
        request: Request<v0::GetJobLogsRequest>,
    ) -> Reply<Self::GetJobLogsStream> {
        let logs = request.into_inner();
        match self.answer(Call { method: "logs", logs, ..Call::default() }) {
            Answer::Lines(lines) => Ok(Response::new(Box::pin(futures_util::stream::iter(lines)))),
            Answer::LinesAndSilence(lines) => {
                let silence = futures_util::stream::pending();
                Ok(Response::new(Box::pin(futures_util::stream::iter(lines).chain(silence))))
            }
            Answer::No(status) => Err(status),
            Answer::Silence => std::future::pending().await,
            Answer::Job(_) | Answer::Done | Answer::Messages(_) => panic!("not an answer to logs"),
        }
    }
}

#[tonic::async_trait]
impl Events for Service {
    type WatchStream = Pin<Box<dyn Stream<Item = Message> + Send>>;

    async fn watch(&self, request: Request<v0::WatchRequest>) -> Reply<Self::WatchStream> {
        let watch = request.into_inner();
        match self.answer(Call { method: "watch", watch, ..Call::default() }) {
            Answer::Messages(messages) => {
                Ok(Response::new(Box::pin(futures_util::stream::iter(messages))))
            }
            Answer::No(status) => Err(status),
            Answer::Silence => std::future::pending().await,
            Answer::Job(_) | Answer::Done | Answer::Lines(_) | Answer::LinesAndSilence(_) => {
                panic!("not an answer to watch")
            }
        }
    }
}
