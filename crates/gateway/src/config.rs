//! What an operator may choose about the doors of a replica.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use stint_trace::Traces;

use crate::cors::Origin;
use crate::inside::Inside;
use crate::limits;

/// The bounds that fit a machine rather than the API, whose defaults are meant to stay, and
/// whether strangers are let in.
#[derive(Debug, Clone)]
pub struct Config {
    /// How long the handshake of TLS may take.
    pub handshake_timeout: Duration,
    /// How long the head of a request may take from its first byte; a slower client is cut off.
    pub head_timeout: Duration,
    /// How long the body of a request may take.
    pub body_timeout: Duration,
    /// How long a connection may be without a request.
    pub idle_timeout: Duration,
    /// How long a client may take none of the bytes that are there for it.
    pub write_timeout: Duration,
    /// How long requests that are under way have at shutdown.
    pub shutdown_grace: Duration,
    /// Connections at a time; more wait to be accepted.
    pub connections_max: usize,
    /// Of these one address's; more are closed at once, in plain text with a `TOO_MANY_REQUESTS`.
    pub connections_per_address: NonZeroU32,
    /// Requests at a time; more are refused with `TOO_MANY_REQUESTS`.
    pub requests_max: usize,
    /// Requests at a time that follow the output of a job; more are refused. One client may have half
    /// of them.
    pub followers_max: usize,
    /// Changes, and reads of one record, that are carried out at a time. Where more wait, clients take
    /// turns.
    pub calls_at_once: usize,
    /// Pages of lists that are read at a time. Here too, clients take turns.
    pub pages_at_once: usize,
    /// Requests a second of one client, which is the user of a token, or else an address; more are
    /// refused. Twice as many are taken at once.
    pub requests_per_second: NonZeroU32,
    /// Requests at a time of one client; more are refused.
    pub requests_at_once: NonZeroU32,
    /// Whether callers need no token, as long as the cluster has never had one. A cluster that is
    /// closed stays so, whatever this says.
    pub is_open: bool,
    /// The origins whose pages may read answers in a browser; none by default.
    pub allowed_origins: Arc<[Origin]>,
    /// What administrators are told of this process; nothing by default.
    pub inside: Arc<Inside>,
    /// Where requests are told; nowhere by default.
    pub traces: Traces,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            handshake_timeout: limits::HANDSHAKE_TIMEOUT,
            head_timeout: limits::HEAD_TIMEOUT,
            body_timeout: limits::BODY_TIMEOUT,
            idle_timeout: limits::IDLE_TIMEOUT,
            write_timeout: limits::WRITE_TIMEOUT,
            shutdown_grace: limits::SHUTDOWN_GRACE,
            connections_max: limits::CONNECTIONS_MAX,
            connections_per_address: limits::CONNECTIONS_PER_ADDRESS,
            requests_max: limits::REQUESTS_MAX,
            followers_max: limits::FOLLOWERS_MAX,
            calls_at_once: limits::CALLS_AT_ONCE,
            pages_at_once: limits::pages_at_once(),
            requests_per_second: limits::REQUESTS_PER_SECOND,
            requests_at_once: limits::REQUESTS_AT_ONCE,
            is_open: false,
            allowed_origins: Arc::default(),
            inside: Arc::default(),
            traces: Traces::default(),
        }
    }
}
