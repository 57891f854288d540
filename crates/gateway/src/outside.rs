//! What every request passes, whichever door it takes: an id, a span, a place, and a net below.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use stint_failpoint::failpoint;
use stint_trace::TraceParent;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tower::Service as _;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::api::{Api, ApiError, Caller, Whence};
use crate::clients::{Client, Clients, Shares};
use crate::config::Config;
use crate::connection::{Activity, InFlight};
use crate::connections::Connections;
use crate::cors::Cors;
use crate::credentials::Credentials;
use crate::grpc::Deadline;
use crate::http::page::{self, Visit};
use crate::http::probes::{self, ALIVE_PATH};
use crate::inbound::Inbound;
use crate::metrics::{Code, Route};
use crate::operation::Operation;
use crate::session::{self, Session};
use crate::{grpc, http as rest, limits};

/// Names a request in answers and in logs.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Where a request stands in the trace of its client.
const TRACE_PARENT: &str = "traceparent";

/// Both doors, and what is shared by all requests.
pub(crate) struct Outside {
    api: Arc<Api>,
    http: Router,
    grpc: Router,
    config: Config,
    requests: Arc<Semaphore>,
    clients: Arc<Clients>,
    large_bodies: Arc<Shares>,
    cors: Cors,
    session: Session,
    ids: RequestIds,
    refusals: Refusals,
}

/// The two ways in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Http,
    Grpc,
}

