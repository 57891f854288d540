//! Connections to the other replicas, made when they are first needed.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use hyper_util::rt::TokioIo;
use stint_proto::peer::v1::peer_client::PeerClient;
use stint_tls::{Line, Network, Stream};
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint};

use crate::limits::{CONNECT_TIMEOUT, MESSAGE_BYTES_MAX, PING_INTERVAL};
use crate::snapshot::Outgoing;
use crate::troubles::Troubles;

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

/// All connections of this replica, by whom they are to reach, and where, and what they carry.
pub(crate) struct Peers {
    tls: Option<stint_tls::Peers>,
    /// What they run over, unless that is TCP.
    network: Option<Arc<dyn Network>>,
    known: Mutex<BTreeMap<(u64, String, Lane), Client>>,
    pub(crate) troubles: Troubles,
    /// How snapshots go, and those whose way was cut.
    pub(crate) outgoing: Arc<Outgoing>,
}

impl Peers {
    /// Connections in plain text if there is no `tls`.
    pub(crate) fn new(
        tls: Option<stint_tls::Peers>,
        network: Option<Arc<dyn Network>>,
        snapshot_bytes_per_second: u64,
    ) -> Self {
        Self {
            tls,
            network,
            known: Mutex::default(),
            troubles: Troubles::default(),
            outgoing: Arc::new(Outgoing::new(snapshot_bytes_per_second)),
        }
    }

    /// The connection; it is made, and made anew, by itself when it is used.
    pub(crate) fn client(
        &self,
        peer: u64,
        address: &str,
        lane: Lane,
    ) -> Result<Client, tonic::Status> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (peer, address.to_owned(), lane);
        if let Some(client) = known.get(&key) {
            return Ok(client.clone());
        }
        // Encryption is the connector's, so that the scheme says nothing of it.
        let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|error| {
            tonic::Status::invalid_argument(format!("peer address {address}: {error}"))
        })?;
        let (address, tls, network) = (address.to_owned(), self.tls.clone(), self.network.clone());
        let connector =
            tower::service_fn(move |_| dial(peer, address.clone(), tls.clone(), network.clone()));
        let channel = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_INTERVAL)
            // Where entries or heartbeats may come, a stream is open. What else is idle is not asked, but
            // with the next call that it carries.
            .keep_alive_while_idle(false)
            .initial_stream_window_size(4 * 1024 * 1024)
            .initial_connection_window_size(8 * 1024 * 1024)
            .connect_with_connector_lazy(connector);
        let client = Client::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        known.insert(key, client.clone());
        Ok(client)
    }
}

/// A new connection to `peer`, under the certificate that holds now.
async fn dial(
    peer: u64,
    address: String,
    tls: Option<stint_tls::Peers>,
    network: Option<Arc<dyn Network>>,
) -> io::Result<TokioIo<Line>> {
    if let Some(network) = network {
        return Ok(TokioIo::new(Line::Right(network.connect(&address).await?)));
    }
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let stream = match tls {
        Some(tls) => tls.connect(stream, peer).await?,
        None => Stream::Left(stream),
    };
    Ok(TokioIo::new(Line::Left(stream)))
}
