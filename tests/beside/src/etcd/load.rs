//! The load on etcd: as many unary clients over as many connections as `stint bench` has, with
//! values as large as stint's records.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tonic::Status;

use super::Etcd;
use super::wire::{Compare, Kv, Operation, PutRequest, RequestOp, TxnRequest};
use crate::machine::{self, number};
use crate::round::{Load, Round, Side, ms, quantile};

/// As `stint bench` has.
const CONNECTIONS: u16 = 6;

/// About what a submission of `noop` takes in stint's log.
const RECORD_BYTES: usize = 100;

/// The worker that all lives are claimed for; its key is bound to its lease.
const WORKER: &[u8] = b"workers/1";

/// Longer than any measurement.
const LEASE_SECONDS: i64 = 3_600;

const LONGEST_US: u64 = 60_000_000;

/// A value of a record's size.
pub(super) fn record(key: &[u8], lease: i64) -> PutRequest {
    PutRequest { key: key.to_vec(), value: vec![b'x'; RECORD_BYTES], lease }
}

/// What one client has done.
struct Share {
    count: u64,
    times: Histogram<u64>,
}

pub(crate) async fn run(
    etcd: &Etcd,
    load: Load,
    clients: u32,
    length: Duration,
    name: &str,
) -> anyhow::Result<Round> {
    let mut connections = Vec::new();
    for n in 0..CONNECTIONS {
        connections.push(etcd.connection(n)?);
    }
    if let (Load::Life, Some(kv)) = (load, connections.first_mut()) {
        let lease = kv.grant(LEASE_SECONDS).await.context("a lease")?.id;
        kv.put(record(WORKER, lease)).await.context("a worker")?;
    }
    let pids = etcd.pids();
    let usage = machine::Usage::read();
    let before = (machine::processor_time(&pids), machine::written(&pids), machine::own());
    let began = Instant::now();
    let end = began + length;
    let mut running = JoinSet::new();
    for (n, kv) in (0..clients).zip(connections.iter().cycle()) {
        let (kv, prefix) = (kv.clone(), format!("jobs/{name}/{n}/"));
        running.spawn(async move { until(end, load, kv, &prefix).await });
    }
    let mut times = histogram();
    let mut count = 0;
    while let Some(share) = running.join_next().await {
        let share = share?.context("a client of etcd")?;
        count += share.count;
        times.add(&share.times)?;
    }
    let took = began.elapsed();
    let each = |all: f64| all / number(count.max(1));
    let processor = machine::processor_time(&pids).saturating_sub(before.0);
    let own = machine::own().saturating_sub(before.2);
    Ok(Round {
        load,
        side: Side::Etcd,
        per_second: number(count) / took.as_secs_f64(),
        p50_ms: quantile(&times, 0.5),
        p99_ms: quantile(&times, 0.99),
        members_cpu_ms: each(ms(processor)),
        load_cpu_ms: each(ms(own)),
        written_bytes: each(number(machine::written(&pids).saturating_sub(before.1))),
        disturbed_percent: machine::Usage::read().disturbed_percent_since(&usage),
    })
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_US, 3).expect("these bounds are in order")
}

async fn until(end: Instant, load: Load, mut kv: Kv, prefix: &str) -> Result<Share, Status> {
    let mut share = Share { count: 0, times: histogram() };
    while Instant::now() < end {
        let key = format!("{prefix}{}", share.count).into_bytes();
        let began = Instant::now();
        match load {
            Load::Write => kv.put(record(&key, 0)).await.map(drop)?,
            Load::Life => life(&mut kv, &key).await?,
        }
        share.count += 1;
        let us = u64::try_from(began.elapsed().as_micros()).unwrap_or(LONGEST_US);
        share.times.saturating_record(us.max(1));
    }
    Ok(share)
}

/// The least that the same promises take: the job is put; it is claimed if nobody else has changed
/// it and the worker's lease holds; it is done on the same conditions.
async fn life(kv: &mut Kv, key: &[u8]) -> Result<(), Status> {
    let put = kv.put(record(key, 0)).await?;
    let mut revision = put.header.map_or(0, |header| header.revision);
    for _ in ["claimed", "done"] {
        let step = RequestOp { request: Some(Operation::Put(record(key, 0))) };
        let txn = TxnRequest {
            compare: vec![Compare::is_unchanged_since(key, revision), Compare::is_there(WORKER)],
            success: vec![step],
        };
        let answer = kv.txn(txn).await?;
        if !answer.succeeded {
            return Err(Status::internal("a step of a life was refused"));
        }
        revision = answer.header.map_or(0, |header| header.revision);
    }
    Ok(())
}
