//! Clients of all kinds, by the client crate, which note whatever it does not retry away.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use stint_client::{Client, LogRange, WatchRange, v0};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::harness::{Cluster, wait_for};

/// How long a client waits before its next job.
const PACE: Duration = Duration::from_millis(20);

/// Clients at work.
pub(super) struct Load {
    runtime: Runtime,
    seen: Arc<Mutex<Seen>>,
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
    client: Client,
    began: Instant,
}

/// What they saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The ids of accepted jobs, by action.
    noops: BTreeSet<String>,
    others: BTreeSet<String>,
    /// When each of `noops` was accepted.
    accepted: Vec<Instant>,
    /// What no client should see.
    errors: Vec<String>,
    /// The most lines of one job that were followed to its end.
    lines: usize,
    watched: usize,
}

/// Figures of a load that has ended well.
#[derive(Debug)]
#[expect(dead_code, reason = "they are for people, who see them printed")]
pub(super) struct Figures {
    accepted: usize,
    pub(super) longest_gap: Duration,
}

type Shared = (Client, Arc<Mutex<Seen>>, Arc<AtomicBool>);

impl Load {
    pub(super) fn start(cluster: &Cluster) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let addresses = cluster.replicas.iter().map(|replica| replica.address.clone());
        let deadline = Duration::from_secs(30);
        let client = {
            let _entered = runtime.enter();
            Client::builder().endpoints(addresses).deadline(deadline).build().expect("a client")
        };
        let (seen, is_over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let shared: Shared = (client.clone(), Arc::clone(&seen), Arc::clone(&is_over));
        runtime.block_on(put_cron(&client));
        let clients = vec![
            runtime.spawn(submit(shared.clone(), Some("a"))),
            runtime.spawn(submit(shared.clone(), None)),
            runtime.spawn(wait(shared.clone())),
            runtime.spawn(follow(shared.clone())),
            runtime.spawn(watch(shared)),
        ];
        Self { runtime, seen, is_over, clients, client, began: Instant::now() }
    }

    /// Waits until so many more jobs were accepted.
    pub(super) fn wait_for_more(&self, count: usize) {
        let accepted = || self.seen.lock().unwrap_or_else(PoisonError::into_inner).accepted.len();
        let before = accepted();
        wait_for("more jobs to be accepted", || {
            let found = accepted() - before;
            if found >= count { Ok(()) } else { Err(found) }
        });
    }

    /// Ends it, and makes sure that everything that was accepted has ended once and well, and that
    /// nobody saw an error.
    pub(super) fn end(self) -> Figures {
        let Self { runtime, seen, is_over, clients, client, began } = self;
        is_over.store(true, Ordering::Relaxed);
        runtime.block_on(async {
            for client in clients {
                client.await.expect("a client ends");
            }
        });
        let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
        assert!(seen.errors.is_empty(), "clients saw {:#?}", seen.errors);
        assert!(seen.lines >= 6 && seen.watched > seen.noops.len(), "{} lines", seen.lines);
        runtime.block_on(all_are_done(&client, &seen));
        Figures { accepted: seen.noops.len(), longest_gap: longest_gap(began, &seen.accepted) }
    }
}

fn longest_gap(began: Instant, accepted: &[Instant]) -> Duration {
    let before = std::iter::once(began).chain(accepted.iter().copied());
    let gaps = before.zip(accepted).map(|(before, after)| after.duration_since(before));
    gaps.max().expect("something was accepted")
}

async fn put_cron(client: &Client) {
    let cron = v0::PutCronRequest {
        action: "tick".to_owned(),
        schedule: "@every 1s".to_owned(),
        missed: "all".to_owned(),
        ..Default::default()
    };
    client.put_cron(cron).await.expect("a cron");
}

