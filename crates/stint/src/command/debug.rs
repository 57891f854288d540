//! `stint debug bundle`: what a cluster knows of itself, as one archive to be sent to somebody.
//!
//! It is for a bad night: each question has a time, and what cannot be had is named with why.

mod archive;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::join_all;
use stint_client::Timestamp;
use stint_client::v0::{DiagnosticsResponse, GetClusterStatusResponse, Member};

use super::cluster::{self, Seen};
use super::{Caller, client};
use crate::args::debug::Command;
use crate::exit::Exit;
use crate::print::{self, documents};
use archive::{Archive, Part};

/// How long each question may take: on a bad night most of them are answered at once or never.
const ANSWER_MAX: Duration = Duration::from_secs(5);

pub(crate) async fn run(caller: &Caller, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Bundle { file } => Box::pin(bundle(caller, file)).await,
    }
}

async fn bundle(caller: &Caller, file: Option<PathBuf>) -> anyhow::Result<Exit> {
    let now = Timestamp::from(std::time::SystemTime::now());
    let name = format!("stint-debug-{}", stamp(&now));
    let file = file.unwrap_or_else(|| PathBuf::from(format!("{name}.tar.gz")));
    // It may be that nothing can be written where the answers would go.
    let mut archive = Archive::create(&file, &name, caller.token.as_deref())?;
    let gathered = Box::pin(gather(caller, &now.to_string())).await;
    let written = match gathered {
        Ok(parts) => parts.iter().try_for_each(|part| archive.add(part)).map(|()| parts),
        Err(error) => Err(error),
    };
    let parts = match written.and_then(|parts| archive.finish().map(|()| parts)) {
        Ok(parts) => parts,
        Err(error) => {
            // What is there is no archive; that it cannot be removed changes nothing about that.
            drop(std::fs::remove_file(&file));
            return Err(error.context(format!("{}: not written", file.display())));
        }
    };
    let missing = missing(&parts);
    for (what, why) in &missing {
        print::note(&format!("not in it: {what}: {why}"));
    }
    caller.printer.done(&format!("{}: {} files", file.display(), parts.len() - missing.len()));
    Ok(Exit::Done)
}

/// All of it: what each replica says, what the cluster says, and first of all what is there.
async fn gather(caller: &Caller, at: &str) -> anyhow::Result<Vec<Part>> {
    let seen = cluster::look(caller).await.context(
        "no replica says who the others are; what a replica has logged is where its log goes \
         (journalctl -u stint), and `stint config show` says how it is configured",
    )?;
    let replicas =
        join_all(seen.status.members.iter().map(|member| replica(caller, &seen, member)));
    let (replicas, of_cluster) = tokio::join!(replicas, of_cluster(caller, &seen));
    let mut parts: Vec<_> = of_cluster;
    parts.extend(replicas.into_iter().flatten());
    parts.insert(0, Part::had("SUMMARY.txt", summary(at, &seen, &parts)));
    Ok(parts)
}

/// What any replica can say.
async fn of_cluster(caller: &Caller, seen: &Seen) -> Vec<Part> {
    let address = seen.own.get(&seen.status.replica).map(|own| own.replica.as_str());
    let member = seen.status.members.iter().find(|member| Some(member.id.as_str()) == address);
    let mut parts = vec![
        Part::had("cluster.txt", documents::cluster_table(seen)),
        Part::had("cluster.json", documents::cluster(&seen.status)),
    ];
    let asked = member.map_or_else(|| Ok(caller.client.clone()), |member| direct(caller, member));
    let client = match asked {
        Ok(client) => client,
        Err(error) => {
            parts.push(Part::missing("workers.json", error.to_string()));
            return parts;
        }
    };
    let (workers, queues, crons, settings) = tokio::join!(
        within(client.list_workers()),
        within(client.list_queues()),
        within(client.list_crons()),
        within(client.settings()),
    );
    parts.extend([
        Part::of("workers.json", workers.map(|workers| documents::workers(&workers))),
        Part::of("queues.json", queues.map(|queues| documents::queues(&queues))),
        Part::of("crons.json", crons.map(|crons| documents::crons(&crons))),
        Part::of("settings.json", settings.map(|settings| documents::settings(&settings))),
    ]);
    parts
}

