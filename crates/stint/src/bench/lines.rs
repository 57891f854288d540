//! Lines of output, from processes to whoever follows them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stint_client::{Client, Error, LogRange, v0};
use tokio::time::Instant;

use super::load::{self, Words};
use super::times::rate;
use super::{Target, remove};
use crate::args::bench::{Load, What};
use crate::command::parameters;
use crate::print::{Row, Unit};

const WORDS: Words = Words {
    rate: "outputs",
    times: ["outputP50", "outputP90", "outputP99", "outputLongest"],
    accepted: "jobs whose output was followed to its end in that time",
    failed: "jobs failed",
    a_second: "such jobs",
    took: "submitted to its output's end",
};

/// What has been seen, by all clients.
#[derive(Default)]
struct Seen {
    lines: AtomicU64,
    bytes: AtomicU64,
    /// Lines whose number was not the next one.
    gaps: AtomicU64,
}

pub(super) async fn run(target: &Target, args: Load, what: What) -> anyhow::Result<Vec<Row>> {
    let job = v0::SubmitJobRequest {
        action: what.action,
        parameters: Some(v0::StringMap { entries: parameters(what.params)? }),
        ..Default::default()
    };
    let seen = Arc::new(Seen::default());
    let before = target.meter.read().await?;
    let began = Instant::now();
    let all = Arc::clone(&seen);
    let load = load::run(target, args, move |client| {
        let (job, seen) = (job.clone(), Arc::clone(&all));
        async move { follow(&client, job, &seen).await }
    });
    let load = load.await?;
    let took = began.elapsed();
    let after = target.meter.read().await?;
    let lines = seen.lines.load(Ordering::Relaxed);
    let mut rows = load.rows(args, &WORDS);
    rows.extend([
        Row::new("lines", "lines seen", Unit::Count(lines)),
        Row::new("gaps", "lines out of turn", Unit::Count(seen.gaps.load(Ordering::Relaxed))),
        Row::new(
            "lines",
            "lines seen, until the last job's end",
            Unit::PerSecond(rate(lines, took)),
        ),
        Row::new(
            "lineBytes",
            "bytes of them",
            Unit::PerSecond(rate(seen.bytes.load(Ordering::Relaxed), took)),
        ),
    ]);
    rows.extend(before.rows_until(&after, lines, "line"));
    if !args.keep {
        remove(&target.connections, load.all()).await?;
    }
    Ok(rows)
}

/// One job, and its output to the end.
async fn follow(client: &Client, job: v0::SubmitJobRequest, seen: &Seen) -> Result<String, Error> {
    let id = client.submit_job(job).await?.id;
    let range = LogRange { follow: true, ..Default::default() };
    let mut logs = client.job_logs(&id, range);
    let mut next = 0;
    while let Some(line) = logs.next().await? {
        if line.line_num != next {
            seen.gaps.fetch_add(1, Ordering::Relaxed);
        }
        next = line.line_num + 1;
        seen.lines.fetch_add(1, Ordering::Relaxed);
        let bytes = u64::try_from(line.data.len()).unwrap_or(u64::MAX);
        seen.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
    Ok(id)
}
