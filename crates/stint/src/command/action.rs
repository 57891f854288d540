//! `stint action`.

pub(crate) mod check;

use super::Caller;
use crate::args::action::Command;
use crate::exit::Exit;

pub(crate) use check::run as check;

/// The verbs that ask a cluster; `check` asks none.
pub(crate) async fn run(caller: &Caller, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List => {
            let actions = caller.client.list_actions().await?;
            caller.printer.actions(&actions)?;
            Ok(Exit::Done)
        }
        Command::Show { name } => {
            let action = caller.client.get_action(&name).await?;
            caller.printer.action(&action)?;
            Ok(Exit::Done)
        }
        Command::Check(args) => check(args, caller.printer.0),
    }
}
