//! `stint cluster`.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use stint_client::v0::{GetClusterStatusResponse, Worker};

use super::{Caller, client};
use crate::args::cluster::Command;
use crate::exit::Exit;
use crate::print;

/// How long others have to answer, when one replica has answered already.
const OTHERS_MAX: Duration = Duration::from_secs(2);

/// What replicas say of their cluster, as far as they can be asked.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What the leader says, or else whoever answers.
    pub(crate) status: GetClusterStatusResponse,
    /// What each replica says, by its id: of itself it knows best.
    pub(crate) own: BTreeMap<String, GetClusterStatusResponse>,
    /// What the log says of their workers; nothing while there is no leader.
    pub(crate) workers: Vec<Worker>,
}

pub(crate) async fn run(caller: &Caller, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Status => caller.printer.cluster(&look(caller).await?)?,
        Command::Statistics { since } => {
            caller.printer.statistics(&caller.client.statistics(Some(since)).await?)?;
        }
        Command::Invite { expires_in } => {
            caller.printer.invitation(&caller.client.invite_replica(&expires_in).await?)?;
        }
        Command::Remove { id } => {
            caller.client.remove_replica(&id).await?;
            caller.printer.done(&format!("replica {id} is removed"));
            note_even(caller).await;
        }
        Command::TransferLeader { id } => {
            caller.client.transfer_leader(&id).await?;
            caller.printer.done(&format!("replica {id} leads"));
        }
        Command::Join(_) => unreachable!("it is no call to a cluster"),
    }
    Ok(Exit::Done)
}

/// Says what is to be said of the number of those that vote now, if it can be known.
async fn note_even(caller: &Caller) {
    if let Ok(status) = caller.client.cluster_status().await {
        let voters = status.members.iter().filter(|member| member.is_voter).count();
        if let Some(warning) = stint_consensus::even_voters(voters) {
            print::note(&warning);
        }
    }
}

/// Asks one replica, and then all that it names.
pub(super) async fn look(caller: &Caller) -> Result<Seen, stint_client::Error> {
    let status = caller.client.cluster_status().await?;
    let others = status.members.iter().filter(|member| member.id != status.replica);
    let asked = join_all(others.map(|member| ask(caller, &member.client_address)));
    let workers = tokio::time::timeout(OTHERS_MAX, caller.client.list_workers());
    let (answers, workers) = tokio::join!(asked, workers);
    let mut own: BTreeMap<_, _> =
        answers.into_iter().flatten().map(|answer| (answer.replica.clone(), answer)).collect();
    own.insert(status.replica.clone(), status.clone());
    // The leader knows more than the others: who can be reached, and who is behind.
    let by_leader = own.get(&status.leader).cloned();
    let workers = workers.ok().and_then(Result::ok).unwrap_or_default();
    Ok(Seen { status: by_leader.unwrap_or(status), own, workers })
}

/// What the replica at this address says, if it is one that can be reached from here.
async fn ask(caller: &Caller, address: &String) -> Option<GetClusterStatusResponse> {
    let (ca, token) = (caller.ca.as_deref(), caller.token.as_deref());
    let client = client(std::slice::from_ref(address), ca, token, Some(OTHERS_MAX)).ok()?;
    client.cluster_status().await.ok()
}
