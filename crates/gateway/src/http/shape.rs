//! The JSON of the v0 API: what its objects look like, in and out.

mod read;
mod write;

pub(super) use read::{Fields, action_config, capacity, cron, settings, submission};
pub(super) use write::{ActionConfig, Cluster, Cron, Job, LogLine, Settings, Workers};
