//! `stint bench`: measures a cluster from outside, through the client that everybody uses.

mod latency;
mod life;
mod load;
mod outage;
mod times;

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::{StreamExt as _, stream};
use stint_client::{Client, Code, Error, v0};
use tokio::sync::watch;

use crate::args::Global;
use crate::args::bench::{Command, Load};
use crate::command::client;
use crate::exit::Exit;
use crate::print::{self, Printer, Row, Unit};
use crate::stops::Signals;

/// How long a replica may take to say that it is there.
const FIND_MAX: Duration = Duration::from_secs(2);

/// Deletions under way at a time when the jobs of a measurement are removed.
const DELETIONS_MAX: usize = 64;

/// What is run by everything here: it is built in, and does nothing.
const ACTION: &str = "noop";

/// Whether the load is to end early.
type Stopped = watch::Receiver<bool>;

pub(crate) fn run(global: &Global, command: Command) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let rows = runtime.block_on(until_stopped(global, command))?;
    Printer(global.output).load(&rows)?;
    Ok(Exit::Done)
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
    match command {
        Command::Submit(args) => {
            submit(&connections(global, args.connections).await?, args, &stopped).await
        }
        Command::Life(args) => {
            life::run(&connections(global, args.connections).await?, args, &stopped).await
        }
        Command::Latency { count, keep } => {
            latency::run(&connections(global, 1).await?, count, keep, &stopped).await
        }
        Command::Outage { kill } => outage::run(&connections(global, 1).await?, kill).await,
    }
}

async fn submit(connections: &[Client], args: Load, stopped: &Stopped) -> anyhow::Result<Vec<Row>> {
    let job = v0::SubmitJobRequest {
        action: ACTION.to_owned(),
        scheduled_at: Some(times::in_a_year()),
        ..Default::default()
    };
    let load = load::run(connections, args, &job, stopped).await?;
    let rows = load.rows(args);
    if !args.keep {
        remove(connections, load.ids).await?;
    }
    Ok(rows)
}

/// Connections to the replicas that answer, in turn.
async fn connections(global: &Global, count: u32) -> anyhow::Result<Vec<Client>> {
    let token = global.token()?;
    let client = |addresses: &[String], timeout| {
        client(addresses, global.ca.as_deref(), token.as_deref(), timeout)
    };
    let mut live = Vec::new();
    for address in &global.address {
        let one = client(std::slice::from_ref(address), Some(FIND_MAX))?;
        if one.cluster_status().await.is_ok() {
            live.push(address.clone());
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
    Ok(connections)
}

/// Deletes the jobs of a measurement. That they are gone already is fine.
async fn remove(connections: &[Client], ids: Vec<String>) -> anyhow::Result<()> {
    print::note(&format!("deleting {} jobs; keep them with --keep", ids.len()));
    let clients = connections.iter().cycle();
    let deletions = stream::iter(ids.into_iter().zip(clients))
        .map(async |(id, client): (String, &Client)| client.delete_job(&id).await);
    let mut failed: Option<Error> = None;
    let mut count = 0_u64;
    let mut deletions = pin!(deletions.buffer_unordered(DELETIONS_MAX));
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
