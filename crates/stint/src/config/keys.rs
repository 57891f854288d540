//! The keys of a configuration outside of its actions, and what holds where one is left out.

use std::time::Duration;

use stint_consensus::Timing;
use toml::Value;

use super::check::LEVEL;

/// One key, as `table.key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) path: &'static str,
    pub(super) kind: Kind,
}

/// How a value is written outside of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As it is, without quotes: an id of digits is no number.
    Text,
    /// As in TOML.
    Toml,
}

const fn text(path: &'static str) -> Key {
    Key { path, kind: Kind::Text }
}

const fn toml(path: &'static str) -> Key {
    Key { path, kind: Kind::Toml }
}

/// All keys, in the order in which they are shown.
pub(super) const KEYS: &[Key] = &[
    text("replica.id"),
    text("replica.data_dir"),
    text("replica.client_address"),
    text("replica.peer_address"),
    text("replica.advertise_client"),
    text("replica.advertise_peer"),
    toml("replica.insecure_plain_text"),
    toml("replica.insecure_open"),
    toml("replica.allowed_origins"),
    text("tls.client_certificate"),
    text("tls.client_key"),
    text("tls.client_ca"),
    text("tls.peer_certificate"),
    text("tls.peer_key"),
    text("tls.peer_ca"),
    text("cluster.id"),
    text("cluster.admin_token_hash"),
    toml("cluster.members"),
    toml("limits.requests_per_second"),
    toml("limits.requests_at_once"),
    toml("limits.connections_per_address"),
    text("raft.heartbeat"),
    text("raft.election_min"),
    text("raft.election_max"),
    text("raft.request_timeout"),
    text("raft.snapshot_bytes_per_second"),
    toml("worker.enabled"),
    text("worker.lease_ttl"),
    toml("worker.runs_max"),
    toml("worker.capacity"),
    text("worker.drain_limit"),
    toml("webhook.allow"),
    text("webhook.ca"),
    toml("webhook.secret_files"),
    text("log.format"),
    text("log.level"),
    text("traces.endpoint"),
    text("traces.ca"),
    toml("traces.share"),
];

/// The keys that have a value where nobody gives one.
pub(super) fn defaults() -> Vec<(&'static str, Value)> {
    let timing = Timing::default();
    let doors = stint_gateway::Config::default();
    let worker = stint_worker::Config::new(std::path::PathBuf::new());
    let runs_max = i64::try_from(worker.runs_max).unwrap_or(i64::MAX);
    vec![
        ("replica.insecure_plain_text", Value::from(false)),
        ("replica.insecure_open", Value::from(false)),
        ("replica.allowed_origins", Value::Array(Vec::new())),
        ("limits.requests_per_second", i64::from(doors.requests_per_second.get()).into()),
        ("limits.requests_at_once", i64::from(doors.requests_at_once.get()).into()),
        ("limits.connections_per_address", i64::from(doors.connections_per_address.get()).into()),
        ("raft.heartbeat", length(timing.heartbeat)),
        ("raft.election_min", length(timing.election_min)),
        ("raft.election_max", length(timing.election_max)),
        ("raft.request_timeout", length(timing.request)),
        ("raft.snapshot_bytes_per_second", size(timing.snapshot_bytes_per_second)),
        ("worker.enabled", true.into()),
        ("worker.lease_ttl", length(worker.ttl)),
        ("worker.runs_max", runs_max.into()),
        ("worker.drain_limit", length(worker.drain_limit)),
        ("log.format", "text".into()),
        ("log.level", LEVEL.into()),
    ]
}

/// An amount of bytes as it is written.
fn size(bytes: u64) -> Value {
    Value::from(format!("{}MiB", bytes >> 20))
}

/// A length of time as it is written.
fn length(length: Duration) -> Value {
    let ms = length.as_millis();
    Value::from(if ms.is_multiple_of(1_000) {
        format!("{}s", ms / 1_000)
    } else {
        format!("{ms}ms")
    })
}
