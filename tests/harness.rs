//! Real clusters of real processes, each on loopback addresses of its own.

pub(crate) mod certificates;
pub(crate) mod cluster;
pub(crate) mod dice;
pub(crate) mod disk;
pub(crate) mod document;
pub(crate) mod freezer;
pub(crate) mod hosts;
pub(crate) mod http;
pub(crate) mod joining;
pub(crate) mod program;
pub(crate) mod reflection;
pub(crate) mod stall;
pub(crate) mod tls;
pub(crate) mod wait;

pub(crate) use cluster::{Cluster, Options};
pub(crate) use wait::{PATIENCE, wait_for};
