//! Three real replicas, with real disks and real connections, and what they promise.
#![cfg(test)]

#[path = "cluster/certificates.rs"]
mod certificates;
#[path = "cluster/clocks.rs"]
mod clocks;
#[path = "cluster/compaction.rs"]
mod compaction;
#[path = "cluster/handover.rs"]
mod handover;
#[path = "cluster/harness.rs"]
mod harness;
#[path = "cluster/history.rs"]
mod history;
#[path = "cluster/leases.rs"]
mod leases;
#[path = "cluster/output.rs"]
mod output;
#[path = "cluster/puppet.rs"]
mod puppet;
#[path = "cluster/reads.rs"]
mod reads;
#[path = "cluster/recover.rs"]
mod recover;
#[path = "cluster/relay.rs"]
mod relay;
#[path = "cluster/restart.rs"]
mod restart;
#[path = "cluster/severed.rs"]
mod severed;
#[path = "cluster/strangers.rs"]
mod strangers;
