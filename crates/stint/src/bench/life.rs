//! Whole lives of jobs, as their records tell them.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::bail;
use stint_client::{Client, Timestamp, is_over, v0};

use super::times::{Times, between, rate};
use super::{Target, distribution, load, remove};
use crate::args::bench::{Load, What};
use crate::command::parameters;
use crate::print::{self, Row, Unit};

/// Jobs that are read at once: as many as a replica gives.
const PAGE: u32 = 1_000;

/// The times of the jobs that are over, in log time.
struct Lives {
    times: Times,
    ends: Vec<Timestamp>,
    first: Timestamp,
    not_done: u64,
}

pub(super) async fn run(target: &Target, args: Load, what: What) -> anyhow::Result<Vec<Row>> {
    let job = v0::SubmitJobRequest {
        action: what.action,
        parameters: Some(v0::StringMap { entries: parameters(what.params)? }),
        ..Default::default()
    };
    let client = target.client()?;
    let before = target.meter.read().await?;
    let load = load::submit(target, args, &job).await?;
    let ids = load.all();
    print::note(&format!("{} jobs accepted, waiting for all to be over", ids.len()));
    for id in load.last() {
        client.wait_job(id, None).await?;
    }
    // Those that are read are what costs from here on.
    let after = target.meter.read().await?;
    let lives = read(client, &job.action, &ids).await?;
    let mut rows = load.rows(args, &load::SUBMISSIONS);
    rows.extend(lives.rows(load.window));
    rows.extend(before.rows_until(&after, load.count(), "life"));
    if !args.keep {
        remove(&target.connections, ids).await?;
    }
    Ok(rows)
}

/// Reads the records of all jobs: page by page, and then one by one what no page had.
async fn read(client: &Client, action: &str, ids: &[String]) -> anyhow::Result<Lives> {
    let mut left: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let mut lives: Option<Lives> = None;
    let mut start = 0;
    loop {
        let which = v0::ListJobsRequest {
            action: action.to_owned(),
            start,
            limit: Some(PAGE),
            ..Default::default()
        };
        let page = client.list_jobs(which).await?;
        let has_ours = page.iter().any(|job| left.contains(job.id.as_str()));
        for job in page.iter().filter(|job| is_over(job)) {
            if left.remove(job.id.as_str()) {
                add(&mut lives, job);
            }
        }
        // Ours are the latest: a page without any is past them.
        if !has_ours || left.is_empty() {
            break;
        }
        start += PAGE;
    }
    for id in left {
        add(&mut lives, &client.wait_job(id, None).await?);
    }
    match lives {
        Some(lives) => Ok(lives),
        None => bail!("no job was found again"),
    }
}

fn add(lives: &mut Option<Lives>, job: &v0::Job) {
    let (Some(submitted), Some(ended)) = (job.scheduled_at, job.last_updated) else { return };
    let lives = lives.get_or_insert_with(|| Lives {
        times: Times::default(),
        ends: Vec::new(),
        first: submitted,
        not_done: 0,
    });
    if between(&submitted, &lives.first) > Duration::ZERO {
        lives.first = submitted;
    }
    if job.status == "done" {
        lives.times.add(between(&submitted, &ended));
        lives.ends.push(ended);
    } else {
        lives.not_done += 1;
    }
}

impl Lives {
    fn rows(&self, window: Duration) -> Vec<Row> {
        let ends = self.ends.iter().map(|end| between(&self.first, end));
        let in_window = ends.clone().filter(|end| *end <= window).count();
        let in_window = u64::try_from(in_window).unwrap_or(u64::MAX);
        let whole = ends.max().unwrap_or_default();
        let mut rows = vec![
            Row::new("done", "jobs done", Unit::Count(self.times.count())),
            Row::new("otherwise", "jobs that ended otherwise", Unit::Count(self.not_done)),
            Row::new(
                "doneUnderLoad",
                "jobs done while others were submitted",
                Unit::PerSecond(rate(in_window, window)),
            ),
            Row::new(
                "doneInAll",
                "jobs done, until the last one was",
                Unit::PerSecond(rate(self.times.count(), whole)),
            ),
        ];
        let names = ["lifeP50", "lifeP90", "lifeP99", "lifeLongest"];
        rows.extend(distribution(names, "submitted to done, in log time", &self.times));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(status: &str, submitted: &str, ended: &str) -> v0::Job {
        v0::Job {
            status: status.into(),
            scheduled_at: Some(submitted.parse().unwrap()),
            last_updated: Some(ended.parse().unwrap()),
            ..Default::default()
        }
    }

    #[test]
    fn rates_are_those_of_the_records() {
        let mut lives = None;
        for job in [
            job("done", "2017-01-01T00:00:01Z", "2017-01-01T00:00:02Z"),
            job("done", "2017-01-01T00:00:00Z", "2017-01-01T00:00:01Z"),
            job("done", "2017-01-01T00:00:01Z", "2017-01-01T00:00:06Z"),
            job("error", "2017-01-01T00:00:01Z", "2017-01-01T00:00:09Z"),
        ] {
            add(&mut lives, &job);
        }
        let rows = lives.unwrap().rows(Duration::from_secs(2));
        let value = |name| rows.iter().find(|row| row.name == name).unwrap().value;
        assert_eq!(value("done"), Unit::Count(3));
        assert_eq!(value("otherwise"), Unit::Count(1));
        assert_eq!(value("doneUnderLoad"), Unit::PerSecond(1.0));
        assert_eq!(value("doneInAll"), Unit::PerSecond(0.5));
    }
}
