//! What can go wrong before the first request: everything later is an answer.

use thiserror::Error;

/// The gateway could not be started.
#[derive(Debug, Error)]
pub enum Error {
    /// The listener is of no use.
    #[error("the client listener cannot be used: {0}")]
    Listener(#[from] std::io::Error),
    /// The descriptors of the public API are of no use.
    #[error("the gRPC descriptors of this build cannot be read: {0}")]
    Descriptors(#[from] tonic_reflection::server::Error),
}
