//! The worker of a real replica: what it runs, how it ends it, and what it tells the cluster.

#[path = "agent/ends.rs"]
mod ends;
#[path = "agent/harness.rs"]
mod harness;
#[path = "agent/lease.rs"]
mod lease;
#[path = "agent/runs.rs"]
mod runs;
#[path = "agent/zoo.rs"]
mod zoo;
