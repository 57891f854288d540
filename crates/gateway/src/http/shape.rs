//! The JSON of the v0 API: what its objects look like, in and out.

mod message;
mod read;
mod write;

pub(super) use message::Message;
pub(super) use read::{
    Fields, action_config, bulk, capacity, cron, drain_limit, invitation_time, pause_reason,
    settings, submission, token_request,
};
pub(super) use write::{
    Action, ActionConfig, Attempts, Audit, Bulk, Cluster, Cron, CronHistory, Diagnosed, Invited,
    Job, LogLine, NewToken, Preview, Queue, Settings, Statistics, Tokens, WhoCalls, Worker,
};