/// What one replica says of itself.
async fn replica(caller: &Caller, seen: &Seen, member: &Member) -> Vec<Part> {
    let dir = format!("replicas/{}", file_name(&member.id));
    let status = Part::of(
        format!("{dir}/status.json"),
        seen.own
            .get(&member.id)
            .map(documents::cluster)
            .ok_or_else(|| "it did not say how it is".to_owned()),
    );
    let diagnosed = match direct(caller, member) {
        Ok(client) => within(client.diagnostics()).await,
        Err(error) => Err(error.to_string()),
    };
    let mut parts = vec![status];
    match diagnosed {
        Ok(found) if found.replica != member.id => {
            let other = format!("{} answers as replica {}", member.client_address, found.replica);
            parts.push(Part::missing(dir, other));
        }
        Ok(found) => parts.extend(of_diagnostics(&dir, found)),
        Err(why) => parts.push(Part::missing(dir, format!("{} ({why})", member.client_address))),
    }
    parts
}

fn of_diagnostics(dir: &str, found: DiagnosticsResponse) -> Vec<Part> {
    let log = match found.log_lines_before {
        0 => String::new(),
        before => format!("({before} lines before these are forgotten)\n"),
    };
    let log = log + &found.log.join("\n") + "\n";
    let at = found.at.as_ref().map_or_else(String::new, ToString::to_string);
    let health = format!(
        "version {}\nat {at}, by the cluster's clock\n/readyz: {}\n",
        found.version, found.readiness
    );
    let mut parts = vec![
        Part::had(format!("{dir}/health.txt"), health),
        Part::had(format!("{dir}/log.txt"), log),
        Part::had(format!("{dir}/metrics.txt"), found.metrics),
        Part::had(format!("{dir}/configuration.toml"), found.configuration),
    ];
    parts.extend(
        found
            .machine
            .into_iter()
            .map(|(name, text)| Part::had(format!("{dir}/machine/{}.txt", file_name(&name)), text)),
    );
    parts
}

/// A client of this replica and no other.
fn direct(caller: &Caller, member: &Member) -> Result<stint_client::Client, stint_client::Error> {
    let (ca, token) = (caller.ca.as_deref(), caller.token.as_deref());
    client(std::slice::from_ref(&member.client_address), ca, token, Some(ANSWER_MAX))
}

/// The answer, or why there is none.
async fn within<T>(
    asked: impl Future<Output = Result<T, stint_client::Error>>,
) -> Result<T, String> {
    match tokio::time::timeout(ANSWER_MAX, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", ANSWER_MAX.as_secs())),
    }
}

/// What there is and what is missing, for whoever opens the archive.
fn summary(at: &str, seen: &Seen, parts: &[Part]) -> String {
    let GetClusterStatusResponse { replica, leader, .. } = &seen.status;
    let leader = if leader.is_empty() { "none" } else { leader };
    let mut text = format!(
        "Gathered by stint {} at {at}.\nReplica {replica} said who the members are; leader: {leader}.\n",
        env!("CARGO_PKG_VERSION"),
    );
    text += "No tokens, keys, parameters or output are in it.\n\nWhat could not be had:\n";
    let missing = missing(parts);
    if missing.is_empty() {
        text += "  nothing\n";
    }
    text.extend(missing.into_iter().map(|(what, why)| format!("  {what}: {why}\n")));
    text += "\nWhat is there:\n";
    let had = parts.iter().filter(|part| part.content.is_ok());
    text.extend(had.map(|part| format!("  {}\n", part.name)));
    text
}

fn missing(parts: &[Part]) -> Vec<(&str, &str)> {
    let why = parts.iter().filter_map(|part| Some((&*part.name, &**part.content.as_ref().err()?)));
    why.collect()
}

/// An instant as a part of a name.
fn stamp(at: &Timestamp) -> String {
    at.to_string()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take("20261126T154000".len())
        .collect()
}

/// What a replica has said, as the name of a file: it goes nowhere else.
fn file_name(said: &str) -> String {
    let may = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    said.chars().take(64).map(|c| if may(c) { c } else { '_' }).collect()
}
