//! `stint bench`: measures a cluster from outside, through the client that everybody uses.

mod cost;
mod crons;
mod idle;
mod latency;
mod life;
mod lines;
mod list;
mod load;
mod outage;
mod read;
mod saved;
mod submit;
mod times;

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::{StreamExt as _, stream};
use stint_client::{Client, Code, Error, v0};
use tokio::sync::watch;

use crate::args::Global;
use crate::args::bench::{Bench, Command};
use crate::command::client;
use crate::exit::Exit;
use crate::print::{self, Printer, Row, Unit};
use crate::stops::Signals;
use cost::Meter;
use saved::Saved;

/// How long a replica may take to say that it is there.
const FIND_MAX: Duration = Duration::from_secs(2);

/// Jobs that are made or removed at a time beside a measurement.
const AT_ONCE_MAX: usize = 64;

/// What is run by everything here: it is built in, and does nothing.
const ACTION: &str = "noop";

/// Whether the load is to end early.
type Stopped = watch::Receiver<bool>;

/// A cluster that is measured.
struct Target {
    connections: Vec<Client>,
    meter: Meter,
    stopped: Stopped,
}

impl Target {
    /// Any of the connections.
    fn client(&self) -> anyhow::Result<&Client> {
        self.connections.first().context("no connections")
    }

    fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }
}

pub(crate) fn run(global: &Global, bench: Bench) -> anyhow::Result<Exit> {
    let Bench { load, record } = bench;
    let before = record.compare.as_deref().map(Saved::read).transpose()?;
    let name = load.name();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let rows = runtime.block_on(until_stopped(global, load))?;
    let saved = Saved::of(name, &rows);
    let is_printed = record.json.as_deref().is_some_and(|path| path.as_os_str() == "-");
    match &record.json {
        Some(_) if is_printed => print::json(&saved)?,
        Some(path) => saved.write(path)?,
        None => {}
    }
    let compared = before.as_ref().map(|before| before.compare(name, &rows)).transpose()?;
    if !is_printed {
        Printer(global.output).load(&rows, compared.as_deref())?;
    }
    let (Some(compared), Some(limit)) = (compared, record.fail_above) else {
        return Ok(Exit::Done);
    };
    let worse: Vec<_> = compared.iter().filter(|one| one.is_worse_than(limit)).collect();
    for one in &worse {
        print::note(&format!("{}: {:.2} times worse than before", one.name, one.worse));
    }
    Ok(if worse.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Measures. A signal ends the load early and leaves time to remove its jobs, a second one does not.
async fn until_stopped(global: &Global, command: Command) -> anyhow::Result<Vec<Row>> {
    let mut signals = Signals::listen()?;
    let (stop, stopped) = watch::channel(false);
    let mut measured = pin!(measure(global, command, stopped));
    loop {
        tokio::select! {
            rows = &mut measured => return rows,
            signal = signals.next() => {
                if stop.send_replace(true) {
                    bail!("{signal}: ended at once; the jobs that were made are still there");
                }
                print::note(&format!("{signal}: ending the load; once more to leave its jobs"));
            }
        }
    }
}

async fn measure(global: &Global, command: Command, stopped: Stopped) -> anyhow::Result<Vec<Row>> {
    let count = match &command {
        Command::Submit(load)
        | Command::Life { load, .. }
        | Command::Read { load, .. }
        | Command::List { load, .. }
        | Command::Lines { load, .. } => load.connections,
        Command::Crons { .. }
        | Command::Latency { .. }
        | Command::Outage { .. }
        | Command::Idle { .. } => 1,
    };
    let target = target(global, count, stopped).await?;
    match command {
        Command::Submit(load) => submit::run(&target, load).await,
        Command::Life { load, what } => life::run(&target, load, what).await,
        Command::Read { load, jobs } => read::run(&target, load, jobs).await,
        Command::List { load, limit } => list::run(&target, load, limit).await,
        Command::Lines { load, what } => lines::run(&target, load, what).await,
        Command::Crons { actions, seconds } => crons::run(&target, &actions, seconds).await,
        Command::Latency { count, keep } => latency::run(&target, count, keep).await,
        Command::Outage { kill } => outage::run(&target, kill).await,
        Command::Idle { seconds } => idle::run(&target, seconds).await,
    }
}

/// Connections to the replicas that answer, in turn, and one to each of them that asks what it costs.
async fn target(global: &Global, count: u32, stopped: Stopped) -> anyhow::Result<Target> {
    let token = global.token()?;
    let client = |addresses: &[String], timeout| {
        client(addresses, global.ca.as_deref(), token.as_deref(), timeout)
    };
    let (mut live, mut each) = (Vec::new(), Vec::new());
    for address in &global.address {
        let one = client(std::slice::from_ref(address), Some(FIND_MAX))?;
        if one.cluster_status().await.is_ok() {
            live.push(address.clone());
            each.push(one);
        }
    }
    if live.is_empty() {
        // The usual call says what is wrong with each of them.
        client(&global.address, Some(FIND_MAX))?.cluster_status().await?;
        bail!("no replica answers");
    }
    print::note(&format!("measuring by {}", live.join(", ")));
    let mut connections = Vec::new();
    for _ in 0..count {
        connections.push(client(&live, global.timeout)?);
        live.rotate_left(1);
    }
    Ok(Target { connections, meter: Meter::new(each), stopped })
}

/// Has so many jobs of nothing done, and says which.
async fn finished(target: &Target, count: u32) -> anyhow::Result<Vec<String>> {
    print::note(&format!("{count} jobs are made first"));
    let clients = (0..count).zip(target.connections.iter().cycle());
    let jobs = stream::iter(clients).map(async |(_, client): (u32, &Client)| {
        let job = v0::SubmitJobRequest { action: ACTION.to_owned(), ..Default::default() };
        let job = client.submit_job(job).await?;
        client.wait_job(&job.id, None).await
    });
    let mut ids = Vec::new();
    let mut jobs = pin!(jobs.buffer_unordered(AT_ONCE_MAX));
    while let Some(job) = jobs.next().await {
        ids.push(job?.id);
    }
    Ok(ids)
}

/// Deletes the jobs of a measurement. That they are gone already is fine.
async fn remove(connections: &[Client], ids: Vec<String>) -> anyhow::Result<()> {
    print::note(&format!("deleting {} jobs; keep them with --keep", ids.len()));
    let clients = connections.iter().cycle();
    let deletions = stream::iter(ids.into_iter().zip(clients))
        .map(async |(id, client): (String, &Client)| client.delete_job(&id).await);
    let mut failed: Option<Error> = None;
    let mut count = 0_u64;
    let mut deletions = pin!(deletions.buffer_unordered(AT_ONCE_MAX));
    while let Some(outcome) = deletions.next().await {
        if let Err(error) = outcome
            && error.code() != Some(&Code::NoSuchJob)
        {
            count += 1;
            failed = Some(error);
        }
    }
    match failed {
        Some(error) => bail!("{count} jobs were not deleted: {error}"),
        None => Ok(()),
    }
}

/// The rows of a distribution of times.
fn distribution(
    names: [&'static str; 4],
    what: &str,
    times: &times::Times,
) -> impl Iterator<Item = Row> {
    let figures = [
        ("p50", times.at(0.5)),
        ("p90", times.at(0.9)),
        ("p99", times.at(0.99)),
        ("longest", times.longest()),
    ];
    let row = |(name, (label, time)): (&'static str, (&str, Duration))| {
        Row::new(name, format!("{what}, {label}"), Unit::Took(time))
    };
    names.into_iter().zip(figures).map(row).collect::<Vec<_>>().into_iter()
}
