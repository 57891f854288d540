//! One round of one load on one of the two.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::machine::number;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Side {
    Etcd,
    Stint,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Etcd, Self::Stint];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Stint => "stint",
        }
    }
}

/// What is asked of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Load {
    /// A put, a submission.
    Write,
    /// A job put, claimed and done.
    Life,
}

impl Load {
    pub(crate) const BOTH: [Self; 2] = [Self::Write, Self::Life];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Write => "puts, submissions",
            Self::Life => "whole lives of jobs",
        }
    }
}

/// What a round came to.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Round {
    pub(crate) load: Load,
    pub(crate) side: Side,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Processor time of the three members together, for each.
    pub(crate) members_cpu_ms: f64,
    /// Processor time of the load itself, for each.
    pub(crate) load_cpu_ms: f64,
    /// Bytes that the three members wrote, for each.
    pub(crate) written_bytes: f64,
    /// What others had of the machine meanwhile.
    pub(crate) disturbed_percent: f64,
}

/// Milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// The share `at` of these times, which are in microseconds, in milliseconds.
pub(crate) fn quantile(times: &Histogram<u64>, at: f64) -> f64 {
    number(times.value_at_quantile(at)) / 1_000.0
}
