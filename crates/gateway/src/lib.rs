//! The outside of a replica: translates v0 JSON and gRPC to the functions in `api`, and back.
//!
//! It holds no state of the cluster, decides nothing about jobs, and knows neither Raft nor disks:
//! all that it asks and orders goes through `stint_consensus::Replica`. Both doors stand on one
//! port: a request whose content type is `application/grpc` goes to the services of
//! `proto/stint/v0`, every other one to the paths under `/api/v0`.
//!
//! Start at [`Operation`], the table of all that can be asked; then `api`, where each has its
//! function; then `http` and `grpc`, which translate.
#![deny(missing_docs)]

mod api;
mod clients;
mod config;
mod connection;
mod connections;
mod cors;
mod credentials;
mod error;
mod gateway;
mod grpc;
mod http;
mod inbound;
mod inside;
mod invitation;
mod limits;
#[doc(hidden)]
pub mod measured;
mod metrics;
mod operation;
mod outside;
mod parse;
mod session;
mod token;
mod wire;

pub use config::Config;
pub use cors::{BadOrigin, Origin};
pub use error::Error;
pub use gateway::Gateway;
pub use inside::Inside;
pub use invitation::Invitation;
pub use operation::Operation;
pub use token::Secret;

/// The version of this program.
const VERSION: &str = stint_consensus::VERSION;
