//! `stint queue`.

use super::Caller;
use crate::args::queue::Command;
use crate::exit::Exit;

pub(crate) async fn run(caller: &Caller, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List => {
            let queues = caller.client.list_queues().await?;
            caller.printer.queues(&queues)?;
        }
        Command::Pause { action, reason } => {
            caller.client.pause_queue(&action, &reason).await?;
        }
        Command::Resume { action } => {
            caller.client.resume_queue(&action).await?;
        }
    }
    Ok(Exit::Done)
}
