//! What operators do with a cluster: configure it, watch it, install it.

mod configuration;
mod metrics;
mod names;
