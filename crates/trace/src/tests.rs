//! The ids of spans, what is told, and the header of W3C.

use std::collections::BTreeSet;

use super::identity::{Which, context, is_among, span};
use super::*;
use stint_core::JobId;

const JOB: [u8; 16] =
    [0x01, 0xa2, 0x17, 0xd3, 0xd9, 0xaf, 0x74, 0x06, 0x9b, 0xf8, 1, 2, 3, 4, 5, 6];

#[test]
fn the_trace_of_a_job_has_its_id_and_each_of_its_spans_an_id_of_its_own() {
    let job = JobId::from_bytes(JOB);
    let whole = context(job, Which::Whole);
    assert_eq!(whole.trace_id().to_string(), job.to_string().replace('-', ""));
    assert!(whole.is_valid() && whole.is_sampled());
    let attempts = (1..1000).flat_map(|n| [Which::Wait(n), Which::Run(n)]);
    let ids: BTreeSet<_> =
        attempts.chain([Which::Whole]).map(|which| span(job, which).to_bytes()).collect();
    assert_eq!(ids.len(), 1999);
    assert_ne!(span(JobId::from_bytes([0; 16]), Which::Whole), SpanId::INVALID);
}

#[test]
fn a_share_of_all_is_told() {
    let told = |share| (0..10_000_u64).filter(|n| is_among(n * n, share)).count();
    assert_eq!(told(0.0), 0);
    assert_eq!(told(1.0), 10_000);
    let tenth = told(0.1);
    assert!((800..1200).contains(&tenth), "{tenth}");
}

#[test]
fn only_a_traceparent_is_taken_for_one() {
    let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert!(TraceParent::parse(good).is_some());
    assert!(TraceParent::parse(&good.replace("00-4", "cc-4")).is_some(), "of a later version");
    assert!(TraceParent::parse(&format!("{}-more", good.replace("00-4", "cc-4"))).is_some());
    for bad in [
        "",
        "00",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-é-00f067aa0ba902b7-01",
    ] {
        assert_eq!(TraceParent::parse(bad), None, "{bad}");
    }
}
