//! Replicas as one cluster: bootstrap, forwarding, restart, hand-over, configuration, both doors.

mod configuration;
mod doors;
mod restart;
