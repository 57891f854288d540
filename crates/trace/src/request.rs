//! The span of a request: within the trace of its client, if it brings one.

use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, TraceFlags, TraceId, TraceState};
use stint_core::JobId;

use crate::identity::{self, Which};
use crate::{Open, Span};

/// A request that has been answered. Of an answer that goes on, its beginning counts.
#[derive(Debug)]
pub struct Request<'a> {
    /// What it belongs to, as its client says.
    pub parent: Option<TraceParent>,
    /// What it asked for, such as `Jobs.SubmitJob`.
    pub operation: &'static str,
    /// Its id in answers and logs.
    pub id: &'a str,
    /// The status of HTTP, or the code of gRPC by its name.
    pub code: String,
    /// Whether that is this replica's fault.
    pub is_failure: bool,
    /// The job that it is about, where it is about one.
    pub job: Option<JobId>,
    /// When it came.
    pub start: SystemTime,
    /// When its answer began.
    pub end: SystemTime,
}

/// Where a request stands in its client's trace: the header `traceparent` of W3C Trace Context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace: TraceId,
    span: SpanId,
    is_sampled: bool,
}

impl TraceParent {
    /// Reads the header. What is none is as good as absent, as that recommendation wants.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |text: &str, length| {
            text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        // Later versions may have more parts, and say more; what this one has stays where it is.
        let is_known = is_hex(version, 2) && version != "ff";
        let is_whole = version != "00" || parts.next().is_none();
        if !is_known || !is_whole || !is_hex(trace, 32) || !is_hex(span, 16) || !is_hex(flags, 2) {
            return None;
        }
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        let is_sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        (trace != TraceId::INVALID && span != SpanId::INVALID).then_some(Self {
            trace,
            span,
            is_sampled,
        })
    }
}

pub(crate) fn tell(open: &Open, request: &Request<'_>) {
    let mut bytes = [0_u8; 24];
    if getrandom::fill(&mut bytes).is_err() {
        // Nothing depends on this span; a system without random numbers has other troubles.
        return;
    }
    let [first, second, third] = [0, 8, 16].map(|at| {
        let mut part = [0_u8; 8];
        part.iter_mut().zip(bytes.iter().skip(at)).for_each(|(to, from)| *to = *from);
        u64::from_be_bytes(part).max(1)
    });
    let is_told = match request.parent {
        Some(parent) => parent.is_sampled,
        None => identity::is_among(first, open.share),
    };
    if !is_told {
        return;
    }
    let drawn = TraceId::from((u128::from(first) << 64) | u128::from(second));
    let (trace, parent) = match request.parent {
        Some(parent) => (parent.trace, parent.span),
        None => (drawn, SpanId::INVALID),
    };
    let mut attributes = vec![
        KeyValue::new("rpc.method", request.operation),
        KeyValue::new("stint.code", request.code.clone()),
        KeyValue::new("stint.request.id", request.id.to_owned()),
    ];
    attributes.extend(request.job.map(|job| KeyValue::new("stint.job.id", job.to_string())));
    let (flags, state) = (TraceFlags::SAMPLED, TraceState::default());
    open.tell(Span {
        context: SpanContext::new(trace, SpanId::from(third), flags, false, state),
        parent,
        is_parent_remote: request.parent.is_some(),
        kind: SpanKind::Server,
        name: request.operation.to_owned(),
        start: request.start,
        end: request.end,
        attributes,
        link: request.job.map(|job| identity::context(job, Which::Whole)),
        failure: request.is_failure.then(|| request.code.clone()),
    });
}
