//! One job after the other on an idle cluster, watched from outside.

use stint_client::{is_over, v0};
use tokio::time::Instant;

use super::times::Times;
use super::{ACTION, Target, distribution, remove};
use crate::print::{Row, Unit};

pub(super) async fn run(target: &Target, count: u32, keep: bool) -> anyhow::Result<Vec<Row>> {
    let client = target.client()?;
    let mut ids = Vec::new();
    let (mut accepted, mut claimed, mut over) =
        (Times::default(), Times::default(), Times::default());
    for _ in 0..count {
        if target.is_stopped() {
            break;
        }
        let began = Instant::now();
        let job = v0::SubmitJobRequest { action: ACTION.to_owned(), ..Default::default() };
        let mut job = client.submit_job(job).await?;
        accepted.add(began.elapsed());
        ids.push(job.id.clone());
        // A question follows the answer to the one before: the figures include its way.
        while job.attempt == 0 {
            job = client.get_job(&job.id).await?;
        }
        claimed.add(began.elapsed());
        while !is_over(&job) {
            job = client.get_job(&job.id).await?;
        }
        over.add(began.elapsed());
    }
    let mut rows = vec![Row::new("jobs", "jobs, one after the other", Unit::Count(over.count()))];
    let names = ["submitP50", "submitP90", "submitP99", "submitLongest"];
    rows.extend(distribution(names, "submit to accepted", &accepted));
    let names = ["runningP50", "runningP90", "runningP99", "runningLongest"];
    rows.extend(distribution(names, "submit to seen running", &claimed));
    let names = ["doneP50", "doneP90", "doneP99", "doneLongest"];
    rows.extend(distribution(names, "submit to seen done", &over));
    if !keep {
        remove(&target.connections, ids).await?;
    }
    Ok(rows)
}
