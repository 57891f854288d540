//! `stint cluster`.

use std::time::Duration;

use stint_client::v0::GetClusterStatusResponse;

use super::{Caller, client};
use crate::args::Cluster;
use crate::exit::Exit;

/// How long the leader has to answer, when another replica has answered already.
const LEADER_MAX: Duration = Duration::from_secs(2);

pub(crate) async fn run(caller: &Caller, command: Cluster) -> anyhow::Result<Exit> {
    match command {
        Cluster::Status => {
            let status = caller.client.cluster_status().await?;
            let by_leader = ask_leader(caller, &status).await;
            caller.printer.cluster(&by_leader.unwrap_or(status))?;
            Ok(Exit::Done)
        }
    }
}

/// The leader knows more than the others: who can be reached, and who is behind.
async fn ask_leader(
    caller: &Caller,
    status: &GetClusterStatusResponse,
) -> Option<GetClusterStatusResponse> {
    if status.leader == status.replica {
        return None;
    }
    let leader = status.members.iter().find(|member| member.is_leader)?;
    let address = std::slice::from_ref(&leader.client_address);
    let (ca, token) = (caller.ca.as_deref(), caller.token.as_deref());
    let leader = client(address, ca, token, Some(LEADER_MAX)).ok()?;
    leader.cluster_status().await.ok()
}
