//! Many clients that submit one job after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;
use stint_client::{Client, Error, v0};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::times::{Times, rate};
use super::{Stopped, distribution};
use crate::args::bench::Load;
use crate::print::{Row, Unit};

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Submitted {
    /// The jobs that were accepted, in no order.
    pub(super) ids: Vec<String>,
    /// The last job of each client: when these are over, most are.
    pub(super) last: Vec<String>,
    /// How long each submission took that was accepted in time.
    times: Times,
    failed: u64,
    /// How long it went on.
    pub(super) window: Duration,
}

/// What came of one client's submissions.
struct Share {
    ids: Vec<String>,
    times: Times,
    /// Failures by what they say.
    failures: BTreeMap<String, u64>,
}

/// Submits jobs like `job` for as long as `args` says. What is answered after the end does not
/// count, but exists.
pub(super) async fn run(
    connections: &[Client],
    args: Load,
    job: &v0::SubmitJobRequest,
    stopped: &Stopped,
) -> anyhow::Result<Submitted> {
    let began = Instant::now();
    let end = began + Duration::from_secs(args.seconds);
    let mut clients = JoinSet::new();
    for (_, connection) in (0..args.clients).zip(connections.iter().cycle()) {
        clients.spawn(submit_until(end, stopped.clone(), connection.clone(), job.clone()));
    }
    let mut all = Submitted::default();
    let mut failures = BTreeMap::new();
    while let Some(share) = clients.join_next().await {
        let Share { ids, times, failures: its } = share?;
        all.last.extend(ids.last().cloned());
        all.ids.extend(ids);
        all.times.add_all(&times);
        for (text, count) in its {
            all.failed += count;
            *failures.entry(text).or_insert(0_u64) += count;
        }
    }
    for (text, count) in &failures {
        crate::print::note(&format!("{count} submissions failed: {text}"));
    }
    all.window = began.elapsed().min(Duration::from_secs(args.seconds));
    if all.times.count() == 0 {
        bail!("no job was accepted");
    }
    Ok(all)
}

async fn submit_until(
    end: Instant,
    stopped: Stopped,
    client: Client,
    job: v0::SubmitJobRequest,
) -> Share {
    let mut share = Share { ids: Vec::new(), times: Times::default(), failures: BTreeMap::new() };
    while Instant::now() < end && !*stopped.borrow() {
        let began = Instant::now();
        match client.submit_job(job.clone()).await {
            Ok(job) => {
                if Instant::now() <= end {
                    share.times.add(began.elapsed());
                }
                share.ids.push(job.id);
            }
            Err(error) => *share.failures.entry(kind(&error)).or_insert(0) += 1,
        }
    }
    share
}

/// What an error is about, without what is different each time.
fn kind(error: &Error) -> String {
    match error {
        Error::Refused { code, message, .. } => format!("{code}: {message}"),
        Error::OutcomeUnknown { reason, .. } => format!("outcome unknown: {reason}"),
        Error::Unreachable { .. } => "no replica answered in time".to_owned(),
        Error::StillWaiting { .. }
        | Error::Interrupted { .. }
        | Error::BadEndpoint { .. }
        | Error::BadCertificate { .. }
        | Error::BadToken => error.to_string(),
    }
}

impl Submitted {
    /// The figures of the submissions themselves.
    pub(super) fn rows(&self, args: Load) -> Vec<Row> {
        let accepted = self.times.count();
        let mut rows = vec![
            Row::new("clients", "clients", Unit::Count(args.clients.into())),
            Row::new("seconds", "seconds", Unit::Count(self.window.as_secs())),
            Row::new("accepted", "jobs accepted in that time", Unit::Count(accepted)),
            Row::new("failed", "submissions failed", Unit::Count(self.failed)),
            Row::new("submit", "jobs accepted", Unit::PerSecond(rate(accepted, self.window))),
        ];
        let names = ["submitP50", "submitP90", "submitP99", "submitLongest"];
        rows.extend(distribution(names, "submit to accepted", &self.times));
        rows
    }
}