/// Each job that was accepted is there once, and is done; so is what the cron has made.
async fn all_are_done(client: &Client, seen: &Seen) {
    for id in seen.noops.iter().chain(&seen.others) {
        let job = client.wait_job(id, Some(Duration::from_mins(1))).await.expect("an answer");
        assert_eq!(job.status, "done", "{job:?}");
    }
    let list = v0::ListJobsRequest {
        action: "noop".to_owned(),
        limit: Some(1_000_000),
        ..Default::default()
    };
    let found: BTreeSet<_> =
        client.list_jobs(list).await.expect("a list").into_iter().map(|job| job.id).collect();
    assert_eq!(found, seen.noops, "what is there, and what was accepted");
    client.pause_cron("tick").await.expect("an answer");
    let ticks = client.cron_history("tick").await.expect("a history");
    let is_bad = |tick: &&v0::CronTick| !tick.skip_reason.is_empty();
    assert!(ticks.len() > 1 && !ticks.iter().any(|tick| is_bad(&tick)), "{ticks:#?}");
    for tick in ticks {
        let job = client.wait_job(&tick.job_id, Some(Duration::from_mins(1))).await.expect("a job");
        assert_eq!(job.status, "done", "{job:?}");
    }
}

fn note(seen: &Mutex<Seen>, note: impl FnOnce(&mut Seen)) {
    note(&mut seen.lock().unwrap_or_else(PoisonError::into_inner));
}

fn new(action: &str, key: Option<String>) -> v0::SubmitJobRequest {
    v0::SubmitJobRequest {
        action: action.to_owned(),
        idempotency_key: key.unwrap_or_default(),
        ..Default::default()
    }
}

/// Submits, with a key of its own or without.
async fn submit((client, seen, is_over): Shared, keys: Option<&str>) {
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let key = keys.map(|prefix| format!("{prefix}-{number}"));
        match client.submit_job(new("noop", key)).await {
            Ok(job) => note(&seen, |seen| {
                seen.noops.insert(job.id);
                seen.accepted.push(Instant::now());
            }),
            Err(error) => note(&seen, |seen| seen.errors.push(format!("submit: {error}"))),
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Submits jobs that take a while, so that some run where a replica is restarted, and waits for each.
async fn wait((client, seen, is_over): Shared) {
    while !is_over.load(Ordering::Relaxed) {
        let mut job = new("sleep", None);
        let seconds = [("seconds".to_owned(), "1".to_owned())];
        job.parameters = Some(v0::StringMap { entries: seconds.into() });
        let done = async {
            let job = client.submit_job(job).await?;
            note(&seen, |seen| seen.others.extend([job.id.clone()]));
            client.wait_job(&job.id, None).await
        };
        match done.await {
            Ok(job) if job.status == "done" => {}
            Ok(job) => note(&seen, |seen| seen.errors.push(format!("wait: {job:?}"))),
            Err(error) => note(&seen, |seen| seen.errors.push(format!("wait: {error}"))),
        }
    }
}

/// Submits jobs that print, and follows each to its end.
async fn follow((client, seen, is_over): Shared) {
    while !is_over.load(Ordering::Relaxed) {
        let followed = async {
            let job = client.submit_job(new("talk", None)).await?;
            note(&seen, |seen| seen.others.extend([job.id.clone()]));
            let range = LogRange { follow: true, ..LogRange::default() };
            let mut lines = client.job_logs(&job.id, range);
            let mut count = 0;
            while lines.next().await?.is_some() {
                count += 1;
            }
            Ok::<_, stint_client::Error>(count)
        };
        match followed.await {
            Ok(count) => note(&seen, |seen| seen.lines = seen.lines.max(count)),
            Err(error) => note(&seen, |seen| seen.errors.push(format!("follow: {error}"))),
        }
    }
}

/// Watches the ends of jobs.
async fn watch((client, seen, is_over): Shared) {
    let range = WatchRange { from: None, kinds: vec!["jobs".to_owned()] };
    let mut watch = client.watch(range);
    while !is_over.load(Ordering::Relaxed) {
        match tokio::time::timeout(Duration::from_secs(1), watch.next()).await {
            Ok(Ok(event)) if event.kind == "bookmark" => {}
            Ok(Ok(_)) => note(&seen, |seen| seen.watched += 1),
            Ok(Err(error)) => {
                return note(&seen, |seen| seen.errors.push(format!("watch: {error}")));
            }
            Err(_) => {}
        }
    }
}
