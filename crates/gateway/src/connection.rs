//! One connection: HTTP/1.1 or HTTP/2 by prior knowledge, watched so that it cannot be held for
//! nothing.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use stint_tls::Line;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use crate::api::{ApiError, stopped};
use crate::clients::{Client, Place};
use crate::config::Config;
use crate::inbound::LargeBody;
use crate::limits;
use crate::outside::Outside;
use crate::wire::Wire;

/// What a connection is doing, as far as it matters for cutting it off.
#[derive(Debug)]
pub(crate) struct Activity {
    peer: SocketAddr,
    opened: Instant,
    requests: AtomicUsize,
    /// Milliseconds from `opened` to the end of the last request.
    quiet_since: AtomicU64,
    /// Milliseconds from `opened` to the first byte after that, and one; 0 while there is none.
    head_since: AtomicU64,
    has_read: AtomicBool,
    is_http2: AtomicBool,
}

/// A request that is under way, until its answer is sent.
#[derive(Debug)]
pub(crate) struct InFlight {
    activity: Arc<Activity>,
    _request: Option<OwnedSemaphorePermit>,
    large_body: OnceLock<LargeBody>,
    place: OnceLock<Place>,
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is used, or has not been idle for long.
    Fine,
    /// Nothing has been asked for a long time.
    Idle,
    /// The head of a request does not come to its end.
    Slow,
}

impl Activity {
    fn new(peer: SocketAddr) -> Self {
        Self {
            peer,
            opened: Instant::now(),
            requests: AtomicUsize::new(0),
            quiet_since: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            has_read: AtomicBool::new(false),
            is_http2: AtomicBool::new(false),
        }
    }

    /// Who is at the other end.
    pub(crate) const fn peer(&self) -> SocketAddr {
        self.peer
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Bytes came in. The first ones of a connection say which HTTP it speaks.
    pub(crate) fn has_read(&self, bytes: &[u8]) {
        if !self.has_read.swap(true, Ordering::Relaxed) {
            self.is_http2.store(bytes.starts_with(b"PRI"), Ordering::Relaxed);
        }
        if self.requests.load(Ordering::Relaxed) == 0 && !self.is_http2.load(Ordering::Relaxed) {
            let now = self.elapsed_ms().saturating_add(1);
            // Only the first byte of a head counts, so whoever was first is right.
            let _first =
                self.head_since.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// The head of a request is complete.
    pub(crate) fn begin(self: &Arc<Self>, request: Option<OwnedSemaphorePermit>) -> Arc<InFlight> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.head_since.store(0, Ordering::Relaxed);
        let activity = Arc::clone(self);
        Arc::new(InFlight {
            activity,
            _request: request,
            large_body: OnceLock::new(),
            place: OnceLock::new(),
        })
    }

    fn verdict(&self, config: &Config) -> Verdict {
        if self.requests.load(Ordering::Relaxed) > 0 {
            return Verdict::Fine;
        }
        let is_older = |since: u64, timeout: Duration| {
            u128::from(self.elapsed_ms().saturating_sub(since)) >= timeout.as_millis()
        };
        let head_since = self.head_since.load(Ordering::Relaxed);
        if head_since > 0 && is_older(head_since, config.head_timeout) {
            return Verdict::Slow;
        }
        let quiet_since = self.quiet_since.load(Ordering::Relaxed);
        if is_older(quiet_since, config.idle_timeout) { Verdict::Idle } else { Verdict::Fine }
    }
}

impl InFlight {
    /// Holds the right to a large body until the request is over.
    pub(crate) fn keep(&self, large_body: LargeBody) {
        // A body turns large once, so the place is empty.
        let _unused = self.large_body.set(large_body);
    }

    /// Who asks, as far as it is known: somebody without a token is an address.
    pub(crate) fn client(&self) -> Client {
        let stranger = || Client::new(None, self.activity.peer.ip());
        self.place.get().map_or_else(stranger, |place| place.client().clone())
    }

    /// Holds a place among the requests of the client until the request is over, and pays for it.
    pub(crate) fn occupy(&self, place: Place) -> Result<(), ApiError> {
        // A request is admitted once, so there is none yet.
        self.place.get_or_init(|| place).pay(Instant::now())
    }

    /// Whether it is one of the client's own requests that are under way.
    pub(crate) fn has_place(&self) -> bool {
        self.place.get().is_some()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.activity.quiet_since.store(self.activity.elapsed_ms(), Ordering::Relaxed);
        self.activity.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a connection until it ends, is cut off, or the gateway stops and its requests are done.
pub(crate) async fn serve(
    stream: Line,
    peer: SocketAddr,
    outside: Arc<Outside>,
    mut stopping: watch::Receiver<bool>,
) {
    let config = outside.config().clone();
    let activity = Arc::new(Activity::new(peer));
    let wire = Wire::new(stream, Arc::clone(&activity), config.write_timeout);
    let watched = Arc::clone(&activity);
    let service = service_fn(move |request| {
        let (outside, activity) = (Arc::clone(&outside), Arc::clone(&activity));
        // A connection keeps the place of its last request; of one that follows it is then small.
        Box::pin(async move { outside.answer(&activity, request).await })
    });
    let builder = builder();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(wire), service));
    // Half of the shortest limit: whatever is over its limit is seen within half as long again.
    let period = (config.head_timeout.min(config.idle_timeout) / 2).max(Duration::from_millis(1));
    let mut watch = tokio::time::interval(period);
    let (mut is_ending, mut is_idle) = (false, false);
    loop {
        tokio::select! {
            outcome = connection.as_mut() => {
                if let Err(error) = outcome {
                    tracing::debug!(error, "a connection broke off");
                }
                return;
            }
            () = stopped(&mut stopping), if !is_ending => {
                connection.as_mut().graceful_shutdown();
                is_ending = true;
            }
            _ = watch.tick() => match watched.verdict(&config) {
                Verdict::Fine => is_idle = false,
                Verdict::Slow => return,
                Verdict::Idle if is_idle => return,
                Verdict::Idle => {
                    connection.as_mut().graceful_shutdown();
                    (is_ending, is_idle) = (true, true);
                }
            },
        }
    }
}

/// The bounds of both protocols. The timeouts for heads are ours: those of hyper cannot tell a
/// slow head from a connection that is kept for later.
fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().header_read_timeout(None).max_buf_size(limits::HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits::PING_INTERVAL)
        .keep_alive_timeout(limits::PING_ANSWER_MAX)
        .max_concurrent_streams(limits::STREAMS_PER_CONNECTION_MAX)
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(limits::SEND_BUFFER_BYTES_MAX)
        .max_header_list_size(u32::try_from(limits::HEAD_BYTES_MAX).unwrap_or(u32::MAX));
    builder
}
