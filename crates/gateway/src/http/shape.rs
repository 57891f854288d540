//! The JSON of the v0 API: what its objects look like, in and out.

mod read;
mod write;

pub(super) use read::{Fields, capacity, submission, token_request};
pub(super) use write::{Audit, Cluster, Job, LogLine, NewToken, Tokens, Workers};
