//! Connections to the other replicas, made when they are first needed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use stint_proto::peer::v1::peer_client::PeerClient;
use tonic::transport::{Channel, Endpoint};

use crate::limits::{CONNECT_TIMEOUT, MESSAGE_BYTES_MAX, PING_INTERVAL};

pub(crate) type Client = PeerClient<Channel>;

/// What a connection carries: bulk must not stand in the way of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// Heartbeats, votes, hand-over.
    Control,
    /// Entries.
    Append,
    /// Snapshots and lost output.
    Bulk,
    /// Proposals and reads of followers.
    Request,
}

/// All connections of this replica, by where they lead and what they carry.
#[derive(Default)]
pub(crate) struct Peers(Mutex<BTreeMap<(String, Lane), Client>>);

impl Peers {
    /// The connection; it is made, and made anew, by itself when it is used.
    pub(crate) fn client(&self, address: &str, lane: Lane) -> Result<Client, tonic::Status> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (address.to_owned(), lane);
        if let Some(client) = known.get(&key) {
            return Ok(client.clone());
        }
        let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|error| {
            tonic::Status::invalid_argument(format!("peer address {address}: {error}"))
        })?;
        let channel = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_INTERVAL)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(4 * 1024 * 1024)
            .initial_connection_window_size(8 * 1024 * 1024)
            .tcp_nodelay(true)
            .connect_lazy();
        let client = Client::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        known.insert(key, client.clone());
        Ok(client)
    }
}
