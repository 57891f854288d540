//! Encryption of connections: certificates, who may speak, and how a certificate is renewed.
//!
//! It knows nothing of what is said on a connection. [`Server`] is the side towards clients, who
//! show no certificate; [`Peers`] is both sides between replicas, who each show one. Both read their
//! files again while they run. Start at [`Peers`]; the names in certificates are in `name.rs`.
#![deny(missing_docs)]

mod accept;
mod door;
mod error;
mod files;
mod lasting;
mod limits;
mod live;
mod name;
mod outgoing;
mod peers;
mod plain_text;
mod server;
mod trusted;
mod verify;
mod words;

use tokio::net::TcpStream;
use tokio_util::either::Either;

pub use accept::Refused;
pub use door::{Carrier, Door, Line, Listener, Network};
pub use error::Error;
pub use files::{Files, PeerFiles};
pub use lasting::{Notice, Urgency};
pub use name::PeerName;
pub use outgoing::{Outgoing, Outward};
pub use peers::Peers;
pub use server::Server;
pub use trusted::Encrypted;

/// A connection, plain or encrypted.
pub type Stream = Either<TcpStream, Encrypted>;
