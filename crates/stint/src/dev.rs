//! `stint dev`: three replicas on this machine, each a process of this same program.
//!
//! They run the very `stint serve` that an operator runs, with configurations that this writes.
//! They end with this process however it ends: their standard input is a pipe that it holds.

mod guide;
mod plan;
mod prepare;
mod replica;

use std::time::Duration;

use anyhow::{Context as _, bail};
use stint_client::Client;
use tokio::time::{Instant, sleep, timeout};

use crate::args::Dev;
use crate::command::client;
use crate::exit::Exit;
use crate::print;
use crate::stops::Signals;
use plan::Plan;
use replica::Replica;

/// How long the cluster may take until it has a leader and all its workers. It takes about two
/// seconds on an idle machine.
const START_MAX: Duration = Duration::from_mins(1);

/// How often it is asked.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How long the replicas may take to stop before they are killed. They themselves allow running
/// jobs less.
const STOP_MAX: Duration = Duration::from_secs(30);

pub(crate) async fn run(args: Dev) -> anyhow::Result<Exit> {
    let began = Instant::now();
    let mut stops = Signals::listen()?;
    let plan = Plan::new(&args)?;
    prepare::all(&plan)?;
    let mut replicas = plan.spawn_all()?;
    let ran = tokio::select! {
        ran = supervise(&plan, &mut replicas, began) => ran,
        signal = stops.next() => {
            print::note(&format!("{signal}: stopping all replicas; once more to kill them"));
            Ok(())
        }
    };
    let stopped = stop_all(&mut replicas, &mut stops).await;
    let (dir, is_kept) = (plan.dir().to_owned(), plan.is_kept());
    drop(plan);
    if is_kept {
        print::note(&format!("the cluster is kept in {}", dir.display()));
    }
    ran.and(stopped)?;
    Ok(Exit::Done)
}

/// Waits until the cluster works, says what can be done with it, and then tells of each replica
/// that ends. Ends by itself only when it cannot go on.
async fn supervise(plan: &Plan, replicas: &mut [Replica], began: Instant) -> anyhow::Result<()> {
    let leader = tokio::select! {
        leader = wait_until_whole(plan) => leader?,
        dead = any_end(replicas) => bail!(
            "replica {} ended before the cluster was complete ({}); its log ends with:\n{}",
            dead.id, dead.status, dead.log_tail
        ),
    };
    print::line(&guide::text(plan, replicas, &leader, began.elapsed()))?;
    while replicas.iter().any(Replica::is_alive) {
        let dead = any_end(replicas).await;
        print::line(&guide::obituary(plan, &dead))?;
    }
    bail!("all replicas have ended")
}

/// Returns the leader once there is one and all workers live.
async fn wait_until_whole(plan: &Plan) -> anyhow::Result<String> {
    let client = client(&plan.addresses(), None, None, Some(START_MAX))?;
    let deadline = Instant::now() + START_MAX;
    loop {
        let seen = match look(&client, plan.count()).await {
            Ok(leader) => return Ok(leader),
            Err(seen) => seen,
        };
        if Instant::now() > deadline {
            bail!(
                "the cluster was not complete within {START_MAX:?}: {seen:#}; the logs are in {}",
                plan.dir().display()
            );
        }
        sleep(LOOK_INTERVAL).await;
    }
}

async fn look(client: &Client, count: usize) -> anyhow::Result<String> {
    let live = client.list_workers().await?.iter().filter(|it| it.status == "running").count();
    if live < count {
        bail!("{live} of {count} workers live");
    }
    let leader = client.cluster_status().await?.leader;
    if leader.is_empty() {
        bail!("there is no leader");
    }
    Ok(leader)
}

/// Returns when one of the replicas that live has ended.
async fn any_end(replicas: &mut [Replica]) -> replica::End {
    let ends = replicas.iter_mut().filter(|it| it.is_alive()).map(|it| Box::pin(it.end()));
    let ends: Vec<_> = ends.collect();
    if ends.is_empty() {
        return std::future::pending().await;
    }
    futures_util::future::select_all(ends).await.0
}

/// Tells all at once to stop, and waits for them. They stop together, so that each can still say
/// goodbye to a majority.
async fn stop_all(replicas: &mut [Replica], stops: &mut Signals) -> anyhow::Result<()> {
    for replica in &mut *replicas {
        replica.stop();
    }
    let ends = async {
        let mut failed = Vec::new();
        while replicas.iter().any(Replica::is_alive) {
            let end = any_end(replicas).await;
            if !end.status.success() {
                failed.push(format!("replica {} ended with {}", end.id, end.status));
            }
        }
        failed
    };
    let outcome = tokio::select! {
        failed = timeout(STOP_MAX, ends) => failed.ok(),
        _ = stops.next() => None,
    };
    match outcome {
        Some(failed) if failed.is_empty() => Ok(()),
        Some(failed) => bail!("{}", failed.join("; ")),
        None => {
            for replica in replicas {
                replica.kill().await.context("a replica cannot be killed")?;
            }
            bail!("the replicas were killed")
        }
    }
}
