//! The time between the death of a replica and the next accepted job.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use stint_client::v0;
use tokio::time::Instant;

use super::times::in_a_year;
use super::{ACTION, Target, remove};
use crate::print::{Row, Unit};

/// Jobs accepted before the replica is killed: the connections are warm, the cluster is at work.
const JOBS_BEFORE: usize = 100;

pub(super) async fn run(target: &Target, kill: i32) -> anyhow::Result<Vec<Row>> {
    let client = target.client()?;
    let job = v0::SubmitJobRequest {
        action: ACTION.to_owned(),
        scheduled_at: Some(in_a_year()),
        ..Default::default()
    };
    let mut ids = Vec::new();
    for _ in 0..JOBS_BEFORE {
        ids.push(client.submit_job(job.clone()).await?.id);
    }
    let pid = Pid::from_raw(kill).with_context(|| format!("{kill} is no process id"))?;
    // A submission that the dead replica took with it is sent again, and its key makes the two one job.
    let idempotency_key = format!("outage-of-{kill}-{}", killed_at()?);
    let job = v0::SubmitJobRequest { idempotency_key, ..job };
    let killed = Instant::now();
    kill_process(pid, Signal::KILL).with_context(|| format!("process {kill} cannot be killed"))?;
    ids.push(client.submit_job(job).await?.id);
    let outage = killed.elapsed();
    remove(&target.connections, ids).await?;
    Ok(vec![Row::new("outage", "kill -9 to the next accepted job", Unit::Took(outage))])
}

/// Milliseconds since the epoch: process ids come again.
fn killed_at() -> anyhow::Result<u128> {
    Ok(SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is before 1970")?
        .as_millis())
}
