//! The JSON of the v0 API: what its objects look like, in and out.

mod message;
mod read;
mod write;

pub(super) use message::Message;
pub(super) use read::{Fields, capacity, submission};
pub(super) use write::{Cluster, Job, LogLine, Workers};