impl Outside {
    pub(crate) fn new(
        api: Arc<Api>,
        (http, grpc): (Router, Router),
        config: Config,
        is_encrypted: bool,
    ) -> Self {
        Self {
            clients: api.clients(),
            api,
            http,
            grpc,
            requests: Arc::new(Semaphore::new(config.requests_max)),
            large_bodies: Arc::new(Shares::new(
                limits::LARGE_BODIES_MAX,
                limits::LARGE_BODIES_OF_CLIENT_MAX,
            )),
            cors: Cors::new(Arc::clone(&config.allowed_origins)),
            session: Session { is_encrypted },
            ids: RequestIds::new(),
            refusals: Refusals::default(),
            config,
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The places for connections.
    pub(crate) fn connections(&self) -> Arc<Connections> {
        Arc::clone(&self.api.metrics.connections)
    }

    /// The answer to a request. There always is one.
    pub(crate) async fn answer(
        &self,
        activity: &Arc<Activity>,
        request: Request<Incoming>,
    ) -> Result<Response<Outbound>, Infallible> {
        let began = Instant::now();
        let path = request.uri().path().to_owned();
        let id = self.ids.of(request.headers());
        let door = if grpc::is_grpc(request.headers()) { Door::Grpc } else { Door::Http };
        let permit = Arc::clone(&self.requests).try_acquire_owned().ok();
        let has_place = permit.is_some() || request.uri().path() == ALIVE_PATH;
        let in_flight = activity.begin(permit);
        let subject = Arc::<OnceLock<_>>::default();
        let body_bytes = request.body().size_hint().lower();
        let span = tracing::info_span!(
            "request",
            id = id.to_str().unwrap_or_default(),
            job = tracing::field::Empty,
            method = %request.method(),
            path = request.uri().path(),
        );
        let parent = request.headers().get(TRACE_PARENT).and_then(|header| header.to_str().ok());
        let parent = parent.filter(|_| self.config.traces.is_on()).and_then(TraceParent::parse);
        let readable = self.cors.readable_by(request.headers()).filter(|_| door == Door::Http);
        let mut response = if has_place {
            let request_id = id.to_str().unwrap_or_default().to_owned();
            let subject = Arc::clone(&subject);
            let whence = Whence { remote: activity.peer(), request_id, subject };
            let carried_out = self.carry_out(door, whence, request, &in_flight);
            let answer = carried_out.instrument(span.clone()).await;
            match failpoint!("gateway::outside::answer") {
                Ok(()) => answer,
                Err(why) => door.refusal(&ApiError::internal(&why.to_string())),
            }
        } else {
            let message = "too many requests are under way; try again, or ask another replica";
            door.refusal(&ApiError::TooManyRequests(message.to_owned()))
        };
        let (route, code) = door.sort(&path, &response);
        let time = began.elapsed();
        self.api.metrics.requests.note(route, code, time);
        span.in_scope(|| tracing::debug!(code = code.text(), ?time, "answered"));
        if self.config.traces.is_on() && route != Route::Probe {
            let now = SystemTime::now();
            self.config.traces.answered(&stint_trace::Request {
                parent,
                operation: route.name(),
                id: id.to_str().unwrap_or_default(),
                code: code.text(),
                is_failure: code.is_failure(),
                job: subject.get().copied(),
                start: now.checked_sub(time).unwrap_or(now),
                end: now,
            });
        }
        if code.is_too_many() && in_flight.has_place() {
            // It keeps its place meanwhile: who repeats what was refused, again and again, has all of
            // his places full of that.
            tokio::time::sleep(self.refusals.delay(body_bytes)).await;
        }
        response.headers_mut().insert(REQUEST_ID, id);
        if let Some(readable) = readable {
            readable.mark(response.headers_mut());
        }
        Ok(response.map(|body| Outbound { body, _in_flight: in_flight }))
    }

    /// Passes the request through its door. A panic behind it is this request's alone.
    async fn carry_out(
        &self,
        door: Door,
        whence: Whence,
        request: Request<Incoming>,
        in_flight: &Arc<InFlight>,
    ) -> Response<Body> {
        let deadline = Deadline::from_headers(request.headers()).filter(|_| door == Door::Grpc);
        let mut request = request.map(|incoming| {
            let (large_bodies, in_flight) = (Arc::clone(&self.large_bodies), Arc::clone(in_flight));
            let timeout = self.config.body_timeout;
            Body::new(Inbound::new(incoming, timeout, large_bodies, in_flight))
        });
        if let Some(deadline) = deadline {
            request.extensions_mut().insert(deadline);
        }
        let preflight = self.cors.preflight(&request).filter(|_| door == Door::Http);
        let answer = self.pass(door, whence, request, preflight, in_flight);
        let answer = AssertUnwindSafe(answer).catch_unwind();
        if let Err(why) = failpoint!("gateway::outside::request") {
            return door.refusal(&ApiError::internal(&why.to_string()));
        }
        let outcome = match deadline {
            None => answer.await,
            Some(Deadline(at)) => match tokio::time::timeout_at(at, answer).await {
                Ok(outcome) => outcome,
                Err(_) => return Deadline::exceeded().into_http(),
            },
        };
        match outcome {
            Ok(response) => response,
            Err(_panic) => door.refusal(&ApiError::internal("the request met a bug; see the log")),
        }
    }
}

impl Outside {
    /// Answers browsers that ask for the page or for permission themselves, and lets the others through
    /// their door, if they may.
    async fn pass(
        &self,
        door: Door,
        whence: Whence,
        mut request: Request<Body>,
        preflight: Option<Response<Body>>,
        in_flight: &InFlight,
    ) -> Response<Body> {
        let visit = Visit::of(&request).filter(|_| door == Door::Http);
        let credentials = self.credentials(door, &request);
        if preflight.is_some() || visit.is_some() || credentials.is_err() {
            let stranger = Client::new(None, whence.remote.ip());
            let admitted = self.clients.admit(stranger, Instant::now());
            if let Err(error) = admitted.and_then(|place| in_flight.occupy(place)) {
                return door.refusal(&error);
            }
        }
        if let Some(preflight) = preflight {
            return preflight;
        }
        if let Some(visit) = visit {
            return page::receive(&self.api, self.session, visit, whence, request).await;
        }
        let admitted = match credentials {
            Ok(credentials) => {
                self.admit(door, request.uri().path(), whence, credentials, in_flight).await
            }
            Err(error) => Err(error),
        };
        match admitted {
            Ok(caller) => {
                let mut router = match door {
                    Door::Http => self.http.clone(),
                    Door::Grpc => self.grpc.clone(),
                };
                // Reflection is asked by one message after the other, and is no such operation.
                let has_one_message =
                    door == Door::Grpc && Operation::of_grpc(request.uri().path()).is_some();
                match caller {
                    Some(caller) if has_one_message => {
                        request.extensions_mut().insert(caller.clone());
                        let answer = grpc::pass_on(&self.api, &caller, request, router).await;
                        return answer.unwrap_or_else(|error| door.refusal(&error));
                    }
                    Some(caller) => drop(request.extensions_mut().insert(caller)),
                    None => {}
                }
                router.call(request).await.unwrap_or_else(|never| match never {})
            }
            Err(error) => door.refusal(&error),
        }
    }

    /// What a request says of its sender. A browser says some of it without its user's knowledge, so a
    /// page of elsewhere may neither use a session nor change an open cluster.
    fn credentials(
        &self,
        door: Door,
        request: &Request<Body>,
    ) -> Result<Option<Credentials>, ApiError> {
        let sent = Credentials::of(request.headers());
        if door == Door::Grpc || request.headers().contains_key(header::AUTHORIZATION) {
            return Ok(sent);
        }
        let is_foreign = !session::is_safe(request.method())
            && session::From::of(request) == session::From::Foreign
            && !self.cors.lists(request.headers());
        if is_foreign {
            return Err(ApiError::NotAuthorized(
                "this request comes from a page of another address, whose origin is not listed in \
                 allowed_origins"
                    .to_owned(),
            ));
        }
        self.session.credentials(request)
    }

    /// Who asks, for all but what anybody may ask, unless it is more than one client may. Whether
    /// that user may is looked up here for gRPC, whose paths are the operations, and where the path
    /// is known for HTTP.
    async fn admit(
        &self,
        door: Door,
        path: &str,
        whence: Whence,
        credentials: Option<Credentials>,
        in_flight: &InFlight,
    ) -> Result<Option<Caller>, ApiError> {
        if door.is_probe(path) {
            return Ok(None);
        }
        // Who is not known yet is counted by his address before the cluster is asked about him: to
        // try out tokens is not free.
        let known = self.api.recognize(&whence, credentials.as_ref());
        let client = Client::new(known.as_ref().and_then(Caller::user), whence.remote.ip());
        in_flight.occupy(self.clients.admit(client, Instant::now())?)?;
        if door.is_public(path) {
            return Ok(None);
        }
        let caller = match known {
            Some(caller) => caller,
            None => self.api.authenticate(whence, credentials).await?,
        };
        if let (Door::Grpc, Some(operation)) = (door, Operation::of_grpc(path)) {
            caller.may(operation)?;
        }
        Ok(Some(caller))
    }
}

impl Door {
    /// Whether a path asks how this replica is.
    fn is_probe(self, path: &str) -> bool {
        match self {
            Self::Http => probes::is_probe(path),
            Self::Grpc => path.starts_with(grpc::HEALTH_PATH),
        }
    }

    /// Whether a path tells nothing that strangers should not know.
    fn is_public(self, path: &str) -> bool {
        match self {
            Self::Http => probes::is_public(path),
            Self::Grpc => path.starts_with(grpc::HEALTH_PATH),
        }
    }

    /// How a request and its answer are counted. What a stream of gRPC ends with is not known yet.
    fn sort(self, path: &str, response: &Response<Body>) -> (Route, Code) {
        let route = |operation: Option<Operation>| match operation {
            Some(operation) => Route::Operation(operation),
            None if self.is_probe(path) => Route::Probe,
            None => Route::Other,
        };
        match self {
            Self::Http => {
                let operation = response.extensions().get::<Operation>().copied();
                (route(operation), Code::Http(response.status().as_u16()))
            }
            Self::Grpc => {
                let code = response.headers().get(tonic::Status::GRPC_STATUS);
                let code =
                    code.map_or(tonic::Code::Ok, |code| tonic::Code::from_bytes(code.as_bytes()));
                (route(Operation::of_grpc(path)), Code::Grpc(code))
            }
        }
    }

    fn refusal(self, error: &ApiError) -> Response<Body> {
        match self {
            Self::Http => rest::refusal(error),
            Self::Grpc => grpc::status(error).into_http(),
        }
    }
}

/// The body of an answer. The request is under way until it is sent.
pub(crate) struct Outbound {
    body: Body,
    _in_flight: Arc<InFlight>,
}

impl HttpBody for Outbound {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Spreads answers that somebody asks for too much: of many that were refused at once, each comes back
/// at its own time.
#[derive(Default)]
struct Refusals(AtomicU64);

impl Refusals {
    /// Half to one and a half of [`limits::REFUSAL_DELAY`], or of that for a large body, in steps that are
    /// far from each other.
    fn delay(&self, body_bytes: u64) -> Duration {
        let is_small =
            usize::try_from(body_bytes).is_ok_and(|bytes| bytes <= limits::SMALL_BODY_BYTES_MAX);
        let mean = if is_small { limits::REFUSAL_DELAY } else { limits::LARGE_REFUSAL_DELAY };
        let step = self.0.fetch_add(37, Ordering::Relaxed) % 64;
        let step = u32::try_from(step).expect("less than 64");
        mean / 2 + mean * step / 64
    }
}

/// Draws ids for requests that bring none: random for the process, counted for the request.
struct RequestIds {
    prefix: String,
    next: AtomicU64,
}

impl RequestIds {
    fn new() -> Self {
        let text = Uuid::now_v7().simple().to_string();
        let prefix = text.get(20..).unwrap_or_default().to_owned();
        Self { prefix, next: AtomicU64::new(1) }
    }

    /// The client's own id if it is a sane token, else a new one.
    fn of(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(id) = headers.get(REQUEST_ID).filter(|id| is_sane(id.as_bytes())) {
            return id.clone();
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        HeaderValue::try_from(format!("{}-{number}", self.prefix))
            .expect("digits and a hyphen are a header value")
    }
}

fn is_sane(id: &[u8]) -> bool {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !id.is_empty() && id.len() <= limits::REQUEST_ID_BYTES_MAX && id.iter().all(is_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_id_if_it_is_a_token() {
        let ids = RequestIds::new();
        let of = |id: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, id.parse().unwrap());
            ids.of(&headers)
        };
        assert_eq!(of("build-42.a_b"), "build-42.a_b");
        for id in ["", "a b", "a\"b", "a;b", &"x".repeat(65)] {
            assert_ne!(of(id), id);
        }
        assert_ne!(of(""), of(""));
    }
}
