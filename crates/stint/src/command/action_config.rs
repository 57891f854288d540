//! `stint action-config`.

use super::{Caller, parameters};
use crate::args::action_config::Command;
use crate::exit::Exit;

pub(crate) async fn run(caller: &Caller, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List => {
            let configs = caller.client.list_action_configs().await?;
            caller.printer.action_configs(&configs)?;
        }
        Command::Get(one) => {
            let config = caller.client.get_action_config(&one.action).await?;
            caller.printer.action_config(&config)?;
        }
        Command::Put(args) => {
            let parameters = parameters(args.params)?;
            let config = caller.client.put_action_config(&args.action, parameters).await?;
            caller.printer.action_config(&config)?;
        }
        Command::Delete(one) => caller.client.delete_action_config(&one.action).await?,
    }
    Ok(Exit::Done)
}
