//! Replicas as one cluster: bootstrap, forwarding, restart, hand-over, both doors.

mod doors;
mod restart;
mod tls;
