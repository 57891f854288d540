//! The wire types, generated from `/proto`. Nothing is written by hand here.
//!
//! It knows what messages look like, and nothing of what they mean. Start at the `.proto` files:
//! [`v0`] is the public API, [`log`] is what stands on disk, [`peer`] is what replicas say to each
//! other.

#![allow(clippy::all, reason = "the code is generated, and nobody formats or shapes it by hand")]

/// The public API: the gRPC mirror of v0.
pub mod v0 {
    tonic::include_proto!("stint.v0");

    /// The descriptors of this package, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/public.bin"));
}

/// What stands in the log, in checkpoints and in history.
pub mod log {
    /// The first version of the format.
    pub mod v1 {
        tonic::include_proto!("stint.log.v1");
    }
}

/// What replicas say to each other.
pub mod peer {
    /// The first version of the protocol.
    pub mod v1 {
        tonic::include_proto!("stint.peer.v1");
    }
}
