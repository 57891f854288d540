//! `stint token`.

use stint_client::v0::CreateTokenRequest;

use super::Caller;
use crate::args::token::Command;
use crate::exit::Exit;

pub(crate) async fn run(caller: &Caller, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Create { user, role, expires_in, description } => {
            let expires_in = expires_in.map(|length| format!("{}ms", length.as_millis()));
            let new = CreateTokenRequest {
                user,
                role: role.name().to_owned(),
                expires_in: expires_in.unwrap_or_default(),
                description,
            };
            let created = caller.client.create_token(new).await?;
            caller.printer.created_token(&created)?;
        }
        Command::Show => caller.printer.caller(&caller.client.caller().await?)?,
        Command::List => caller.printer.tokens(&caller.client.list_tokens().await?)?,
        Command::ResetAdmin(_) => unreachable!("it is no call to a cluster"),
        Command::Revoke { id } => caller.client.revoke_token(&id).await?,
    }
    Ok(Exit::Done)
}
