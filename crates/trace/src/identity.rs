//! The ids of a job's spans, which everybody can work out.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use stint_core::JobId;

/// The odd number next to 2^64 over the golden ratio: its multiples are far apart.
const APART: u64 = 0x9e37_79b9_7f4a_7c15;

/// Which of a job's spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// From its creation to its end.
    Whole,
    /// Until this attempt was claimed.
    Wait(u32),
    /// From its claim to its end.
    Run(u32),
}

/// The last eight bytes of a job's id, which are random in ids that we draw.
fn low(job: JobId) -> u64 {
    let all = u128::from_be_bytes(job.to_bytes());
    u64::try_from(all & u128::from(u64::MAX)).unwrap_or_default()
}

/// The id of a span within the trace of its job. Zero is no id.
pub(crate) fn span(job: JobId, which: Which) -> SpanId {
    let place = match which {
        Which::Whole => 0,
        Which::Wait(attempt) => u64::from(attempt) * 2 - 1,
        Which::Run(attempt) => u64::from(attempt) * 2,
    };
    let id = low(job).wrapping_add(place.wrapping_mul(APART));
    SpanId::from_bytes(if id == 0 { APART } else { id }.to_be_bytes())
}

/// The same with its trace.
pub(crate) fn context(job: JobId, which: Which) -> SpanContext {
    let trace = TraceId::from_bytes(job.to_bytes());
    let state = TraceState::default();
    SpanContext::new(trace, span(job, which), TraceFlags::SAMPLED, true, state)
}

/// Whether a job is among the share that is told, which all replicas decide alike.
pub(crate) fn is_told(job: JobId, share: f64) -> bool {
    is_among(low(job), share)
}

/// Whether a number that may be any is among a share of all.
pub(crate) fn is_among(number: u64, share: f64) -> bool {
    // The upper 32 bits of a product that mixes the lower ones in; each is a float exactly.
    let place = u32::try_from(number.wrapping_mul(APART) >> 32).unwrap_or(u32::MAX);
    f64::from(place) < share * (f64::from(u32::MAX) + 1.0)
}
