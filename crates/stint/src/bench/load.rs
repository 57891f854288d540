//! Many clients that ask for one thing after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;
use stint_client::{Client, Error, v0};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::times::{Times, rate};
use super::{Stopped, Target, distribution};
use crate::args::bench::Load;
use crate::print::{Row, Unit};

/// How a load's figures are named.
pub(super) struct Words {
    /// As JSON has the rate, and the times.
    pub(super) rate: &'static str,
    pub(super) times: [&'static str; 4],
    /// As people read them.
    pub(super) accepted: &'static str,
    pub(super) failed: &'static str,
    pub(super) a_second: &'static str,
    pub(super) took: &'static str,
}

pub(super) const SUBMISSIONS: Words = Words {
    rate: "submit",
    times: ["submitP50", "submitP90", "submitP99", "submitLongest"],
    accepted: "jobs accepted in that time",
    failed: "submissions failed",
    a_second: "jobs accepted",
    took: "submit to accepted",
};

/// What came of it.
#[derive(Debug)]
pub(super) struct Loaded<T> {
    /// The answers of each client, in their order; those after the end too.
    answers: Vec<Vec<T>>,
    /// How long each took that came in time.
    times: Times,
    failed: u64,
    /// How long it went on.
    pub(super) window: Duration,
}

/// What came of one client's questions.
struct Share<T> {
    answers: Vec<T>,
    times: Times,
    /// Failures by what they say.
    failures: BTreeMap<String, u64>,
}

/// Submits jobs like `job` for as long as `args` says. What is answered after the end does not
/// count, but exists.
pub(super) async fn submit(
    target: &Target,
    args: Load,
    job: &v0::SubmitJobRequest,
) -> anyhow::Result<Loaded<String>> {
    let job = job.clone();
    let submit = move |client: Client| {
        let job = job.clone();
        async move { Ok(client.submit_job(job).await?.id) }
    };
    run(target, args, submit).await
}

/// Asks for as long as `args` says.
pub(super) async fn run<T, F, A>(target: &Target, args: Load, ask: F) -> anyhow::Result<Loaded<T>>
where
    F: Fn(Client) -> A + Clone + Send + 'static,
    A: Future<Output = Result<T, Error>> + Send + 'static,
    T: Send + 'static,
{
    let began = Instant::now();
    let end = began + Duration::from_secs(args.seconds);
    let mut clients = JoinSet::new();
    for (_, connection) in (0..args.clients).zip(target.connections.iter().cycle()) {
        clients.spawn(until(end, target.stopped.clone(), connection.clone(), ask.clone()));
    }
    let mut all =
        Loaded { answers: Vec::new(), times: Times::default(), failed: 0, window: Duration::ZERO };
    let mut failures = BTreeMap::new();
    while let Some(share) = clients.join_next().await {
        let Share { answers, times, failures: its } = share?;
        all.answers.push(answers);
        all.times.add_all(&times);
        for (text, count) in its {
            all.failed += count;
            *failures.entry(text).or_insert(0_u64) += count;
        }
    }
    for (text, count) in &failures {
        crate::print::note(&format!("{count} failed: {text}"));
    }
    all.window = began.elapsed().min(Duration::from_secs(args.seconds));
    if all.times.count() == 0 {
        bail!("nothing was answered in time");
    }
    Ok(all)
}

async fn until<T, F, A>(end: Instant, stopped: Stopped, client: Client, ask: F) -> Share<T>
where
    F: Fn(Client) -> A,
    A: Future<Output = Result<T, Error>>,
{
    let mut share =
        Share { answers: Vec::new(), times: Times::default(), failures: BTreeMap::new() };
    while Instant::now() < end && !*stopped.borrow() {
        let began = Instant::now();
        match ask(client.clone()).await {
            Ok(answer) => {
                if Instant::now() <= end {
                    share.times.add(began.elapsed());
                }
                share.answers.push(answer);
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

impl<T: Clone> Loaded<T> {
    /// All answers, in no order.
    pub(super) fn all(&self) -> Vec<T> {
        self.answers.iter().flatten().cloned().collect()
    }

    /// The last answer of each client.
    pub(super) fn last(&self) -> impl Iterator<Item = &T> {
        self.answers.iter().filter_map(|answers| answers.last())
    }

    /// How many answers there were, those after the end too.
    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.answers.iter().map(Vec::len).sum::<usize>()).unwrap_or(u64::MAX)
    }

    /// The figures of the questions and answers themselves.
    pub(super) fn rows(&self, args: Load, words: &Words) -> Vec<Row> {
        let accepted = self.times.count();
        let a_second = Unit::PerSecond(rate(accepted, self.window));
        let mut rows = vec![
            Row::new("clients", "clients", Unit::Count(args.clients.into())),
            Row::new("seconds", "seconds", Unit::Count(self.window.as_secs())),
            Row::new("accepted", words.accepted, Unit::Count(accepted)),
            Row::new("failed", words.failed, Unit::Count(self.failed)),
            Row::new(words.rate, words.a_second, a_second),
        ];
        rows.extend(distribution(words.times, words.took, &self.times));
        rows
    }
}
