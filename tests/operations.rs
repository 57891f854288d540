//! What operators do with a cluster: configure it, watch it, install it.

mod bundle;
mod configuration;
mod crowd;
mod deploy;
mod local;
mod logs;
mod metrics;
mod names;
mod readiness;
mod status;
mod supervisor;
mod traces;
