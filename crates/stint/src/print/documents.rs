//! Answers as files: the JSON that `--output json` prints, indented.

use serde::Serialize;
use serde_json::Value;
use stint_client::v0;

use super::{json, table};
use crate::command::cluster::Seen;

pub(crate) fn cluster_table(seen: &Seen) -> String {
    table::cluster(seen) + "\n"
}

pub(crate) fn cluster(status: &v0::GetClusterStatusResponse) -> String {
    text(&json::Cluster::of(status))
}

pub(crate) fn workers(workers: &[v0::Worker]) -> String {
    text(&json::Workers::of(workers))
}

pub(crate) fn queues(queues: &[v0::Queue]) -> String {
    text(&json::Queues::of(queues))
}

pub(crate) fn settings(settings: &v0::ClusterSettings) -> String {
    text(&json::Settings::of(settings))
}

/// Without what their jobs are told.
pub(crate) fn crons(crons: &[v0::Cron]) -> String {
    let mut all = serde_json::to_value(json::Crons::of(crons)).unwrap_or_default();
    let each = all.get_mut("crons").and_then(Value::as_array_mut).into_iter().flatten();
    for cron in each.filter_map(Value::as_object_mut) {
        cron.remove("parameters");
    }
    text(&all)
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| error.to_string()) + "\n"
}
